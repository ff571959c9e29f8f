"""`candidates_import_log`: one import of one version of one candidate."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from pymongo import DESCENDING, IndexModel

from models.documents.base import HoldableDocument, UtcTime


class CandidateImportLog(HoldableDocument):
    """One import of one version of one candidate; `_id` follows from the version, so a replay
    cannot log it twice.
    """

    ats_integration_id: UUID
    candidate_id: UUID
    external_id: str
    imported_at: UtcTime
    status: Literal["Success", "Failed"]
    error_message: str | None = None
    change: Literal["created", "updated", "deleted"]
    changed_fields: list[str] = Field(default_factory=list)
    run_id: UUID
    merged: bool = False
    """The version came through several lists: the row grew after it was written."""

    class Settings:
        name = "candidates_import_log"
        indexes = [
            IndexModel(
                ["ats_integration_id", ("imported_at", DESCENDING)], name="integration_imported_at"
            ),
            IndexModel(["candidate_id"], name="candidate"),
        ]
