"""Runs of jobs: what they count, how they end, and the words for what ended them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from daemon.core.unexpected import unexpected
from models.errors import AtsSyncError

Job = Literal["import_poll", "status_push", "analytics_export", "reconcile", "detail_import"]
Outcome = Literal["running", "success", "partial", "failed", "interrupted", "waiting"]


class RunCounts(msgspec.Struct):
    """The counts of a run, kept while it goes on."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    unmapped: int = 0
    conflicts: int = 0
    pages: int = 0
    requests: int = 0
    details_pending: int = 0
    """Records that wait for their details when the run ends."""


class Run(msgspec.Struct):
    """One execution of one job."""

    id: UUID
    job: Job
    integration: str | None
    integration_id: UUID | None
    started_at: datetime
    counts: RunCounts = msgspec.field(default_factory=RunCounts)
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    outcome: Outcome = "running"
    error: str | None = None
    """The message of a run that was no success."""


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


class RunFailed(Exception):
    """A run ended without doing everything; what it did is safe. `cause` says why."""

    def __init__(self, run: Run, cause: BaseException) -> None:
        super().__init__(in_words(cause))
        self.run = run
        self.cause = cause

    def __str__(self) -> str:
        """The cause in words that may be shown, and what to do about one of no known kind."""
        said = in_words(self.cause)
        if isinstance(self.cause, AtsSyncError):
            return said
        return f"{said}; if it comes again, report this with the run's id, {self.run.id}"


def in_words(error: BaseException) -> str:
    """Returns the words for an error; of one of no known kind its text is left out."""
    if isinstance(error, AtsSyncError):
        return f"{type(error).__name__}: {error}"
    return f"unexpected {unexpected(error)}"
