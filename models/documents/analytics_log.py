"""`analytics_export_log`: one export of one period to one ATS."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pymongo import DESCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime


class AnalyticsExportLog(StoredDocument):
    """One period of one integration; `_id` follows from both, so a period is logged once."""

    ats_integration_id: UUID
    period_start: UtcTime
    period_end: UtcTime
    exported_at: UtcTime
    status: Literal["Success", "Failed"]
    error_message: str | None = None
    metrics: dict[str, Any] = Field(default_factory=dict)
    attempts: int = 1
    sent: int = 0
    """Requests that changed something at the ATS: 1 for a report, else applications updated."""

    class Settings:
        name = "analytics_export_log"
        indexes = [
            IndexModel(
                [("ats_integration_id", 1), ("period_start", DESCENDING)],
                name="integration_period",
                unique=True,
            )
        ]
