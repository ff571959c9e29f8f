"""`analytics_export_log`: one export of one period to one ATS; `analytics_values`: what it was last sent for each application."""

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
                ["ats_integration_id", ("period_start", DESCENDING)],
                name="integration_period",
                unique=True,
            )
        ]


class AnalyticsValue(StoredDocument):
    """One application's value at the ATS; `_id` follows from application and field."""

    ats_integration_id: UUID
    application_id: UUID
    field: str
    value: str | None
    """None where the ATS has none: it refused it, or did not keep it. It is sent with the next period."""
    sent_at: UtcTime | None
    refused_in: UtcTime | None = None
    """The start of the last period whose value the ATS did not take; None if it took it."""
    lost: int = 0
    """The number of times in a row that the ATS accepted the value and did not show it afterwards."""

    class Settings:
        name = "analytics_values"
        indexes = [
            IndexModel(["application_id"], name="application"),
            IndexModel(["ats_integration_id"], name="integration"),
        ]
