"""The report of ended pushes: counts, metrics, log lines, and alerts."""

import time
from collections import Counter
from collections.abc import Sequence

import structlog

from daemon.core.alert_texts import conflicts_open, dead_push
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import DeliveryCounts, PushDeferred, PushEnded
from daemon.ports.alerts import Alerts
from daemon.ports.metrics import Metrics
from daemon.runtime.interval import Interval

log = structlog.get_logger(__name__)

FEW_AT_ONCE = 64
"""Applications in progress. Of more than these the log has totals, once a second."""
LOG_EVERY_S = 1.0


class DeliveryReport:
    """Reports the ends of one integration's pushes."""

    def __init__(self, integration: IntegrationRef, alerts: Alerts, metrics: Metrics) -> None:
        self._integration = integration
        self._alerts = alerts
        self._metrics = metrics
        self._unlogged: Counter[str] = Counter()
        self._next_log = Interval(LOG_EVERY_S, time.monotonic)
        self.counts = DeliveryCounts()

    async def add(self, ends: Sequence[PushEnded | PushDeferred], *, busy: int) -> None:
        """Reports the ends of one application, while `busy` applications are in progress."""
        for end in ends:
            if isinstance(end, PushDeferred):
                self.counts.retried += 1
                continue
            self.counts.ended[end.state] = self.counts.ended.get(end.state, 0) + 1
            self._metrics.count(
                "push_ended_total", integration=self._integration.name, state=end.state
            )
            if end.note is not None:
                self._metrics.count(
                    "push_notes_total", integration=self._integration.name, outcome=end.note
                )
            self._log(end, busy)
            await self._alert(end)

    @property
    def has_unlogged(self) -> bool:
        return bool(self._unlogged)

    def log_now_and_then(self) -> None:
        """Logs the totals of ends without a line of their own, at most once a second."""
        if self._next_log.restart_if_passed():
            self.log_unlogged()

    def log_unlogged(self) -> None:
        if self._unlogged:
            log.info("status_pushes_ended", integration=self._integration.name, **self._unlogged)
            self._unlogged.clear()

    def _log(self, end: PushEnded, busy: int) -> None:
        """Logs a line for each push, but where there are very many only for those that went wrong."""
        if end.state in {"delivered", "superseded"} and busy > FEW_AT_ONCE:
            self._unlogged[end.state] += 1
            return
        log.info(
            "status_push_ended",
            integration=self._integration.name,
            application_id=str(end.push.application_id),
            event_id=end.push.event_id,
            state=end.state,
            reason=end.reason,
            status=end.push.status.value,
            attempts=end.attempts,
        )

    async def _alert(self, end: PushEnded) -> None:
        if end.state == "dead":
            condition = dead_push(
                self._integration,
                application=end.push.application_id,
                status=end.push.status.value,
                reason=end.message or end.reason or "no reason is known",
            )
            await self._alerts.raise_condition(condition)
        elif end.reason == "conflict_open":
            await self._alerts.raise_condition(conflicts_open(self._integration))
