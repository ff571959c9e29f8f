"""Parts that are not ready for long become alerts: no one need look at `/readyz` to hear of them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from daemon.core.alert_texts import not_ready
from daemon.core.conditions import AlertKind, alert_key
from daemon.ports.alerts import AlertLedger
from daemon.ports.clock import Clock
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.readiness import ReadinessCheck, why_not_ready
from daemon.runtime.supervision import stopped_within

log = structlog.get_logger("daemon.readiness")

EVERY = timedelta(seconds=5)
SAID_AGAIN_EVERY_S = 60.0
OWN_DATABASE, CLEARVIEW_DATABASE, STREAM = "mongodb", "clearview", "stream"
PATIENCE_S: Mapping[str, float] = {CLEARVIEW_DATABASE: 30.0, STREAM: 0.0}
"""The parts that are reported, and how long each may be not ready before. An election takes half
a minute at most; the stream's check is patient itself; where the service's own MongoDB is away no
alert can be stored, and loops and configuration have alerts of their own."""


class ReadinessWatch:
    """Looks at the readiness checks every few seconds, and brings alerts up to date."""

    def __init__(
        self,
        checks: Mapping[str, ReadinessCheck],
        loops: LoopHealth,
        alerts: AlertLedger,
        clock: Clock,
    ) -> None:
        self._checks = {name: checks[name] for name in (OWN_DATABASE, *PATIENCE_S)}
        self._loops = loops
        self._alerts = alerts
        self._clock = clock
        self._not_ready_since: dict[str, float] = {}
        self._said_at: dict[str, float] = {}
        self._open: set[str] | None = None
        """Keys of open alerts; None until those of an earlier process were read."""

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until stopped."""
        while not await stopped_within(stop, EVERY):
            await self.check()

    async def check(self) -> None:
        """Compares what is ready with the alerts that are open."""
        asked = [why_not_ready(name, check) for name, check in self._checks.items()]
        reasons = dict(zip(self._checks, await asyncio.gather(*asked), strict=True))
        now = self._clock.monotonic()
        self._not_ready_since = {
            part: self._not_ready_since.get(part, now) for part, reason in reasons.items() if reason
        }
        if reasons[OWN_DATABASE] or reasons[CLEARVIEW_DATABASE]:
            self._loops.outage_seen()
        if reasons[OWN_DATABASE]:
            return
        await self._loops.report()
        if self._open is None:
            self._open = set(await self._alerts.open_keys(AlertKind.NOT_READY))
        for part in PATIENCE_S:
            await self._update_alert(part, reasons[part], self._open)

    async def _update_alert(self, part: str, reason: str | None, opened: set[str]) -> None:
        key = alert_key(AlertKind.NOT_READY, None, part)
        if reason is not None:
            if self._is_due(part):
                log.warning("part_not_ready", component=part, reason=reason)
                await self._alerts.raise_condition(not_ready(part=part, reason=reason))
                opened.add(key)
                self._said_at[part] = self._clock.monotonic()
            return
        self._said_at.pop(part, None)
        if key in opened:
            await self._alerts.resolve(key)
            opened.discard(key)

    def _is_due(self, part: str) -> bool:
        now = self._clock.monotonic()
        since = self._not_ready_since[part]
        said = self._said_at.get(part, float("-inf"))
        return now - since >= PATIENCE_S[part] and now - said >= SAID_AGAIN_EVERY_S
