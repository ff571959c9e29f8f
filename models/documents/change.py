"""`candidate_changes`: one field-level change."""

from typing import Any, Literal
from uuid import UUID

from pymongo import DESCENDING, IndexModel

from models.documents.base import HoldableDocument, UtcTime


class CandidateChange(HoldableDocument):
    """One field of one candidate (or of one of its applications) changed, and who changed it."""

    ats_integration_id: UUID
    candidate_id: UUID
    application_id: UUID | None = None
    changed_at: UtcTime
    run_id: UUID | None
    path: str
    """`emails`, `custom_fields.salary`, or `applications.<external id>.status`."""
    old: Any = None
    new: Any = None
    origin: Literal["ats", "clearview"]

    class Settings:
        name = "candidate_changes"
        indexes = [
            IndexModel(["candidate_id", ("changed_at", DESCENDING)], name="candidate_changed_at"),
            IndexModel(["ats_integration_id", "changed_at", "path"], name="integration_changed_at"),
        ]
