"""`failed_records`: a candidate whose import failed, to be tried again."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from models.documents.base import StoredDocument, UtcTime


class FailedRecord(StoredDocument):
    """A record whose import failed. It holds no payload: the ATS is read again."""

    ats_integration_id: UUID
    list_name: str = Field(alias="list")
    external_id: str
    attempts: int
    first_failed_at: UtcTime
    next_attempt_at: UtcTime | None
    """None: a dead letter, tried again only when the record changes or someone asks."""
    error_message: str
    state: Literal["retrying", "dead"] = "retrying"

    class Settings:
        name = "failed_records"
        indexes = [
            IndexModel(["ats_integration_id", "next_attempt_at"], name="integration_due"),
        ]
