"""`candidate_snapshots`: the last content of one list record of the ATS."""

from typing import Any
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from models.documents.base import StoredDocument, UtcTime

UNCOMPARED = b""
"""The fingerprint of a record that has to be compared when it is read next, whatever its bytes."""


class CandidateSnapshot(StoredDocument):
    """The last content of one list record of the ATS: a candidate, applications, or both.

    It is written before ClearView is, with the part it replaced in `previous`: so a killed import
    can be finished from the snapshots alone, and an echo is known when it comes back.
    """

    ats_integration_id: UUID
    list_name: str = Field(alias="list")
    external_id: str
    fingerprint: bytes
    """16 bytes over the record without its volatile fields; none after a push has moved it, until
    the ATS's own record is compared with it."""
    digest: bytes | None = None
    """Hash of the record's bytes as they came: equal means that nothing need be decoded. None where
    it has to be: the record is missing or deleted, or its bytes differ in every answer.
    """
    candidate: dict[str, Any] | None
    applications: list[dict[str, Any]] = Field(default_factory=list)
    mapping_version: str
    seen_at: UtcTime
    """When this content was first seen; an unchanged record is not written again."""
    deleted_at: UtcTime | None = None
    missing_since: UtcTime | None = None
    """Set by the first complete listing that lacked the record; the second one deletes it."""
    import_id: UUID | None = None
    """The page import that wrote this content."""
    previous: dict[str, Any] | None = None
    """The content that this one replaced (`candidate`, `applications`, `seen_at`, `deleted`)."""

    detail: dict[str, Any] | None = None
    """The details that were read last: for which version of the record (`version`, `basis`), when
    (`at`), and which custom fields and attachments they gave (`keys`, `files`)."""
    detail_due_at: UtcTime | None = None
    """Present while details of the record are to be read: from when on."""
    detail_attempts: int | None = None
    """Reads in a row that failed."""
    detail_error: str | None = None
    """The reason of the last failure."""

    class Settings:
        name = "candidate_snapshots"
        indexes = [
            # `_id` follows from the first three and is what is unique. The other two make the
            # comparison of a page one walk through the index.
            IndexModel(
                ["ats_integration_id", "list", "external_id", "digest", "mapping_version"],
                name="record",
            ),
            # Records of a list of candidates hold no applications, and cost nothing here.
            IndexModel(
                ["ats_integration_id", "applications.external_id"],
                name="application_of_record",
                partialFilterExpression={"applications.external_id": {"$exists": True}},
            ),
            IndexModel(["ats_integration_id", "candidate.external_id"], name="candidate"),
            IndexModel(
                ["deleted_at"],
                name="deleted",
                partialFilterExpression={"deleted_at": {"$type": "date"}},
            ),
            # What pushes have moved since the last poll: a handful, as a rule.
            IndexModel(
                ["ats_integration_id", "list"],
                name="uncompared",
                partialFilterExpression={"fingerprint": UNCOMPARED},
            ),
            IndexModel(
                ["ats_integration_id", "list", "detail_due_at"],
                name="detail_due",
                partialFilterExpression={"detail_due_at": {"$exists": True}},
            ),
        ]
