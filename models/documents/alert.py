"""`alerts`: one condition, open or resolved; what is muted; and the messages still to be sent."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pymongo import DESCENDING, IndexModel

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
    messages_sent: int = Field(default=0, alias="told")
    """Messages about it so far: 0 = none yet, 1 = the opening one, more = reminders."""
    last_message_at: UtcTime | None = Field(default=None, alias="told_at")
    next_message_at: UtcTime | None = None
    """When the next message about it is due; None once nothing is left to say."""

    class Settings:
        name = "alerts"
        indexes = [
            IndexModel(
                ["key"],
                name="one_open_per_key",
                unique=True,
                partialFilterExpression={"resolved_at": None},
            ),
            IndexModel([("opened_at", DESCENDING)], name="opened_at"),
            IndexModel(["next_message_at"], name="message_due"),
            IndexModel(["told_at"], name="told_at"),
        ]


class AlertMute(StoredDocument):
    """Silence about some conditions until a moment."""

    id: str
    """An integration's name, or an alert's key, or the beginning of one up to a colon."""
    until: UtcTime
    muted_at: UtcTime

    class Settings:
        name = "alert_mutes"


class NotificationDelivery(StoredDocument):
    """One message to one channel, kept until the channel took it.

    `_id` derives from message and channel, so a message is queued once, whichever replica plans it.
    """

    message_id: UUID
    alert_ids: list[Any]
    covers: list[str]
    """The alert and which message about it, for each alert: how a crashed plan is recognised."""
    sequence: int
    """Which message about its condition this is: orders what is created in the same instant."""
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
        indexes = [
            IndexModel(["channel", "state", "created_at", "sequence"], name="channel_order"),
            IndexModel(["covers"], name="covers"),
        ]
