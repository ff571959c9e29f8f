"""`data_keys`: random keys of this installation, encrypted where a key is configured."""

import secrets
from typing import Any

import msgspec
from pymongo.errors import DuplicateKeyError

from daemon.core.service_errors import ServiceFailed
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from daemon.store.secret_encryption import Keyring, Tampered, UnknownKey
from models.documents import DataKey
from models.errors import UserError

KEY_BYTES = 32
ERASURE = "erasure"


class DataKeyUnknown(ServiceFailed):
    """A stored key cannot be decrypted with `ATS_SYNC_ENCRYPTION_KEY`."""


class SavedKey(msgspec.Struct, frozen=True):
    """A key as it is stored: encrypted, unless no key was configured."""

    sealed: bytes
    key_id: str | None


class DataKeys:
    """One key by its purpose; made when it is needed first.

    The key is random and not derived from `ATS_SYNC_ENCRYPTION_KEY`: hashes stay valid when that
    one is replaced, and only this document is encrypted again.
    """

    def __init__(self, mongo: Mongo, keyring: Keyring | None, clock: Clock) -> None:
        self._collection = mongo.collection(DataKey)
        self._keyring = keyring
        self._clock = clock

    async def version(self, purpose: str) -> int:
        """Returns a number that grows with each write under the key; 0 without one."""
        row = await self._collection.find_one({"_id": purpose}, {"version": 1})
        return 0 if row is None else int(row["version"])

    async def note_write(self, purpose: str) -> None:
        await self._collection.update_one({"_id": purpose}, {"$inc": {"version": 1}})

    async def load(self, purpose: str) -> bytes:
        """Returns the key, and encrypts it again where another key encrypts now.

        Raises:
            DataKeyUnknown: it is encrypted with a key that is not configured.
        """
        row = await self._collection.find_one({"_id": purpose})
        if row is None:
            row = await self._made(purpose)
        key = self._opened(row)
        if self._keyring is not None and row["key_id"] != self._keyring.key_id:
            same = {"_id": purpose, "key_id": row["key_id"]}
            await self._collection.update_one(same, {"$set": self._sealed(purpose, key)})
        return key

    async def adopt(self, purpose: str, saved: SavedKey, *, in_use: bool) -> None:
        """Takes a key from before a restore, if that of this database is not in use.

        Raises:
            UserError: another key is in use here.
        """
        row: Row = {"_id": purpose, "sealed": saved.sealed, "key_id": saved.key_id}
        key = self._opened(row)
        found = await self._collection.find_one({"_id": purpose})
        if found is None or not in_use:
            version = 0 if found is None else found["version"]
            row |= {"version": version, "created_at": self._clock.now()}
            await self._collection.replace_one({"_id": purpose}, row, upsert=True)
        elif self._opened(found) != key:
            raise UserError(
                "receipts were written under another key since the backup",
                remedy="replay those first (`erase --replay`), then delete the document of `data_keys`",
            )

    async def saved(self, purpose: str) -> SavedKey:
        """Returns the key as it is stored."""
        await self.load(purpose)
        row = await self._collection.find_one({"_id": purpose}) or {}
        return SavedKey(bytes(row["sealed"]), row["key_id"])

    async def _made(self, purpose: str) -> Row:
        sealed = self._sealed(purpose, secrets.token_bytes(KEY_BYTES))
        row = {"_id": purpose, **sealed, "version": 0, "created_at": self._clock.now()}
        try:
            await self._collection.insert_one(row)
        except DuplicateKeyError:
            return await self._collection.find_one({"_id": purpose}) or row
        return row

    def _sealed(self, purpose: str, key: bytes) -> dict[str, Any]:
        if self._keyring is None:
            return {"sealed": key, "key_id": None}
        sealed = self._keyring.encrypt(key, belongs_to=purpose)
        return {"sealed": sealed, "key_id": self._keyring.key_id}

    def _opened(self, row: Row) -> bytes:
        sealed = bytes(row["sealed"])
        if row["key_id"] is None:
            return sealed
        unknown = DataKeyUnknown(
            f"the {row['_id']} key is encrypted with key {row['key_id']}, which "
            "ATS_SYNC_ENCRYPTION_KEY does not hold: write that key after the new one, "
            "with a comma between them"
        )
        if self._keyring is None:
            raise unknown
        try:
            return self._keyring.decrypt(sealed, key_id=row["key_id"], belongs_to=row["_id"])
        except UnknownKey:
            raise unknown from None
        except Tampered:
            raise DataKeyUnknown(
                f"the {row['_id']} key in `data_keys` was changed: restore that document"
            ) from None
