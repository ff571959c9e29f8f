"""A loop that keeps failing is named and reported, and both end once it works."""

from datetime import datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from daemon.core.conditions import AlertKind
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import LeaseLost
from daemon.runtime.loop_health import LoopHealth
from daemon.store.mongo_errors import is_outage
from models.ids import integration_id
from tests.support.moving_clock import MovingClock
from tests.support.push_world import RecordedAlerts

ACME = IntegrationRef("acme", integration_id("acme"))
SECOND = timedelta(seconds=1)
STREAM = "unexpected_error:stream"
PUSHES = "unexpected_error:acme:pushes"


class Ledger(RecordedAlerts):
    """Alerts that are open already, by key, and when they were seen last."""

    def __init__(self, **seen_at: datetime) -> None:
        super().__init__()
        self.seen_at = seen_at

    async def open_keys(
        self, kind: AlertKind, *, seen_before: datetime | None = None
    ) -> frozenset[str]:
        assert kind is AlertKind.UNEXPECTED_ERROR
        return frozenset(
            key for key, at in self.seen_at.items() if seen_before is None or at < seen_before
        )


class Ward:
    """Two loops on a moved clock: the stream, and one integration's pushes."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.alerts, self.clock = ledger or Ledger(), MovingClock()
        self.loops = LoopHealth(self.alerts, self.clock, is_outage)
        self.loops.belongs("acme: pushes", ACME, "pushes")

    async def fail(
        self, loop: str, error: Exception, *, after: timedelta = SECOND, outage: bool = False
    ) -> None:
        self.clock.advance(after)
        self.loops.failed(loop, error)
        if outage:
            self.loops.outage_seen()
        await self.loops.report()

    async def work(self, loop: str) -> None:
        self.loops.worked(loop)
        await self.loops.report()

    @property
    def raised(self) -> list[str]:
        return [condition.key for condition in self.alerts.raised]


@pytest.mark.parametrize("error", [KeyError(), OperationFailure("no", 13), MemoryError()])
async def test_an_unexpected_error_is_reported_at_once_and_named_when_it_repeats(
    error: Exception,
) -> None:
    ward = Ward()
    await ward.fail("stream", error)
    once = ward.loops.reasons()
    await ward.fail("stream", error)

    assert once == []
    assert [r.split(" at ")[0] for r in ward.loops.reasons()] == [
        f"stream keeps failing: {type(error).__name__}"
        + (" (code 13)" if isinstance(error, OperationFailure) else "")
    ]
    assert ward.raised == [STREAM, STREAM]


async def test_a_loop_that_works_again_is_named_no_more_and_its_alert_is_resolved() -> None:
    ward = Ward()
    await ward.fail("acme: pushes", KeyError())
    await ward.fail("acme: pushes", KeyError())
    await ward.work("acme: pushes")

    assert ward.loops.reasons() == []
    assert ward.raised == [PUSHES, PUSHES]
    assert ward.alerts.resolved == [PUSHES]
    assert ward.alerts.raised[0].integration == "acme"


async def test_an_outage_of_mongodb_is_no_loops_own_failure() -> None:
    ward = Ward()
    for _ in range(3):
        await ward.fail("stream", AutoReconnect(), after=4 * SECOND)
    await ward.fail("stream", AutoReconnect(), after=8 * SECOND, outage=True)
    during = ward.loops.reasons()
    await ward.fail("stream", AutoReconnect(), after=14 * SECOND)

    assert during == []
    assert ward.raised == []


async def test_an_outage_of_mongodb_that_only_one_loop_sees_is_its_own_failure() -> None:
    ward = Ward()
    for _ in range(3):
        await ward.fail("stream", AutoReconnect(), after=22 * SECOND)

    assert len(ward.loops.reasons()) == 1
    assert ward.raised == [STREAM, STREAM]


async def test_a_lease_that_has_gone_is_no_failure() -> None:
    ward = Ward()
    for _ in range(9):
        await ward.fail("acme: pushes", LeaseLost())

    assert ward.raised == []


async def test_what_an_earlier_process_left_open_is_resolved_by_the_loop_that_works() -> None:
    ward = Ward(Ledger(**{STREAM: MovingClock().now(), PUSHES: MovingClock().now()}))
    await ward.loops.report()
    untouched = list(ward.alerts.resolved)
    await ward.work("stream")

    assert untouched == []
    assert ward.alerts.resolved == [STREAM]


async def test_what_another_process_reports_is_left_to_it_until_it_reports_no_more() -> None:
    ward = Ward()
    await ward.work("stream")
    ward.alerts.seen_at[STREAM] = ward.clock.now() + 55 * SECOND
    ward.clock.advance(61 * SECOND)
    await ward.work("stream")
    left = list(ward.alerts.resolved)
    ward.clock.advance(121 * SECOND)
    await ward.work("stream")

    assert left == []
    assert ward.alerts.resolved == [STREAM]


async def test_an_integration_that_has_gone_is_named_no_more() -> None:
    ward = Ward()
    for _ in range(3):
        await ward.fail("acme: pushes", KeyError())
    ward.loops.forget(ACME)

    assert ward.loops.reasons() == []


async def test_many_loops_that_fail_are_named_in_part() -> None:
    ward = Ward()
    for _ in range(2):
        for number in range(500):
            ward.loops.failed(f"loop {number}", KeyError())

    assert len(ward.loops.reasons()) == 11
    assert ward.loops.reasons()[-1] == "490 other loops keep failing"
