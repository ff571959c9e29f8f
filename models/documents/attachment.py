"""`attachments_queue`: one file of a candidate, until it is fetched and for as long as it is kept."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from models.candidate import AttachmentKind
from models.documents.base import StoredDocument, UtcTime

AttachmentState = Literal["pending", "retrying", "stored", "fetched", "skipped", "dead", "gone"]


class QueuedFile(StoredDocument):
    """A file of a candidate at an ATS. It holds neither name nor address: the snapshot has them.

    `_id` is derived from the candidate's and the file's id, so that a replayed import adds none.
    """

    ats_integration_id: UUID
    candidate_id: UUID
    candidate_external_id: str
    external_id: str
    list_name: str = Field(alias="list")
    record_id: str
    """The record of this list that shows the file; read again when its address is stale."""
    kind: AttachmentKind
    version: str
    """A digest of what the ATS says of the file; with another one it is fetched again."""
    state: AttachmentState
    """`stored`: the bytes are kept, ClearView's document is yet to name them. `skipped`: it is not
    to be fetched (`last_error` says why). `gone`: the copy is to be deleted."""
    attempts: int = 0
    queued_at: UtcTime
    first_attempt_at: UtcTime | None = None
    next_attempt_at: UtcTime | None = None
    last_error: str | None = None
    file_id: UUID | None = None
    """The copy in the bucket `attachments`, named before its first byte is written."""
    sha256: str | None = None
    size: int | None = None
    content_type: str | None = None
    replaced: list[UUID] = Field(default_factory=list)
    """Earlier copies, deleted once nothing refers to them."""
    fence: int = 0
    updated_at: UtcTime

    class Settings:
        name = "attachments_queue"
        indexes = [
            IndexModel(["ats_integration_id", "state", "next_attempt_at"], name="integration_due"),
            IndexModel(
                ["ats_integration_id", "candidate_external_id"], name="integration_candidate"
            ),
            IndexModel(["ats_integration_id", "file_id"], name="integration_file"),
        ]
