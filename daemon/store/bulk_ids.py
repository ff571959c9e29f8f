"""Derived ids as MongoDB stores them, made in bulk.

The same as `uuid5` of `models.ids`, at a quarter of its price: an import makes several for each
record, and the driver would turn each UUID back into the bytes that it was made from.
"""

from hashlib import sha1
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary

from models.ids import application_name, candidate_name, snapshot_name

_VERSION_5 = 0x50
_VARIANT = 0x80


def stored(identity: UUID) -> Binary:
    """Returns a UUID as MongoDB stores it."""
    return Binary(identity.bytes, UUID_SUBTYPE)


class StoredIds:
    """Ids that derive from one scope, an integration for example."""

    def __init__(self, scope: UUID) -> None:
        self.scope = stored(scope)
        self._sha1 = sha1(scope.bytes, usedforsecurity=False)

    def candidate(self, external_id: str) -> Binary:
        return self.named(candidate_name(external_id))

    def application(self, external_id: str) -> Binary:
        return self.named(application_name(external_id))

    def snapshot(self, list_name: str, external_id: str) -> Binary:
        return self.named(snapshot_name(list_name, external_id))

    def named(self, name: str) -> Binary:
        """Returns the id of a name as a value of a document."""
        return Binary(self.raw(name), UUID_SUBTYPE)

    def raw(self, name: str) -> bytes:
        """Returns the id of a name as 16 bytes: version 5 of RFC 4122."""
        hashed = self._sha1.copy()
        hashed.update(name.encode())
        raw = bytearray(hashed.digest()[:16])
        raw[6] = raw[6] & 0x0F | _VERSION_5
        raw[8] = raw[8] & 0x3F | _VARIANT
        return bytes(raw)
