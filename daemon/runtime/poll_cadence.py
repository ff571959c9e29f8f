"""The time of an integration's next poll: the schedule's, or a later one while webhooks are healthy."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.integrations import IntegrationState
from daemon.core.runs import Run
from daemon.core.webhook_health import is_poll_due, is_refused_since
from daemon.ports.clock import Clock


@dataclass(slots=True, eq=False)
class PollCadence:
    """Decides, whenever the schedule has a poll due, if it is made.

    Kept in memory: another process, and this one after a restart, begins with a poll.
    """

    every: timedelta
    every_with_webhooks: timedelta | None
    """None where webhooks change nothing about polls."""
    clock: Clock
    _healthy: tuple[datetime, float] | None = None
    """When the latest poll began, and monotonic time at its end; None if the next one is due."""

    def is_due(self, state: IntegrationState | None) -> bool:
        """Returns False while the poll is put off. A poll that was requested is always due."""
        longest = self.every_with_webhooks
        if longest is None or self._healthy is None:
            return True
        began_at, ended = self._healthy
        if state is not None and (
            state.request is not None or is_refused_since(began_at, state.webhook_refused_at)
        ):
            return True
        waited = timedelta(seconds=self.clock.monotonic() - ended)
        return is_poll_due(waited, every=self.every, every_with_webhooks=longest)

    def reset(self) -> None:
        """Lets the next poll be due by the schedule."""
        self._healthy = None

    def polled(self, run: Run) -> None:
        """Takes a successful poll."""
        if run.outcome == "success" and run.details.get("webhooks_healthy"):
            self._healthy = run.started_at, self.clock.monotonic()

    def announced(self, run: Run) -> None:
        """Takes an import of announced records: one that failed is read again by the next poll."""
        if run.outcome != "success" or run.counts.failed:
            self.reset()
