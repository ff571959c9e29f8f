"""Alerts and metrics of one sink: it takes nothing, takes again, no one wants a type."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from daemon.core.alert_texts import events_position_lost, events_undelivered, events_untaken
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.events import Event
from daemon.ports.alerts import AlertLedger
from daemon.ports.clock import Clock
from daemon.ports.metrics import Metrics
from models.event_types import EventType

log = structlog.get_logger(__name__)

UNDELIVERED, UNTAKEN, LOST = (
    AlertKind.EVENTS_UNDELIVERED,
    AlertKind.EVENTS_UNTAKEN,
    AlertKind.EVENTS_POSITION_LOST,
)


def alert_keys(sinks: Sequence[str]) -> Mapping[AlertKind, list[str]]:
    """Returns every key that an alert about one of these sinks can have, by kind."""
    topics = [kind.topic for kind in EventType]
    return {
        UNDELIVERED: [alert_key(UNDELIVERED, None, sink) for sink in sinks],
        LOST: [alert_key(LOST, None, sink) for sink in sinks],
        UNTAKEN: [
            alert_key(UNTAKEN, None, f"{sink}:{topic}") for sink in sinks for topic in topics
        ],
    }


class SinkReports:
    """Opens and closes the conditions of one sink."""

    def __init__(
        self, sink: str, alerts: AlertLedger, metrics: Metrics, clock: Clock, *, patience: timedelta
    ) -> None:
        """`patience` is the time for which a sink may fail before people hear of it."""
        self._sink = sink
        self._alerts = alerts
        self._metrics = metrics
        self._clock = clock
        self._patience_s = patience.total_seconds()
        self._failing_since: float | None = None
        self._reported = True
        """Until shown otherwise: an earlier process may have left the condition open."""
        self._untaken: frozenset[str] | None = None
        """Keys of open conditions about types that no one takes; None: not read yet."""

    async def failed(self, reason: str, waiting_since: datetime) -> None:
        """Notes that nothing gets through; `waiting_since` is the time of the oldest event that waits."""
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
            log.warning("event_sink_failed", sink=self._sink, reason=reason)
        self._metrics.count("event_sink_failures", sink=self._sink)
        lag_s = max(0.0, (self._clock.now() - waiting_since).total_seconds())
        self._metrics.gauge("events_lag_seconds", lag_s, sink=self._sink)
        if now - self._failing_since >= self._patience_s:
            self._reported = True
            await self._alerts.raise_condition(
                events_undelivered(self._sink, reason=reason, waiting_since=waiting_since)
            )

    async def taken(self, events: Iterable[Event]) -> None:
        """Notes that the sink has confirmed events, and that someone takes them."""
        counts = Counter(event.type for event in events)
        for kind, count in counts.items():
            self._metrics.count("events_published", count, sink=self._sink, type=kind.topic)
        await self.works()
        await self._wanted_again(counts)

    async def works(self) -> None:
        """Notes that events get through, or that none waits."""
        if self._failing_since is not None:
            down_s = self._clock.monotonic() - self._failing_since
            log.info("event_sink_recovered", sink=self._sink, after_s=round(down_s, 1))
            self._failing_since = None
        if self._reported:
            self._reported = False
            await self._alerts.resolve(alert_key(UNDELIVERED, None, self._sink))

    async def untaken(self, kind: EventType, count: int, reason: str) -> None:
        """Notes that events of a type were passed over, as no one takes them."""
        self._metrics.count("events_untaken", count, sink=self._sink, type=kind.topic)
        log.warning("events_untaken", sink=self._sink, type=kind.topic, events=count, reason=reason)
        condition = events_untaken(self._sink, kind.topic, reason=reason)
        await self._alerts.raise_condition(condition)
        self._untaken = await self._open() | {condition.key}

    async def position_lost(self, reason: str, since: datetime) -> None:
        log.error("events_position_lost", sink=self._sink, reason=reason)
        await self._alerts.raise_condition(
            events_position_lost(self._sink, reason=reason, since=since)
        )

    async def repaired(self) -> None:
        log.warning("events_position_repaired", sink=self._sink)
        await self._alerts.resolve(alert_key(LOST, None, self._sink))

    def caught_up(self) -> None:
        """Notes that everything up to now is published."""
        self._metrics.gauge("events_lag_seconds", 0.0, sink=self._sink)

    async def _wanted_again(self, counts: Mapping[EventType, int]) -> None:
        for kind in counts:
            key = alert_key(UNTAKEN, None, f"{self._sink}:{kind.topic}")
            if key in await self._open():
                await self._alerts.resolve(key)
                self._untaken = await self._open() - {key}

    async def _open(self) -> frozenset[str]:
        if self._untaken is None:
            self._untaken = await self._alerts.open_keys(UNTAKEN)
        return self._untaken
