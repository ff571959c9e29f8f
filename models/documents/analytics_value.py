"""`analytics_values`: what an ATS was last sent for each application."""

from uuid import UUID

from pymongo import ASCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime


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
            IndexModel([("application_id", ASCENDING)], name="application"),
            IndexModel([("ats_integration_id", ASCENDING)], name="integration"),
        ]
