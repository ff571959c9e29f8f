"""`erasures`: the receipt of one erasure; `data_keys`: the key of the hashes in receipts; `legal_holds`: who is kept."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from models.documents.base import StoredDocument, UtcTime

ErasureReason = Literal["request", "anonymised", "deleted", "retention"]


class Erasure(StoredDocument):
    """One erasure: what was removed, and the keyed hashes of what must not come back.

    `_id` derives from the identities that were erased: the same request is the same receipt.
    """

    state: Literal["requested", "finished"]
    reason: ErasureReason
    """`request`: a person wanted it. `anonymised`: the ATS has removed the person's data. `deleted`,
    `retention`: the ATS no longer has the candidates."""
    requested_at: UtcTime
    finished_at: UtcTime | None = None
    candidates: int
    counts: dict[str, Any] = Field(default_factory=dict)
    """Documents by collection, as they were counted before the first one was removed."""
    hashes: list[bytes] = Field(default_factory=list)
    """Keyed hashes of ids and addresses: an import leaves out whatever has one of them."""
    subject: list[dict[str, Any]] | None = None
    """The ids that are being erased; None once it is finished."""
    lifted_at: UtcTime | None = None
    """Since then imports may bring the people again, for whom there are no hashes any more."""
    version: int = 0
    """Grows with each change of what it refuses: of two copies the later one has the greater."""
    texts_cleared: bool = False
    """Free texts no longer name the person; until then the names are still in their documents."""

    class Settings:
        name = "erasures"
        indexes = [
            IndexModel(["hashes"], name="hashes"),
            IndexModel(["requested_at"], name="requested_at"),
        ]


class DataKey(StoredDocument):
    """A random key of this installation, encrypted under `ATS_SYNC_ENCRYPTION_KEY` where there is one."""

    id: str
    """The purpose: `erasure`."""
    sealed: bytes
    """AES-256-GCM: nonce and ciphertext; the key itself where `key_id` is None."""
    key_id: str | None
    """Which of the keys in `ATS_SYNC_ENCRYPTION_KEY` it is encrypted with."""
    version: int = 0
    """Grows with each receipt: a process that knows an older one reads the hashes again."""
    created_at: UtcTime

    class Settings:
        name = "data_keys"


class LegalHold(StoredDocument):
    """A candidate who is not erased while this is here. `_id` is ClearView's id of the candidate."""

    ats_integration_id: UUID
    external_id: str
    reason: str
    """Such as a file number. It names no one."""
    set_at: UtcTime

    class Settings:
        name = "legal_holds"
        indexes = [IndexModel(["ats_integration_id", "external_id"], name="candidate")]
