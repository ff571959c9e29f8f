"""Encrypts again what is stored under an earlier key of `ATS_SYNC_ENCRYPTION_KEY`, while the daemon runs.

Each document is replaced only as it was read: one that another process wrote meanwhile is read again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from beanie import Document
from bson import Binary

from daemon.store.connection import Mongo, Row
from daemon.store.secret_encryption import Keyring, Tampered, UnknownKey
from models.documents import DataKey, IntegrationSettings, OAuthToken
from models.documents.base import collection_name

PASSES = 5
"""Attempts at a document that others keep writing."""
PLAIN = "none"
"""The id in counts of what was stored before there was a key."""


class SealedCount(msgspec.Struct, frozen=True):
    """The number of secrets of a collection that are encrypted with one key."""

    collection: str
    key_id: str
    secrets: int
    is_current: bool
    is_readable: bool


class Rotation(msgspec.Struct, frozen=True):
    """The outcome of a rotation."""

    encrypted: int
    """Secrets that the current key encrypts now, and another one did before."""
    unreadable: tuple[str, ...]
    """The documents that no configured key reads."""


class KeyRotation:
    """All secrets in the service's own database."""

    def __init__(self, mongo: Mongo, keyring: Keyring) -> None:
        self._mongo = mongo
        self._keyring = keyring

    @property
    def key_id(self) -> str:
        """The id of the current key."""
        return self._keyring.key_id

    async def counts(self) -> list[SealedCount]:
        """Returns which key encrypts how much."""
        found: Counter[tuple[str, str]] = Counter()
        for document in _SEALED:
            async for row in self._mongo.collection(document).find({}):
                for _, sealed in _secrets(document, row):
                    found[collection_name(document), sealed["key_id"] or PLAIN] += 1
        known = {PLAIN, *self._keyring.key_ids}
        return [
            SealedCount(name, key, count, key == self._keyring.key_id, key in known)
            for (name, key), count in sorted(found.items())
        ]

    async def rotate(self) -> Rotation:
        """Encrypts everything with the current key."""
        encrypted, unreadable = 0, []
        for document in _SEALED:
            rows = await self._mongo.collection(document).find({}, {"_id": 1}).to_list()
            for row in rows:
                done = await self._rotate(document, row["_id"])
                encrypted += done or 0
                if done is None:
                    unreadable.append(f"{collection_name(document)}, _id {str(row['_id'])[:8]}…")
        return Rotation(encrypted, tuple(unreadable))

    async def _rotate(self, document: type[Document], identity: Any) -> int | None:
        """Returns the number of secrets that were encrypted again; None if one cannot be read."""
        collection = self._mongo.collection(document)
        for _ in range(PASSES):
            row = await collection.find_one({"_id": identity})
            old = dict(_secrets(document, row)) if row is not None else {}
            try:
                new = {path: self._again(sealed) for path, sealed in old.items()}
            except (UnknownKey, Tampered, KeyError, TypeError):
                return None
            changed = {path: each for path, each in new.items() if each is not None}
            if not changed or row is None:
                return 0
            which, change = _replacement(document, row, old, changed)
            if (await collection.update_one(which, {"$set": change})).matched_count:
                return len(changed)
        return None

    def _again(self, sealed: Mapping[str, Any]) -> Row | None:
        """Returns the secret under the current key; None if that encrypts it already."""
        if sealed["key_id"] == self._keyring.key_id:
            return None
        content, belongs_to = bytes(sealed["bytes"]), sealed["belongs_to"]
        if sealed["key_id"] is not None:
            content = self._keyring.decrypt(content, key_id=sealed["key_id"], belongs_to=belongs_to)
        again = Binary(self._keyring.encrypt(content, belongs_to=belongs_to))
        return {"bytes": again, "key_id": self._keyring.key_id}


_SEALED: tuple[type[Document], ...] = (DataKey, OAuthToken, IntegrationSettings)
PRIVACY_KEY = "privacy_key"


def _secrets(document: type[Document], row: Row) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the secrets of a document by their paths, each with what it belongs to."""
    if document is not IntegrationSettings:
        if row.get("sealed") is not None:
            owner = {"bytes": row["sealed"], "belongs_to": row["_id"]}
            yield "sealed", {**owner, "key_id": row.get("key_id")}
        return
    stored = row.get("stored") or {}
    sealed = dict(stored.get("credentials") or {})
    paths = {name: f"stored.credentials.{name}" for name in sealed}
    if stored.get(PRIVACY_KEY):
        sealed[PRIVACY_KEY], paths[PRIVACY_KEY] = stored[PRIVACY_KEY], f"stored.{PRIVACY_KEY}"
    for name, one in sealed.items():
        yield (
            paths[name],
            {
                "bytes": one["encrypted"],
                "belongs_to": f"{row['_id']}:{name}",
                "key_id": one["key_id"],
            },
        )


def _replacement(
    document: type[Document],
    row: Row,
    old: Mapping[str, Mapping[str, Any]],
    changed: Mapping[str, Row],
) -> tuple[Row, Row]:
    """Returns the query for the document as it was read, and the change."""
    which: Row = {"_id": row["_id"]}
    if document is not IntegrationSettings:
        [new] = changed.values()
        which["sealed"] = row["sealed"]
        return which, {"sealed": new["bytes"], "key_id": new["key_id"]}
    change: Row = {}
    for path, new in changed.items():
        sealed = {"encrypted": new["bytes"], "key_id": new["key_id"]}
        which[f"{path}.encrypted"] = old[path]["bytes"]
        change[path] = sealed
        name = path.rpartition(".")[2]
        before = {"encrypted": old[path]["bytes"], "key_id": old[path]["key_id"]}
        if (row.get("credentials") or {}).get(name) == before:
            change[f"credentials.{name}"] = sealed
        if row.get("api_key") == before:
            change["api_key"] = sealed
    return which, change
