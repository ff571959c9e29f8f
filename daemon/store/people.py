"""Candidates of all integrations: by their ids, by their e-mail addresses, those that were deleted long ago, and those who are held."""

import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pymongo
from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.erasure import PersonIds, addresses_of, normalised_address
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from models.documents import (
    CandidateChange,
    CandidateImportLog,
    CandidateSnapshot,
    ClearViewCandidate,
    FailedRecord,
    IntegrationSettings,
    LegalHold,
)
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import RAW, as_text, as_uuid, decoded
from models.ids import candidate_id, uuid_or_none

SCAN_LIMIT_S = 600.0
"""A query without an index takes longer than other operations may."""
_PARTS = ("candidate", "previous.candidate")

Pair = tuple[UUID, str]
"""An integration, and the external id of a candidate."""


class PersonAddresses:
    """Finds candidates, as `daemon.ports.erasures.People`. Addresses have no index: each question reads the collections once."""

    def __init__(self, mongo: Mongo) -> None:
        self._candidates = mongo.collection(ClearViewCandidate).with_options(codec_options=RAW)
        self._snapshots = mongo.collection(CandidateSnapshot)
        self._changes = mongo.collection(CandidateChange)
        self._imports = mongo.collection(CandidateImportLog)
        self._failed = mongo.collection(FailedRecord)
        self._settings = mongo.collection(IntegrationSettings)

    async def holding(self, address: str) -> list[PersonIds]:
        with pymongo.timeout(SCAN_LIMIT_S):
            found = await self._pairs(normalised_address(address))
            found |= await self._formerly(normalised_address(address))
        return _people(found)

    async def of_others(
        self, addresses: Collection[str], people: Sequence[PersonIds]
    ) -> frozenset[str]:
        """Returns those of the addresses that another candidate has as well."""
        own = {(person.integration, e) for person in people for e in person.candidates}
        with pymongo.timeout(SCAN_LIMIT_S):
            return frozenset([a for a in sorted(addresses) if await self._pairs(a) - own])

    async def _pairs(self, address: str) -> set[Pair]:
        found: set[Pair] = set()
        where: Row = {**IMPORTED, "$or": _spelt("emails", address)}
        fields = {"integration_id": 1, "external_id": 1, "emails": 1}
        async for raw in self._candidates.find(where, fields):
            row = decoded(raw)
            if (pair := _pair_of(row)) and address in addresses_of(row):
                found.add(pair)
        parts = [one for part in _PARTS for one in _spelt(f"{part}.emails", address)]
        async for row in self._snapshots.find({"$or": parts}):
            for held in (row, row.get("previous") or {}):
                candidate = held.get("candidate")
                if candidate and address in addresses_of(candidate):
                    found.add((row["ats_integration_id"], candidate["external_id"]))
        return found

    async def _formerly(self, address: str) -> set[Pair]:
        """Returns candidates whose history has the address."""
        spelt = [*_spelt("old", address), *_spelt("new", address)]
        rows = self._changes.find({"path": "emails", "$or": spelt})
        ids = {
            row["candidate_id"]
            async for row in rows
            if any(address in addresses_of({"emails": row.get(one)}) for one in ("old", "new"))
        }
        return await self._known({"candidate_id": {"$in": list(ids)}})

    async def _known(self, which: Row) -> set[Pair]:
        rows = self._imports.find(which, {"ats_integration_id": 1, "external_id": 1})
        return {(row["ats_integration_id"], row["external_id"]) async for row in rows}

    async def everyone(self) -> AsyncIterator[tuple[PersonIds, frozenset[str]]]:
        fields = {"integration_id": 1, "external_id": 1, "emails": 1}
        async for raw in self._candidates.find(IMPORTED, fields):
            row = decoded(raw)
            if pair := _pair_of(row):
                yield PersonIds(pair[0], frozenset({pair[1]})), addresses_of(row)
        async for row in self._snapshots.find({}):
            candidate, scope = row.get("candidate"), row["ats_integration_id"]
            owners = {a["candidate_external_id"] for a in row["applications"]}
            if candidate:
                owners.add(candidate["external_id"])
            for owner in owners:
                yield PersonIds(scope, frozenset({owner})), addresses_of(candidate)
        for pair in await self._known({}):
            yield PersonIds(pair[0], frozenset({pair[1]})), frozenset()
        async for row in self._failed.find({}):
            records = frozenset({(row["list"], row["external_id"])})
            yield PersonIds(row["ats_integration_id"], records=records), frozenset()

    async def named(self, name: str, *, integration: UUID | None) -> list[PersonIds]:
        own = uuid_or_none(name)
        found = set() if own is None else await self._by_own_id(own)
        for scope in await self._integrations():
            if await self._holds(scope, name):
                found.add((scope, name))
        return _people(pair for pair in found if integration in (None, pair[0]))

    async def identities(self, name: str, *, integration: UUID | None) -> set[UUID]:
        own = uuid_or_none(name)
        scopes = await self._integrations() if integration is None else {integration}
        return {candidate_id(scope, name) for scope in scopes} | ({own} if own else set())

    async def _integrations(self) -> set[UUID]:
        """Returns the integrations that are configured, or were when something was imported."""
        configured = set(await self._settings.distinct("_id"))
        return configured | set(await self._snapshots.distinct("ats_integration_id"))

    async def _by_own_id(self, own: UUID) -> set[Pair]:
        raw = await self._candidates.find_one({"_id": own})
        if raw is not None and (pair := _pair_of(decoded(raw))):
            return {pair}
        return await self._known({"candidate_id": own})

    async def _holds(self, scope: UUID, external_id: str) -> bool:
        identity = candidate_id(scope, external_id)
        questions: tuple[tuple[AsyncCollection[Any], Row], ...] = (
            (self._candidates, {"_id": identity}),
            (self._imports, {"candidate_id": identity}),
            (self._snapshots, {"ats_integration_id": scope, "candidate.external_id": external_id}),
            (self._failed, {"ats_integration_id": scope, "external_id": external_id}),
        )
        for collection, which in questions:
            if await collection.find_one(which, {"_id": 1}) is not None:
                return True
        return False


def _spelt(emails: str, address: str) -> list[Row]:
    """Matches every spelling of an address: case, and blanks around it.

    One with other than plain characters is compared by the reader: the server's idea of case differs.
    """
    ascii_form = {"$regex": rf"^[\s\x1c-\x1f]*{re.escape(address)}[\s\x1c-\x1f]*$", "$options": "i"}
    return [{f"{emails}.value": ascii_form}, {f"{emails}.value": {"$regex": r"[^\x00-\x7f]"}}]


def _pair_of(row: Row) -> Pair | None:
    """Returns the pair of one of ClearView's candidates; None where it has none."""
    scope, external_id = as_uuid(row.get("integration_id")), as_text(row.get("external_id"))
    return (scope, external_id) if scope is not None and external_id else None


def _people(pairs: Iterable[Pair]) -> list[PersonIds]:
    """Returns the candidates, those of one integration together."""
    by_integration: dict[UUID, set[str]] = {}
    for scope, external_id in sorted(pairs):
        by_integration.setdefault(scope, set()).add(external_id)
    return [PersonIds(scope, frozenset(ids)) for scope, ids in by_integration.items()]


class MongoDeletedCandidates:
    """Candidates that are marked deleted for so long that they are to be erased, as `daemon.ports.erasures.DeletedCandidates`."""

    def __init__(self, mongo: Mongo) -> None:
        self._snapshots = mongo.collection(CandidateSnapshot)

    async def before(
        self, moment: datetime, *, limit: int, besides: Sequence[tuple[UUID, str]] = ()
    ) -> list[PersonIds]:
        """Returns some candidates of one integration each; one with a live record is not deleted."""
        where: Row = {
            "deleted_at": {"$type": "date", "$lt": moment},
            "candidate.external_id": {"$gt": ""},
        }
        if besides:
            where["$nor"] = [
                {"ats_integration_id": scope, "candidate.external_id": external_id}
                for scope, external_id in besides
            ]
        fields = {"ats_integration_id": 1, "candidate.external_id": 1}
        rows = self._snapshots.find(where, fields, sort=[("deleted_at", 1)], limit=limit)
        found: dict[UUID, set[str]] = {}
        for row in await rows.to_list():
            found.setdefault(row["ats_integration_id"], set()).add(row["candidate"]["external_id"])
        people = []
        for scope, ids in found.items():
            gone = ids - await self._live(scope, ids, moment)
            if gone:
                people.append(PersonIds(scope, frozenset(gone)))
        return people

    async def count(self, moment: datetime) -> int:
        """Returns the number of records that are due."""
        where = {"deleted_at": {"$type": "date", "$lt": moment}}
        return await self._snapshots.count_documents(where)

    async def _live(self, scope: UUID, ids: set[str], moment: datetime) -> set[str]:
        """Returns candidates with a record that is there, or was deleted later."""
        which = {
            "ats_integration_id": scope,
            "candidate.external_id": {"$in": list(ids)},
            "$or": [{"deleted_at": None}, {"deleted_at": {"$gte": moment}}],
        }
        return set(await self._snapshots.distinct("candidate.external_id", which))


class MongoLegalHolds:
    """`legal_holds`: candidates who are not to be erased, as `daemon.ports.erasures.LegalHolds`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._collection = mongo.collection(LegalHold)
        self._clock = clock

    async def held(self, person: PersonIds) -> frozenset[str]:
        rows = self._collection.find(
            {"_id": {"$in": list(person.candidate_ids)}}, {"external_id": 1, "_id": 0}
        )
        return frozenset([row["external_id"] async for row in rows])

    async def all(self) -> Sequence[tuple[UUID, str]]:
        rows = self._collection.find({}, {"ats_integration_id": 1, "external_id": 1})
        return [(row["ats_integration_id"], row["external_id"]) async for row in rows]

    async def listed(self) -> Sequence[Row]:
        """Returns the holds, the latest first."""
        return await self._collection.find({}, sort=[("set_at", -1)]).to_list()

    async def set(self, person: PersonIds, reason: str) -> None:
        for external_id in sorted(person.candidates):
            await self._collection.update_one(
                {"_id": candidate_id(person.integration, external_id)},
                {
                    "$set": {"reason": reason},
                    "$setOnInsert": {
                        "ats_integration_id": person.integration,
                        "external_id": external_id,
                        "set_at": self._clock.now(),
                    },
                },
                upsert=True,
            )

    async def release(self, person: PersonIds) -> int:
        which = {"_id": {"$in": list(person.candidate_ids)}}
        return (await self._collection.delete_many(which)).deleted_count
