"""The jobs of one integration, as its worker runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from daemon.core.analytics import Period
from daemon.core.runs import Run

Progress = Callable[[str, Run, int | None], None]
"""Called after each page: the list, the run so far, the expected number of records. Must not raise."""


def no_progress(_list: str, _counts: object, _expected: int | None) -> None:
    """Shows nothing."""


class RunRequest(msgspec.Struct, frozen=True):
    """The request for one import, beyond the schedule."""

    fence: int
    """The fencing token of the lease that it runs under."""
    still_held: Callable[[], bool] = lambda: True
    sweep: bool = False
    accept_deletions: bool = False
    only_webhooks: bool = False
    """Read only the records that waiting webhook events name, and no list."""
    only_details: bool = False
    """Read only details that are due, until `must_yield`."""
    must_yield: Callable[[], bool] = lambda: False
    """Returns True once a poll or a webhook event waits."""
    progress: Progress = no_progress


PollJob = Callable[[RunRequest], Awaitable[Run]]
"""Imports what changed at the ATS.

Raises:
    RunFailed: the run ended early; the next one continues from there.
    LeaseLost: another replica took over.
"""

DetailsDue = Callable[[], Awaitable[bool]]
"""Returns True if details of a record are to be read now."""


class DeliveryJob(Protocol):
    """The deliveries of status changes to the ATS."""

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until stopped."""
        ...

    def wake(self) -> None:
        """Makes the job read the outbox at once."""
        ...


class FileJob(Protocol):
    """The fetching of candidates' files."""

    async def run(self, stop: asyncio.Event) -> None:
        """Fetches until stopped."""
        ...

    async def fetch_due(self) -> None:
        """Fetches all files that are due, and returns."""
        ...

    def wake(self) -> None:
        """Makes the job look at the queue."""
        ...


class ExportOutcome(msgspec.Struct, frozen=True):
    """The outcome of one export. `reason` says why nothing, or nothing more, was exported."""

    exported: tuple[Period, ...] = ()
    failed: Period | None = None
    reason: str | None = None

    @property
    def ok(self) -> bool:
        return self.failed is None


class ExportJob(Protocol):
    """The export of analytics to the ATS."""

    async def run(self, *, at_once: bool = False) -> ExportOutcome:
        """Exports the periods that are due; `at_once` also those that rest after a failure.

        Raises:
            RunFailed: an error of no known kind.
        """
        ...
