"""Health of an integration's runs: reported once when they fail, and once when they succeed again.

`daemon.core.failure_streaks` decides when; answers to pushes count in `daemon.pushing.admission`.
"""

from dataclasses import dataclass, field

import structlog

from connectors.errors import AtsError, AuthRefused, RateLimited
from daemon.core.alert_policy import AlertPolicy
from daemon.core.alert_texts import auth_refused, integration_failing, run_broke
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.failure_streaks import FailureStreak, after_run
from daemon.core.integrations import IntegrationRef
from daemon.core.runs import Job, RunFailed
from daemon.core.service_errors import ServiceFailed
from daemon.core.unexpected import unexpected
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock

log = structlog.get_logger("daemon.runtime.health")

_ENDED_BY_A_GOOD_RUN = (
    AlertKind.INTEGRATION_FAILING,
    AlertKind.AUTH_REFUSED,
    AlertKind.RATE_LIMITED,
)


@dataclass(slots=True, eq=False)
class IntegrationHealth:
    """The health of one integration, over all its jobs."""

    of: IntegrationRef
    alerts: Alerts
    clock: Clock
    policy: AlertPolicy
    _streak: FailureStreak = field(default_factory=FailureStreak)
    _well: set[Job] = field(default_factory=set)
    """Jobs of which no alert about an unexpected error can be open."""

    async def run_failed(self, failed: RunFailed) -> None:
        """Report a failed run by what its cause is."""
        if isinstance(failed.cause, AtsError | ServiceFailed):
            await self.failed(failed.cause)
        else:
            await self.broke(failed)

    async def broke(self, failed: RunFailed) -> None:
        """Report a run that ended by an error of no known kind, at once."""
        job = failed.run.job
        self._well.discard(job)
        found = unexpected(failed.cause)
        condition = run_broke(self.of, job=job, run_id=failed.run.id, found=found)
        await self.alerts.raise_condition(condition)

    async def worked(self, job: Job) -> None:
        """A run of this job had no unexpected error: an alert about one is over."""
        if job not in self._well:
            key = alert_key(AlertKind.UNEXPECTED_ERROR, self.of.name, job)
            await self.alerts.resolve(key)
            self._well.add(job)

    async def failed(self, error: AtsError | ServiceFailed) -> None:
        """Count a failed run; a refused credential is reported at once."""
        now = self.clock.now()
        if isinstance(error, RateLimited):
            return  # no failure; the rate limit monitor reports it if it lasts
        self._streak, action = after_run(self._streak, failed=True, now=now, policy=self.policy)
        if self._streak.failures == 1:
            log.warning(
                "integration_became_unavailable",
                integration=self.of.name,
                error=type(error).__name__,
                status=error.status,
            )
        if isinstance(error, AuthRefused):
            await self.alerts.raise_condition(auth_refused(self.of, status=error.status))
        elif action == "open":
            streak = self._streak
            await self.alerts.raise_condition(
                integration_failing(
                    self.of,
                    failures=streak.failures,
                    since=streak.since or now,
                    error=f"{type(error).__name__}: {error}",
                )
            )

    async def succeeded(self) -> None:
        """A poll went well: what was open about this integration is over."""
        await self.worked("import_poll")
        before = self._streak
        after, action = after_run(before, failed=False, now=self.clock.now(), policy=self.policy)
        if before.failures and before.since is not None:
            log.info(
                "integration_recovered",
                integration=self.of.name,
                failed_runs=before.failures,
                after_s=(self.clock.now() - before.since).total_seconds(),
            )
        if action == "resolve":
            for kind in _ENDED_BY_A_GOOD_RUN:
                await self.alerts.resolve(alert_key(kind, self.of.name))
        self._streak = after
