"""`webhook_events`: one signed event of an ATS, until it is applied and for some days after."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from models.documents.base import HoldableDocument, UtcTime


class WebhookEvent(HoldableDocument):
    """An event holds ids only; the record is read again at the ATS. `_id` is derived from `event_id`."""

    ats_integration_id: UUID
    event_id: str
    """The vendor's id of the event, or a digest: an event that comes again has the same."""
    event: str
    """The vendor's name of the event."""
    records: dict[str, list[str]] = Field(default_factory=dict)
    """The external ids of the records by their list."""
    received_at: UtcTime
    state: Literal["pending", "applied", "ignored"]
    """`ignored`: it names no record that can be read, such as a test event."""
    applied_at: UtcTime | None = None
    run_id: UUID | None = None
    """The run that read the records."""

    class Settings:
        name = "webhook_events"
        indexes = [
            IndexModel(["ats_integration_id", "state", "received_at"], name="integration_state"),
        ]
