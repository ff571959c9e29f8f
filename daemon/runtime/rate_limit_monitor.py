"""Alerts about an ATS that has been limiting requests for long; work goes on meanwhile, slowly."""

from dataclasses import dataclass, field
from datetime import datetime

from daemon.core.alert_policy import AlertPolicy
from daemon.core.alert_texts import rate_limited
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.failure_streaks import LimitStreak
from daemon.core.integrations import IntegrationRef
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock


@dataclass(slots=True, eq=False)
class RateLimitMonitor:
    """Counts the requests to slow down of all integrations, and reports those that last."""

    alerts: Alerts
    clock: Clock
    policy: AlertPolicy
    _streaks: dict[str, LimitStreak] = field(default_factory=dict)

    def asked_to_slow_down(self, integration: str, until: datetime | None = None) -> None:
        """Note that an ATS sent a request back, and until when it wants none."""
        now = self.clock.now()
        before = self._streaks.get(integration, LimitStreak(now, now))
        self._streaks[integration] = before.extended(now, until or now, self.policy)

    async def report(self) -> None:
        """Opens the alerts of limits that last, and resolves those that are over."""
        now = self.clock.now()
        for name, streak in list(self._streaks.items()):
            if streak.is_over(now, self.policy):
                await self.alerts.resolve(alert_key(AlertKind.RATE_LIMITED, name))
                del self._streaks[name]
            elif streak.is_long(self.policy):
                of = IntegrationRef.named(name)
                condition = rate_limited(of, since=streak.since, until=streak.until)
                await self.alerts.raise_condition(condition)
