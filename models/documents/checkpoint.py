"""`checkpoints`: one stored position."""

from typing import Any

from models.documents.base import StoredDocument, UtcTime


class Checkpoint(StoredDocument):
    """One stored position: `poll:<name>`, `stream:applications` or `export:<name>`."""

    id: str
    value: dict[str, Any]
    updated_at: UtcTime
    fence: int | None = None
    """The fencing token of the lease under which it was written, where one is needed."""

    class Settings:
        name = "checkpoints"
