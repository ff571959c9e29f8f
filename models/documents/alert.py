"""`alerts`: one condition, open or resolved; and the messages still to be sent about it."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime

Severity = Literal["info", "warning", "error", "critical"]


class Alert(StoredDocument):
    """One condition from when it opened until it was resolved; a relapse is a new document."""

    key: str
    kind: str
    severity: Severity
    ats_integration_id: UUID | None = None
    integration: str | None = None
    opened_at: UtcTime
    resolved_at: UtcTime | None = None
    last_seen_at: UtcTime
    times_seen: int = Field(default=1, alias="count")
    title: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    muted_until: UtcTime | None = None
    reminders: int = 0
    next_reminder_at: UtcTime | None = None

    class Settings:
        name = "alerts"
        indexes = [
            IndexModel(
                [("key", ASCENDING)],
                name="one_open_per_key",
                unique=True,
                partialFilterExpression={"resolved_at": None},
            ),
            IndexModel([("opened_at", DESCENDING)], name="opened_at"),
        ]


class NotificationDelivery(StoredDocument):
    """One message to one channel, kept until the channel took it."""

    alert_ids: list[Any]
    channel: str
    state: Literal["pending", "delivered", "dead"] = "pending"
    payload: dict[str, Any]
    attempts: int = 0
    next_attempt_at: UtcTime
    created_at: UtcTime
    finished_at: UtcTime | None = None
    last_error: str | None = None

    class Settings:
        name = "notification_queue"
        indexes = [IndexModel([("state", ASCENDING), ("next_attempt_at", ASCENDING)], name="due")]
