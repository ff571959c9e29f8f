"""`status_outbox`: one intended push."""

from typing import Any, Literal
from uuid import UUID

from pymongo import IndexModel

from models.documents.base import HoldableDocument, UtcTime
from models.status import ApplicationStatus

OutboxState = Literal[
    "pending", "in_flight", "retrying", "delivered", "skipped", "superseded", "dead"
]
OPEN_STATES: tuple[OutboxState, ...] = ("pending", "in_flight", "retrying")


class StatusOutboxEntry(HoldableDocument):
    """One intended push. `_id` follows from the event's resume token, so replays are harmless."""

    event_id: str
    """The event's resume token data; it sorts as text in stream order."""
    ats_integration_id: UUID | None
    application_id: UUID
    candidate_id: UUID | None = None
    external_id: str | None = None
    """The application's id at the ATS."""
    sequence: str
    """Order within an application: the event's position in the stream."""
    target_status: str
    """The canonical status wanted; of a dead letter `not_canonical`, the word that is none, or empty."""
    target_stage: dict[str, Any] | None = None
    """The stage that ClearView named in the same write, if it did."""
    expected_status: ApplicationStatus | None = None
    """The snapshot's status when the push was planned."""
    expected_stage: dict[str, Any] | None = None
    rejection_reason: str | None = None
    state: OutboxState = "pending"
    reason: str | None = None
    """Why it ended skipped, superseded or dead, in one word."""
    attempts: int = 0
    next_attempt_at: UtcTime | None = None
    first_attempt_at: UtcTime | None = None
    sent_at: UtcTime | None = None
    """When a request left whose answer is not recorded yet: the ATS is read before a retry."""
    note_sent_at: UtcTime | None = None
    """When the request of the note left: it is sent once, whatever comes of it."""
    last_error: str | None = None
    changed_in_clearview_at: UtcTime | None = None
    created_at: UtcTime
    finished_at: UtcTime | None = None
    fence: int | None = None

    class Settings:
        name = "status_outbox"
        indexes = [
            IndexModel(["ats_integration_id", "state", "next_attempt_at"], name="integration_due"),
            IndexModel(["application_id", "sequence"], name="application_sequence"),
            IndexModel(["state", "sequence"], name="state_sequence"),
        ]
