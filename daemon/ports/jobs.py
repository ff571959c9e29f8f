"""The jobs of one integration, as its worker runs them, and the record of their runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from daemon.core.analytics import ExportOutcome
from daemon.core.runs import Job, Outcome, Run, RunRequest

PollJob = Callable[[RunRequest], Awaitable[Run]]
"""Imports what changed at the ATS.

Raises:
    RunFailed: the run ended early; the next one continues from there.
    LeaseLost: another replica took over.
"""


class DeliveryJob(Protocol):
    """The deliveries of status changes to the ATS."""

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until stopped."""

    def wake(self) -> None:
        """Makes the job read the outbox at once."""


class FileJob(Protocol):
    """The fetching of candidates' files."""

    async def run(self, stop: asyncio.Event) -> None:
        """Fetches until stopped."""

    async def fetch_due(self) -> None:
        """Fetches all files that are due, and returns."""

    def wake(self) -> None:
        """Makes the job look at the queue."""


class ExportJob(Protocol):
    """The export of analytics to the ATS."""

    async def run(self, *, at_once: bool = False) -> ExportOutcome:
        """Exports the periods that are due; `at_once` also those that rest after a failure.

        Raises:
            RunFailed: an error of no known kind.
        """


class RunLog(Protocol):
    """Records runs: one document each, and one canonical log line."""

    async def start(
        self, job: Job, integration: str | None, integration_id: UUID | None
    ) -> Run: ...

    async def finish(self, run: Run, outcome: Outcome, *, error: str | None = None) -> None: ...
