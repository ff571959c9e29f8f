"""`page_prints`: pages of a complete listing that need not be looked into when they come again."""

from uuid import UUID

from pydantic import Field
from pymongo import ASCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime


class PagePrint(StoredDocument):
    """One page, known by its bytes. It holds no payload and no id that could be read."""

    ats_integration_id: UUID
    list_name: str = Field(alias="list")
    book: UUID
    """All pages of one walk; only those count that the checkpoint names."""
    digest: bytes
    records: int
    latest: UtcTime | None
    """The latest time among its records."""
    around: bytes
    """What stood around its records, as JSON: the next position, a total."""
    ids: bytes
    """Of each of its records a hash of the id, eight bytes."""

    class Settings:
        name = "page_prints"
        indexes = [
            IndexModel([("ats_integration_id", ASCENDING), ("list", ASCENDING)], name="list"),
        ]
