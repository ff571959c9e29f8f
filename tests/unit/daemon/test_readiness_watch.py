"""A part that is not ready for long is an alert, and that ends with it."""

from datetime import datetime, timedelta

from daemon.core.conditions import AlertKind
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.readiness_watch import ReadinessWatch
from daemon.store.mongo_errors import is_outage
from tests.support.moving_clock import MovingClock
from tests.support.push_world import RecordedAlerts

SECOND = timedelta(seconds=1)


class Ledger(RecordedAlerts):
    """Alerts, of which some were left open."""

    left_open: frozenset[str] = frozenset()

    async def open_keys(
        self, kind: AlertKind, *, seen_before: datetime | None = None
    ) -> frozenset[str]:
        return frozenset(key for key in self.left_open if key.startswith(kind.value))


class Ward:
    """Checks that answer as a test says."""

    def __init__(self) -> None:
        self.reasons: dict[str, str | None] = {"mongodb": None, "clearview": None, "stream": None}
        self.alerts, self.clock = Ledger(), MovingClock()
        self.loops = LoopHealth(self.alerts, self.clock, is_outage)
        checks = {name: self._check(name) for name in self.reasons}
        self.watch = ReadinessWatch(checks, self.loops, self.alerts, self.clock)

    def _check(self, name: str):  # type: ignore[no-untyped-def]
        async def check() -> str | None:
            return self.reasons[name]

        return check

    async def look(self, seconds: int) -> list[str]:
        """Looks for so long; the keys of what was raised."""
        before = len(self.alerts.raised)
        for _ in range(0, seconds, 5):
            self.clock.advance(5 * SECOND)
            await self.watch.check()
        return [condition.key for condition in self.alerts.raised[before:]]


async def test_clearviews_mongodb_is_given_the_time_of_an_election() -> None:
    ward = Ward()
    ward.reasons["clearview"] = "ClearView's MongoDB does not answer (AutoReconnect)"
    early, within_a_minute = await ward.look(30), await ward.look(30)
    ward.reasons["clearview"] = None
    await ward.look(5)

    assert early == []
    assert within_a_minute == ["not_ready:clearview"]
    assert ward.alerts.resolved == ["not_ready:clearview"]
    assert "ClearView's MongoDB does not answer" in ward.alerts.raised[0].message


async def test_a_stream_that_is_silent_is_reported_at_once_and_then_once_a_minute() -> None:
    ward = Ward()
    ward.reasons["stream"] = "the change stream has been silent for 41 s"

    assert await ward.look(5) == ["not_ready:stream"]
    assert await ward.look(55) == []
    assert await ward.look(10) == ["not_ready:stream"]


async def test_what_an_earlier_process_left_open_is_resolved_once_it_is_ready() -> None:
    ward = Ward()
    ward.alerts.left_open = frozenset({"not_ready:stream"})
    await ward.look(10)

    assert ward.alerts.resolved == ["not_ready:stream"]


async def test_nothing_is_reported_while_no_alert_can_be_stored() -> None:
    ward = Ward()
    ward.reasons = dict.fromkeys(ward.reasons, "it does not answer")
    ward.loops.failed("board", KeyError())
    away = await ward.look(90)
    ward.reasons["mongodb"] = None

    assert away == []
    assert await ward.look(5) == [
        "unexpected_error:board",
        "not_ready:clearview",
        "not_ready:stream",
    ]
