"""`analytics_values`: what an ATS was last sent for each application."""

from uuid import UUID

from pymongo import ASCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime


class AnalyticsValue(StoredDocument):
    """One application's value at the ATS; `_id` follows from application and field."""

    ats_integration_id: UUID
    application_id: UUID
    field: str
    value: str
    sent_at: UtcTime

    class Settings:
        name = "analytics_values"
        indexes = [
            IndexModel([("application_id", ASCENDING)], name="application"),
            IndexModel([("ats_integration_id", ASCENDING)], name="integration"),
        ]
