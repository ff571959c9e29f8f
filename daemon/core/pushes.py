"""Pushes, from their row in the outbox to their end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from daemon.core.applications import KnownApplication
from daemon.core.conflict import Policy, Winner
from daemon.core.status_events import StatusEvent
from models.candidate import AtsRef
from models.status import ApplicationStatus

EndState = Literal["delivered", "skipped", "superseded", "dead"]
PushState = Literal["pending", "in_flight", "retrying"] | EndState
PushOutcome = Literal["Success", "Failed", "Skipped"]
OUTCOMES: dict[EndState, PushOutcome] = {
    "delivered": "Success",
    "skipped": "Skipped",
    "superseded": "Skipped",
    "dead": "Failed",
}


NoteOutcome = Literal["made", "unknown", "failed"]
"""`unknown`: its request left, and no answer came or was recorded. It is not sent again."""
REPEATED = "lost:"
"""Before the event's id, where a push is the repetition of one that the ATS did not make."""


class OutboxRow(msgspec.Struct, frozen=True):
    """A planned event as it enters the outbox."""

    id: UUID
    event: StatusEvent
    state: PushState
    status: str
    stage: AtsRef | None = None
    expected_status: ApplicationStatus | None = None
    expected_stage: AtsRef | None = None
    reason: str | None = None
    message: str | None = None
    sent_at: datetime | None = None
    """Set where a request may have had an effect already: the ATS is read first."""
    known: KnownApplication | None = None
    """Not stored: the snapshot, where the row is new and no other push of its application is
    unfinished. Its delivery needs to read nothing more."""


class OpenPush(msgspec.Struct, frozen=True):
    """A push that has not ended."""

    id: UUID
    event_id: str
    sequence: str
    application_id: UUID
    candidate_id: UUID | None
    external_id: str
    status: ApplicationStatus
    stage: AtsRef | None
    rejection_reason: str | None
    expected_status: ApplicationStatus | None
    """None: it follows another push, whose end decides what to expect."""
    state: PushState
    attempts: int
    next_attempt_at: datetime
    first_attempt_at: datetime | None
    sent_at: datetime | None
    changed_at: datetime

    @property
    def is_repetition(self) -> bool:
        return self.event_id.startswith(REPEATED)


class UnfinishedPush(msgspec.Struct, frozen=True):
    """The latest push of an application that has not ended."""

    status: ApplicationStatus
    stage: AtsRef | None


class PreviousPush(msgspec.Struct, frozen=True):
    """The end of the push before another one of the same application."""

    delivered: bool
    status: ApplicationStatus
    expected_status: ApplicationStatus | None


class LatestPush(msgspec.Struct, frozen=True):
    """The last push of an application, ended or not."""

    status: str
    state: PushState
    reason: str | None


class PushConflict(msgspec.Struct, frozen=True):
    """A conflict: both sides had moved. `winner` None: a person decides."""

    ats: ApplicationStatus
    policy: Policy
    winner: Winner | None


class AtsMove(msgspec.Struct, frozen=True):
    """The application at the ATS before and after a push."""

    before_status: ApplicationStatus
    before_stage: AtsRef
    before_rejection_reason: str | None
    status: ApplicationStatus
    stage: AtsRef
    rejection_reason: str | None
    candidate_external_id: str


class PushDeferred(msgspec.Struct, frozen=True):
    """A push that waits again; `attempts` and `sent_at` are the values to store."""

    push: OpenPush
    until: datetime
    attempts: int
    first_attempt_at: datetime | None
    sent_at: datetime | None
    error: str | None
    followers: Sequence[UUID] = ()
    """Later pushes of the application, which wait as long."""


class PushEnded(msgspec.Struct, frozen=True):
    """A push that has ended."""

    push: OpenPush
    state: EndState
    base: ApplicationStatus
    """The status that both sides had agreed on before: stored, for the pushes that follow."""
    at: datetime
    attempts: int
    reason: str | None = None
    message: str | None = None
    moved: AtsMove | None = None
    conflict: PushConflict | None = None
    note: NoteOutcome | None = None
    """None: there was no note to write."""
    note_error: str | None = None

    @property
    def outcome(self) -> PushOutcome:
        """The end in the words of `application_status_update_log`."""
        return OUTCOMES[self.state]

    @property
    def was_sent(self) -> bool:
        """True if a request was made for it, whatever came of that."""
        return self.state == "delivered" or self.attempts > 0 or self.push.sent_at is not None


class IntakeCounts(msgspec.Struct):
    """The totals of an intake."""

    events: int = 0
    queued: int = 0
    skipped: int = 0
    repaired: int = 0


class DeliveryCounts(msgspec.Struct):
    """The totals of a delivery, by end state."""

    ended: dict[str, int] = msgspec.field(default_factory=dict)
    retried: int = 0

    @property
    def dead(self) -> int:
        return self.ended.get("dead", 0)
