"""Analytics export: the hiring metrics of each period reach the ATS, once and in order.

Reads ClearView's applications and the history of changes (or ClearView's Analytics Service), writes
to the ATS, `analytics_values`, `analytics_export_log` and the checkpoint `export:<name>`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.connector import Connector
from connectors.errors import NotSupported
from daemon.core.alert_texts import export_missed
from daemon.core.analytics import (
    Attempts,
    ExportOutcome,
    Period,
    due_periods,
    retry_at,
    values_to_send,
)
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease, LeaseLost
from daemon.core.runs import Run, RunFailed, in_words
from daemon.exporting.value_sender import ExportSettings, ExportStores, PeriodResult, ValueSender
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.jobs import RunLog
from daemon.ports.leases import Leases
from daemon.runtime.supervision import must_pass
from models.errors import AtsSyncError


@dataclass(slots=True, eq=False)
class AnalyticsExport:
    """The export job of one integration. Replicas may run it at the same time."""

    settings: ExportSettings
    connector: Connector
    stores: ExportStores
    leases: Leases
    alerts: Alerts
    runs: RunLog
    clock: Clock

    async def run(self, *, at_once: bool = False) -> ExportOutcome:
        """Exports every complete period that is due, the oldest first, up to the first failure.

        A period that failed rests for a while before it is tried again, unless `at_once`.

        Raises:
            RunFailed: an error of no known kind; the period is recorded as failed like any other.
        """
        if self.connector.capabilities.analytics is None:
            return ExportOutcome(reason=self._not_supported())
        lease = await self.leases.acquire(f"export:{self.settings.integration}")
        if lease is None:
            return ExportOutcome(reason="another replica is exporting")
        try:
            return await self._catch_up(lease, at_once=at_once)
        finally:
            await self.leases.release(lease)

    async def _catch_up(self, lease: HeldLease, *, at_once: bool) -> ExportOutcome:
        exported: list[Period] = []
        for _ in range(self.settings.periods_per_run):
            period = await self._next_due(lease)
            if period is None:
                break
            attempts = await self.stores.log.attempts(self.settings.integration_id, period)
            if attempts.exported_until is not None:
                await self._move_on(attempts.exported_until, lease)
                continue
            last_at = attempts.last_at
            rests = last_at is not None and self.clock.now() < retry_at(attempts.count, last_at)
            if rests and not at_once:
                return ExportOutcome(tuple(exported), reason="resting after a failure")
            error = await self._export(period, lease, attempts)
            if error is not None:
                return ExportOutcome(tuple(exported), failed=period, reason=error)
            exported.append(period)
        return ExportOutcome(tuple(exported))

    async def _next_due(self, lease: HeldLease) -> Period | None:
        name = self.settings.integration
        until = await self.stores.position.load(name)
        periods = due_periods(until, now=self.clock.now(), every=self.settings.every, limit=1)
        if periods and until is None:
            # From here on the first period counts as missed, however long the ATS is down.
            await self.stores.position.save(name, periods[0].start, fence=lease.token)
        return periods[0] if periods else None

    async def _export(self, period: Period, lease: HeldLease, attempts: Attempts) -> str | None:
        """Returns what went wrong, if anything did."""
        of = self.settings
        run = await self.runs.start("analytics_export", of.integration, of.integration_id)
        run.details = {"period_start": period.start, "period_end": period.end}
        metrics: Mapping[str, Any] = {}
        try:
            metrics = await self.stores.source.metrics(self.settings.integration_id, period)
            sent = await self._send(period, metrics, lease, attempts)
            await self._succeed(period, metrics, sent, lease)
        except AtsSyncError as error:
            return await self._fail(period, metrics, run, str(error))
        except BaseException as error:
            if isinstance(error, LeaseLost) or must_pass(error):
                await self.runs.finish(run, "interrupted")
                raise
            if not isinstance(error, Exception | asyncio.CancelledError):
                await self.runs.finish(run, "failed", error=in_words(error))
                raise
            await self._fail(period, metrics, run, in_words(error))
            raise RunFailed(run, error) from error
        complaint = sent.complaint(self.settings.field_name)
        run.counts.updated = sent.taken
        run.counts.failed = sent.refused
        await self.runs.finish(run, "partial" if sent.refused else "success", error=complaint)
        return None

    async def _send(
        self, period: Period, metrics: Mapping[str, Any], lease: HeldLease, attempts: Attempts
    ) -> PeriodResult:
        match self.connector.capabilities.analytics:
            case "report":
                _require(lease)
                await self.connector.send_report(metrics, period_key=period.key)
                return PeriodResult(taken=1)
            case "per_application":
                return await self._send_values(period, lease, attempts)
            case None:
                raise NotSupported(self._not_supported())

    async def _send_values(
        self, period: Period, lease: HeldLease, attempts: Attempts
    ) -> PeriodResult:
        sent = PeriodResult(failed_before=attempts.count)
        sender = ValueSender(self.connector, self.settings, self.stores, sent, period)
        stores, settings = self.stores, self.settings
        async for points in stores.standpoints.batches(settings.integration_id, period):
            known = await stores.values.of(
                settings.field_name, [point.application_id for point in points]
            )
            for point, value in values_to_send(
                points, known, period, field_name=settings.field_name
            ):
                _require(lease)
                await sender.send(point, value)
                if sent.is_hopeless:
                    await sender.doubt_the_field()
        for point, value in sent.take_unsure():
            _require(lease)
            await sender.send(point, value, is_last_try=True)
        await sender.doubt_the_field()
        return sent

    async def _succeed(
        self, period: Period, metrics: Mapping[str, Any], sent: PeriodResult, lease: HeldLease
    ) -> None:
        await self.stores.log.record(
            self.settings.integration_id,
            period,
            status="Success",
            metrics=metrics,
            sent=sent.taken,
            error=sent.complaint(self.settings.field_name),
        )
        await self._move_on(period.end, lease, is_well=not sent.is_doubtful)

    async def _move_on(self, until: datetime, lease: HeldLease, *, is_well: bool = True) -> None:
        """Stores the position last: a crash before this repeats the read of the log only."""
        name = self.settings.integration
        await self.stores.position.save(name, until, fence=lease.token)
        if is_well:
            await self.alerts.resolve(alert_key(AlertKind.EXPORT_MISSED, name))

    async def _fail(self, period: Period, metrics: Mapping[str, Any], run: Run, error: str) -> str:
        settings = self.settings
        await self.stores.log.record(
            settings.integration_id, period, status="Failed", metrics=metrics, error=error
        )
        await self.alerts.raise_condition(
            export_missed(
                IntegrationRef(settings.integration, settings.integration_id),
                period_start=period.start,
                period_end=period.end,
                error=error,
            )
        )
        await self.runs.finish(run, "failed", error=error)
        return error

    def _not_supported(self) -> str:
        ats = self.connector.ats_name
        why = self.connector.capabilities.waivers.get("analytics")
        return f"{ats} takes no analytics: {why}" if why else f"{ats} takes no analytics"


def _require(lease: HeldLease) -> None:
    if not lease.still_held():
        raise LeaseLost(f"{lease.key} may have gone to another replica")
