"""ClearView's own collections, as the daemon writes them in `mode: mongodb`."""

from typing import Any
from uuid import UUID

from bson.binary import Binary
from pydantic import Field
from pymongo import IndexModel

from models.documents.base import StoredDocument, UtcTime
from models.status import ApplicationStatus

IMPORTED: dict[str, Any] = {
    "integration_id": {"$gte": Binary(b"")},
    "external_id": {"$gte": ""},
}
"""The documents that the daemon writes: they have both ids, of these types. Those of other shapes are
ClearView's alone: no index of ours holds or refuses them. A query that is to use the partial index
has to say this as well.
"""


class ClearViewCandidate(StoredDocument):
    """`candidates`: a person as ClearView knows them. People edit these too."""

    integration_id: UUID
    external_id: str
    first_name: str | None = None
    last_name: str | None = None
    emails: list[dict[str, Any]] = Field(default_factory=list)
    phones: list[dict[str, Any]] = Field(default_factory=list)
    addresses: list[dict[str, Any]] = Field(default_factory=list)
    company: str | None = None
    title: str | None = None
    links: list[dict[str, Any]] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    source: str | None = None
    custom_fields: dict[str, Any] = Field(default_factory=dict)
    attachments: list[dict[str, Any]] = Field(default_factory=list)
    is_private: bool = False
    external_created_at: UtcTime | None = None
    external_updated_at: UtcTime | None = None
    deleted_at: UtcTime | None = None
    created_at: UtcTime
    updated_at: UtcTime
    import_id: UUID | None = None
    """The import that last wrote this document: what a killed import need not write again."""

    class Settings:
        name = "candidates"
        indexes = [
            IndexModel(
                ["integration_id", "external_id"],
                name="integration_external_id",
                unique=True,
                partialFilterExpression=IMPORTED,
            ),
        ]


class ClearViewApplication(StoredDocument):
    """`applications`: one candidate's application to one job. People change `status` here."""

    candidate_id: UUID
    integration_id: UUID
    external_id: str
    job: dict[str, Any]
    status: ApplicationStatus
    stage: dict[str, Any]
    rejection_reason: str | None = None
    source: str | None = None
    custom_fields: dict[str, Any] = Field(default_factory=dict)
    applied_at: UtcTime | None = None
    rejected_at: UtcTime | None = None
    hired_at: UtcTime | None = None
    external_updated_at: UtcTime | None = None
    deleted_at: UtcTime | None = None
    created_at: UtcTime
    updated_at: UtcTime
    import_id: UUID | None = None
    """The import that last wrote this document. A write that sets it is the daemon's own, so the
    change stream leaves it out; people's writes never touch it.
    """

    class Settings:
        name = "applications"
        indexes = [
            IndexModel(
                ["integration_id", "external_id"],
                name="integration_external_id",
                unique=True,
                partialFilterExpression=IMPORTED,
            ),
            IndexModel(["candidate_id"], name="candidate"),
            IndexModel(["integration_id", "status"], name="integration_status"),
        ]
