"""`conflicts`: both sides changed."""

from typing import Any, Literal
from uuid import UUID

from pymongo import DESCENDING, IndexModel

from models.documents.base import HoldableDocument, UtcTime


class Conflict(HoldableDocument):
    """One application whose status changed on both sides, and how it was decided."""

    ats_integration_id: UUID
    application_id: UUID
    candidate_id: UUID | None = None
    base: str | None
    """The status both sides last agreed on."""
    ats: str
    clearview: str
    policy: Literal["ats_wins", "clearview_wins", "newest_wins"]
    winner: Literal["ats", "clearview"] | None
    """None: a person decides; both sides stay as they are until then."""
    state: Literal["open", "resolved"] = "resolved"
    detected_at: UtcTime
    resolved_at: UtcTime | None = None
    details: dict[str, Any] | None = None

    class Settings:
        name = "conflicts"
        indexes = [
            IndexModel(["application_id", ("detected_at", DESCENDING)], name="application"),
            IndexModel(["state", ("detected_at", DESCENDING)], name="state"),
        ]
