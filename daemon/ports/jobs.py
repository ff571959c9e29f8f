"""The jobs of one integration, as its worker runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from daemon.core.runs import Run


class PollJob(Protocol):
    """One import of what changed at the ATS."""

    async def __call__(
        self,
        *,
        fence: int,
        still_held: Callable[[], bool],
        sweep: bool = False,
        accept_deletions: bool = False,
        only_webhooks: bool = False,
        only_details: bool = False,
        must_yield: Callable[[], bool] | None = None,
    ) -> Run:
        """Imports under a lease with this fencing token.

        `only_webhooks` reads the records that waiting webhook events name, and no list;
        `only_details` reads details that are due, until `must_yield`.

        Raises:
            RunFailed: the run ended early; the next one continues from there.
            LeaseLost: another replica took over.
        """
        ...


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


class ExportResult(Protocol):
    """The result of one export."""

    @property
    def ok(self) -> bool: ...

    @property
    def reason(self) -> str | None:
        """Returns why nothing, or nothing more, was exported; None where all that is due was."""
        ...


class ExportJob(Protocol):
    """The export of analytics to the ATS."""

    async def run(self, *, at_once: bool = False) -> ExportResult:
        """Exports the periods that are due; `at_once` also those that rest after a failure.

        Raises:
            RunFailed: an error of no known kind.
        """
        ...
