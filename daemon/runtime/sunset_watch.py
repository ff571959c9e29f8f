"""Alerts about API versions that a vendor is about to switch off, months before the date."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from connectors.definition.requests import Api
from connectors.integration_checks import SUNSET_NOTICE
from daemon.core.alert_texts import version_sunset
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.runtime.supervision import stopped_within

CHECK_CLOCK_EVERY = timedelta(minutes=5)
REPORT_EVERY = timedelta(days=1)


class SunsetWatch:
    """Compares the dates in the definitions with the calendar, once a day."""

    def __init__(self, apis: Callable[[], Mapping[str, Api]], alerts: Alerts, clock: Clock) -> None:
        """`apis` returns the API of every enabled integration, by the integration's name."""
        self._apis = apis
        self._alerts = alerts
        self._clock = clock
        self._reported_at = clock.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Reports once a day until stopped."""
        while not await stopped_within(stop, CHECK_CLOCK_EVERY):
            if self._clock.monotonic() - self._reported_at >= REPORT_EVERY.total_seconds():
                await self.report()
                self._reported_at = self._clock.monotonic()

    async def report(self) -> None:
        """Opens or resolves the alert of each integration."""
        today = self._clock.now().date()
        for name, api in self._apis().items():
            if api.sunset is None or api.sunset - today > SUNSET_NOTICE:
                await self._alerts.resolve(alert_key(AlertKind.VERSION_SUNSET, name))
                continue
            of = IntegrationRef.named(name)
            condition = version_sunset(
                of, version=api.version or "", sunset=api.sunset, today=today
            )
            await self._alerts.raise_condition(condition)
