"""Loops of this process that keep failing: named in `/readyz`, and reported as alerts.

An alert opens with the first error of no known kind and is resolved once the loop works again. Errors
of a MongoDB that is away are not the loop's own: they count where MongoDB answers all the while.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.core.alert_texts import loop_broke
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import LeaseLost
from daemon.core.unexpected import Unexpected, unexpected
from daemon.ports.alerts import AlertLedger
from daemon.ports.clock import Clock

RED_AFTER = 2
"""Failures in a row after which a loop counts as failing rather than as begun again."""
SHORT_OUTAGE_S = 15.0
"""An outage that is over so soon need not have been seen by the readiness checks."""
LEFT_OPEN = timedelta(minutes=2)
"""An alert of another process that was not seen again for so long is no longer true there."""
READ_EVERY_S = 60.0
MOST_NAMED = 10


@dataclass(slots=True)
class _Loop:
    of: IntegrationRef | None
    subject: str
    failures: int = 0
    """In a row, those left out that an outage explains."""
    since: float = 0.0
    found: Unexpected | None = None
    """The latest of them; None while the loop works."""
    outage: bool = False
    """It was an error of a MongoDB that is away."""
    is_red: bool = False
    to_report: bool = False
    known_well: bool = False

    @property
    def key(self) -> str:
        name = None if self.of is None else self.of.name
        return alert_key(AlertKind.UNEXPECTED_ERROR, name, self.subject)

    def clear(self) -> None:
        self.failures, self.found = 0, None
        self.outage = self.is_red = self.to_report = False


@dataclass(slots=True, eq=False)
class LoopHealth:
    """Implements `daemon.runtime.supervision.LoopObserver`; `report` brings the alerts up to date."""

    alerts: AlertLedger
    clock: Clock
    is_outage: Callable[[BaseException], bool]
    """Returns True for an error of a MongoDB that is away."""
    _loops: dict[str, _Loop] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    """Keys of open alerts that are this process's to resolve."""
    _read_at: float | None = None
    _outage_seen_at: float = float("-inf")

    def belongs(self, loop: str, of: IntegrationRef, subject: str) -> None:
        """Notes that a loop works for one integration; `subject` names it in the alert's key."""
        self._loops[loop] = _Loop(of, subject)

    def forget(self, of: IntegrationRef) -> None:
        """Notes that an integration's loops have gone; its alerts are closed elsewhere."""
        gone = [name for name, one in self._loops.items() if one.of == of]
        for name in gone:
            del self._loops[name]

    def failed(self, loop: str, error: BaseException) -> None:
        now, outage = self.clock.monotonic(), self.is_outage(error)
        is_explained = outage and now - self._outage_seen_at < SHORT_OUTAGE_S
        if isinstance(error, LeaseLost) or is_explained:
            return
        one = self._of(loop)
        one.since = one.since if one.failures else now
        one.failures += 1
        one.found, one.outage, one.known_well = unexpected(error), outage, False
        lasts = one.failures >= RED_AFTER
        one.is_red = lasts and (not outage or now - one.since >= SHORT_OUTAGE_S)
        one.to_report = one.is_red or not outage

    def worked(self, loop: str) -> None:
        one = self._of(loop)
        one.clear()
        one.known_well = True

    def reasons(self) -> list[str]:
        """Returns a sentence for each loop that keeps failing."""
        failing = {name: one for name, one in self._loops.items() if one.is_red}
        named = [f"{name} keeps failing: {one.found}" for name, one in failing.items()]
        more = len(named) - MOST_NAMED
        return named if more <= 0 else [*named[:MOST_NAMED], f"{more} other loops keep failing"]

    def outage_seen(self) -> None:
        """One of the databases is away just now, which explains the loops' errors about it."""
        self._outage_seen_at = self.clock.monotonic()
        for one in self._loops.values():
            if one.outage:
                one.clear()

    async def report(self) -> None:
        """Opens and resolves alerts."""
        await self._read_open()
        for one in list(self._loops.values()):
            if one.to_report and one.found is not None:
                found = one.found
                await self.alerts.raise_condition(loop_broke(one.of, loop=one.subject, found=found))
                if one.found is found:  # it may have failed again, or worked, in the meantime
                    one.to_report = False
                self._open.add(one.key)
            elif one.known_well and one.key in self._open:
                await self.alerts.resolve(one.key)
                self._open.discard(one.key)

    async def _read_open(self) -> None:
        """Finds what an earlier process left open, or another one that has died since."""
        now = self.clock.monotonic()
        if self._read_at is not None and now - self._read_at < READ_EVERY_S:
            return
        seen_before = None if self._read_at is None else self.clock.now() - LEFT_OPEN
        self._open |= await self.alerts.open_keys(
            AlertKind.UNEXPECTED_ERROR, seen_before=seen_before
        )
        self._read_at = now

    def _of(self, loop: str) -> _Loop:
        return self._loops.setdefault(loop, _Loop(None, loop))
