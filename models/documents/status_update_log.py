"""`application_status_update_log`: the outcome of one status change made in ClearView."""

from typing import Literal
from uuid import UUID

from pymongo import DESCENDING, IndexModel

from models.documents.base import HoldableDocument, UtcTime
from models.status import ApplicationStatus


class StatusUpdateLog(HoldableDocument):
    """One outcome of one event; `_id` is the outbox entry's, so a replay cannot log it twice."""

    ats_integration_id: UUID | None
    """None: the application belongs to no integration."""
    candidate_id: UUID | None
    application_id: UUID
    status: str
    """The canonical status wanted; where the reason is `not_canonical`, the word that is none."""
    previous_status: ApplicationStatus | None = None
    updated_at: UtcTime
    outcome: Literal["Success", "Failed", "Skipped"]
    reason: str | None = None
    """Why it was skipped (`already_there`, `superseded`, `conflict`, ...) or failed, in one word."""
    error_message: str | None = None
    attempts: int
    event_id: str
    note: Literal["made", "unknown", "failed"] | None = None
    """The note at the ATS, where the integration asks for one; `unknown`: it may be there."""
    note_error: str | None = None
    replay_of: UUID | None = None
    """The push, where this is an earlier outcome of one that was replayed since."""

    class Settings:
        name = "application_status_update_log"
        indexes = [
            IndexModel(
                ["ats_integration_id", ("updated_at", DESCENDING)], name="integration_updated_at"
            ),
            IndexModel(
                ["application_id", ("updated_at", DESCENDING)], name="application_updated_at"
            ),
            IndexModel(["candidate_id"], name="candidate"),
            IndexModel(["event_id"], name="event"),
        ]
