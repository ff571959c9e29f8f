"""`legal_holds`: candidates whose data must be kept for now."""

from uuid import UUID

from pymongo import ASCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime


class LegalHold(StoredDocument):
    """A candidate who is not erased while this is here. `_id` is ClearView's id of the candidate."""

    ats_integration_id: UUID
    external_id: str
    reason: str
    """Such as a file number. It names no one."""
    set_at: UtcTime

    class Settings:
        name = "legal_holds"
        indexes = [
            IndexModel(
                [("ats_integration_id", ASCENDING), ("external_id", ASCENDING)], name="candidate"
            )
        ]
