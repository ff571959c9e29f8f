"""Alerts and metrics of the change stream's position: at risk, lost, repaired."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog

from daemon.core.alert_texts import (
    AGAIN,
    dead_push,
    stream_position_at_risk,
    stream_position_lost,
    unreadable_changes,
)
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import OutboxRow
from daemon.core.stream_recovery import Recovery
from daemon.ports.alerts import Alerts
from daemon.ports.metrics import Metrics
from daemon.pushing.intake import RulesOf
from daemon.pushing.stream_checkpoint import FIRST_START

NOT_PUSHABLE = "What ClearView holds there cannot be pushed"
log = structlog.get_logger(__name__)

WARN_AT = 0.25


class StreamAlerts:
    """Opens and closes the conditions of the stream."""

    def __init__(self, alerts: Alerts, metrics: Metrics) -> None:
        self._alerts = alerts
        self._metrics = metrics
        self._at_risk = True
        """Until shown otherwise: an earlier process may have left the condition open."""

    async def settled(self) -> None:
        """Closes the alerts of a loss, once the stream has been read for a while."""
        self._metrics.gauge("stream_recoveries_in_a_row", 0)
        await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_LOST, None))
        await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_LOST, None, AGAIN))

    async def window(self, age_s: float | None, window_s: float | None) -> None:
        """Compares the position's age with the length of the oplog, both in seconds."""
        if age_s is not None:
            self._metrics.gauge("stream_position_age_seconds", age_s)
        if window_s is not None:
            self._metrics.gauge("stream_oplog_window_seconds", window_s)
        age, window = timedelta(seconds=age_s or 0.0), timedelta(seconds=window_s or 0.0)
        if window and age >= window * WARN_AT:
            self._at_risk = True
            await self._alerts.raise_condition(stream_position_at_risk(age=age, window=window))
        elif self._at_risk:
            self._at_risk = False
            await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_AT_RISK, None))

    async def dead_letters(self, rows: Sequence[OutboxRow], rules: RulesOf) -> None:
        """Alerts about events that ended at once as dead letters."""
        dead = Counter(row.event.integration_id for row in rows if row.state == "dead")
        for integration_id, count in dead.items():
            known = None if integration_id is None else rules.get(integration_id)
            if integration_id is None or known is None:
                await self._alerts.raise_condition(unreadable_changes(count=count))
            else:
                of = IntegrationRef(known.integration, integration_id)
                await self._alerts.raise_condition(dead_push(of, count=count, reason=NOT_PUSHABLE))

    def lost(self, reason: str, found: Recovery) -> None:
        log.error("stream_position_lost", reason=reason, in_a_row=found.number)
        self._metrics.count("stream_position_lost_total")
        self._metrics.gauge("stream_recoveries_in_a_row", found.number)

    async def repaired(self, reason: str, count: int, found: Recovery) -> None:
        """Reports the repair of a lost position; the first start is none."""
        log.warning("stream_position_repaired", reason=reason, repaired=count)
        if reason != FIRST_START:
            await self._alerts.raise_condition(
                stream_position_lost(reason=reason, repaired=count, found=found)
            )
