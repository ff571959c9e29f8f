"""Alerts about an ATS that has been limiting requests for long; work goes on meanwhile, slowly."""

from datetime import datetime

from daemon.core.alert_policy import AlertPolicy, LimitStreak
from daemon.core.alert_texts import rate_limited
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from models.ids import integration_id


class RateLimitMonitor:
    """Counts the requests to slow down of all integrations, and reports those that last."""

    def __init__(self, alerts: Alerts, clock: Clock, policy: AlertPolicy) -> None:
        self._alerts = alerts
        self._clock = clock
        self._policy = policy
        self._streaks: dict[str, LimitStreak] = {}

    def asked_to_slow_down(self, integration: str, until: datetime | None = None) -> None:
        """Note that an ATS sent a request back, and until when it wants none."""
        now = self._clock.now()
        before = self._streaks.get(integration, LimitStreak(now, now))
        self._streaks[integration] = before.extended(now, until or now, self._policy)

    async def report(self) -> None:
        """Opens the alerts of limits that last, and resolves those that are over."""
        now = self._clock.now()
        for name, streak in list(self._streaks.items()):
            if streak.is_over(now, self._policy):
                await self._alerts.resolve(alert_key(AlertKind.RATE_LIMITED, name))
                del self._streaks[name]
            elif streak.is_long(self._policy):
                of = IntegrationRef(name, integration_id(name))
                condition = rate_limited(of, since=streak.since, until=streak.until)
                await self._alerts.raise_condition(condition)
