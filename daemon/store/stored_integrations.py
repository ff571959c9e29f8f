"""Integrations that were added at run time: `stored` in `ats_integration_settings`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from bson import Binary
from pymongo.errors import DuplicateKeyError

from daemon.core.integrations import (
    ConfiguredIntegration,
    StorageRefused,
    StoredIntegration,
    StoredVersion,
)
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from daemon.store.integrations import settings_row
from daemon.store.key_rotation import PRIVACY_KEY
from daemon.store.secret_encryption import Keyring, Tampered, UnknownKey
from models.documents import IntegrationSettings
from models.ids import integration_id

_ADDED: Row = {"stored.revision": {"$type": "number"}}
_READ = {"name": 1, "stored": 1}


class MongoStoredIntegrations:
    """`daemon.ports.integrations.StoredIntegrationStore`."""

    def __init__(self, mongo: Mongo, keyring: Keyring | None, clock: Clock) -> None:
        """Without keys nothing can be added, and no secret be read."""
        self._collection = mongo.collection(IntegrationSettings)
        self._keyring = keyring
        self._clock = clock

    async def versions(self) -> Mapping[str, StoredVersion]:
        rows = self._collection.find(
            _ADDED, {"name": 1, "stored.revision": 1, "stored.added_at": 1}
        )
        return {row["name"]: _version(row["stored"]) for row in await rows.to_list()}

    async def all(self) -> Sequence[StoredIntegration]:
        rows = await self._collection.find(_ADDED, _READ, sort=[("name", 1)]).to_list()
        return [self._read(row) for row in rows]

    async def one(self, name: str) -> StoredIntegration | None:
        row = await self._collection.find_one({"_id": integration_id(name), **_ADDED}, _READ)
        return None if row is None else self._read(row)

    def _read(self, row: Row) -> StoredIntegration:
        stored, name = row["stored"], str(row["name"])
        content = dict(stored.get("content") or {})
        facts: dict[str, Any] = {"name": name, "version": _version(stored), "content": content}
        try:
            credentials = {
                key: self._opened(row["_id"], key, sealed)
                for key, sealed in dict(stored.get("credentials") or {}).items()
            }
            sealed_key = stored.get(PRIVACY_KEY)
            privacy_key = sealed_key and self._opened(row["_id"], PRIVACY_KEY, sealed_key)
        except UnknownKey as unknown:
            problem = (
                f"its credentials are encrypted with key {unknown}, which ATS_SYNC_ENCRYPTION_KEY "
                "does not hold; write that key after the new one, with a comma between them"
            )
            return StoredIntegration(**facts, problem=problem)
        except (Tampered, KeyError, TypeError):
            problem = "its stored credentials were changed and cannot be read; set them again"
            return StoredIntegration(**facts, problem=problem)
        content["credentials"] = credentials
        if privacy_key is not None:
            content["privacy"] = {**content.get("privacy", {}), "key": privacy_key}
        return StoredIntegration(**facts)

    def _opened(self, identity: UUID, key: str, sealed: Mapping[str, Any]) -> str:
        if self._keyring is None:
            raise UnknownKey(sealed["key_id"])
        secret = self._keyring.decrypt(
            bytes(sealed["encrypted"]), key_id=sealed["key_id"], belongs_to=f"{identity}:{key}"
        )
        return secret.decode()

    async def add(self, facts: ConfiguredIntegration, content: Mapping[str, Any]) -> int:
        identity = integration_id(facts.name)
        before = await self._collection.find_one({"_id": identity}, {"managed_by": 1, "state": 1})
        if (
            before is not None
            and before.get("managed_by") == "file"
            and before["state"] != "disabled"
        ):
            raise StorageRefused("file")
        change = self._change(facts, content, revision=1)
        change["stored"]["added_at"] = change["updated_at"]
        try:
            await self._collection.update_one(
                {"_id": identity, "stored": None},
                {"$set": change, "$setOnInsert": {"created_at": self._clock.now()}},
                upsert=True,
            )
        except DuplicateKeyError:
            raise StorageRefused("exists") from None
        return 1

    async def change(
        self, facts: ConfiguredIntegration, content: Mapping[str, Any], *, revision: int
    ) -> int:
        change = self._change(facts, content, revision=revision + 1)
        which = {"_id": integration_id(facts.name), "stored.revision": revision}
        result = await self._collection.update_one(which, [{"$set": _keeping_a_pause(change)}])
        if not result.matched_count:
            raise StorageRefused("changed")
        return revision + 1

    def _change(
        self, facts: ConfiguredIntegration, content: Mapping[str, Any], *, revision: int
    ) -> Row:
        identity = integration_id(facts.name)
        secrets = dict(content.get("credentials") or {})
        credentials = {key: self._sealed(identity, key, secrets[key]) for key in secrets}
        public = {key: value for key, value in content.items() if key != "credentials"}
        stored: Row = {"revision": revision, "content": public, "credentials": credentials}
        if isinstance(privacy := public.get("privacy"), Mapping) and privacy.get("key") is not None:
            public["privacy"] = {name: value for name, value in privacy.items() if name != "key"}
            stored[PRIVACY_KEY] = self._sealed(identity, PRIVACY_KEY, privacy["key"])
        return {
            **_facts(facts, credentials),
            "stored": stored,
            "updated_at": self._clock.now(),
        }

    def _sealed(self, identity: UUID, key: str, secret: str) -> Row:
        if self._keyring is None:
            raise StorageRefused("no_key")
        sealed = self._keyring.encrypt(str(secret).encode(), belongs_to=f"{identity}:{key}")
        return {"encrypted": Binary(sealed), "key_id": self._keyring.key_id}

    async def remove(self, name: str, *, revisions: Collection[int] | None) -> None:
        which: Row = {"_id": integration_id(name), **_ADDED}
        if revisions is not None:
            which["stored.revision"] = {"$in": sorted(revisions)}
        gone: Row = {"stored": None, "enabled": False, "api_key": None, "credentials": {}}
        ended = {"state": "disabled", "state_reason": "removed", "updated_at": self._clock.now()}
        result = await self._collection.update_one(which, {"$set": gone | ended})
        if not result.matched_count:
            raise StorageRefused("unknown" if revisions is None else "changed")

    async def was_removed(self, name: str) -> bool:
        which = {"_id": integration_id(name), "managed_by": "database", "stored": None}
        return await self._collection.find_one(which, {"_id": 1}) is not None

    async def take_back(self, those: Collection[ConfiguredIntegration]) -> None:
        by_name = {one.name: one for one in those}
        which: Row = {"name": {"$in": sorted(by_name)}, "managed_by": "file"}
        for row in await self._collection.find(which, _READ).to_list():
            facts, sealed = by_name[row["name"]], row["stored"]["credentials"]
            back = _facts(facts, sealed) | {"updated_at": self._clock.now()}
            await self._collection.update_one({"_id": row["_id"], **which}, {"$set": back})


def _facts(facts: ConfiguredIntegration, credentials: Mapping[str, Any]) -> Row:
    """Returns what the document shows of an integration of the database."""
    return {
        **settings_row(facts, credentials, managed_by="database"),
        "state": "active" if facts.enabled else "disabled",
        "state_reason": None,
    }


def _version(stored: Row) -> StoredVersion:
    return StoredVersion(stored["revision"], stored.get("added_at"))


def _keeping_a_pause(change: Row) -> Row:
    """Returns the stage that makes a change: a person's pause stays, a refused credential is tried again."""
    stage: Row = {name: {"$literal": value} for name, value in change.items()}
    stage["stored"] = {"$mergeObjects": [stage["stored"], {"added_at": "$stored.added_at"}]}
    if change["enabled"]:
        is_paused = {"$eq": ["$state", "paused"]}
        for name in ("state", "state_reason"):
            stage[name] = {"$cond": [is_paused, f"${name}", stage[name]]}
    return stage
