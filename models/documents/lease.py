"""`leases`: who works on what; `checkpoints`: how far the work is."""

from typing import Any
from uuid import UUID

from models.documents.base import StoredDocument, UtcTime


class Lease(StoredDocument):
    """Who holds a piece of work, under which fencing token, until when by the server's clock."""

    id: str
    owner: UUID | None = None
    token: int
    expires_at: UtcTime | None = None
    lsid: Any = None
    """The holder's server session: a successor ends it, so that nothing it left open blocks."""

    class Settings:
        name = "leases"


class Checkpoint(StoredDocument):
    """One stored position: `poll:<name>`, `stream:applications` or `export:<name>`."""

    id: str
    value: dict[str, Any]
    updated_at: UtcTime
    fence: int | None = None
    """The fencing token of the lease under which it was written, where one is needed."""

    class Settings:
        name = "checkpoints"
