"""Everything that is held about people, as `daemon.ports.erasures.PersonData`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import pymongo
from beanie import Document
from bson.raw_bson import RawBSONDocument
from msgspec.structs import replace
from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.erasure import (
    CLEARED,
    PersonIds,
    addresses_of,
    cleared,
    pattern_of,
    texts_naming,
    without_records,
)
from daemon.store.attachment_files import FILES, copies_of
from daemon.store.connection import Mongo, Row
from daemon.store.people import SCAN_LIMIT_S, PersonAddresses
from daemon.store.person_queries import (
    CLEARVIEW_QUERIES,
    OWN_QUERIES,
    TEXTS,
    PersonQuery,
    former_owners,
    moves,
)
from daemon.store.retention import HOLDABLE, UNHELD
from models.documents import (
    CandidateChange,
    CandidateSnapshot,
    Checkpoint,
    ClearViewApplication,
    ClearViewCandidate,
    FailedRecord,
    IntegrationSettings,
    StatusOutboxEntry,
    WebhookEvent,
)
from models.documents.clearview_values import RAW, as_text, as_uuid, decoded

EraseInClearView = Callable[[PersonIds], Awaitable[None]]


class MongoPersonData:
    """Reads and removes what is held about people."""

    def __init__(self, mongo: Mongo, erase_in_clearview: EraseInClearView) -> None:
        self._mongo = mongo
        self._erase_in_clearview = erase_in_clearview
        self._addresses = PersonAddresses(mongo)

    async def complete(self, person: PersonIds) -> PersonIds:
        with pymongo.timeout(SCAN_LIMIT_S):
            person = await self._with_applications(person)
            person = await self._with_snapshots(person)
            return await self._with_waiting_records(person)

    async def _with_applications(self, person: PersonIds) -> PersonIds:
        found: set[str] = set()
        others: set[UUID] = set()
        owned: Row = {"candidate_id": {"$in": list(person.candidate_ids)}}
        applications = self._raw(ClearViewApplication).find(owned, {"external_id": 1})
        for row in map(decoded, await applications.to_list()):
            if external_id := as_text(row.get("external_id")):
                found.add(external_id)
            elif identity := as_uuid(row["_id"]):
                others.add(identity)
        of_integration = {**owned, "ats_integration_id": person.integration}
        outbox = self._mongo.collection(StatusOutboxEntry)
        async for row in outbox.find(of_integration, {"external_id": 1, "application_id": 1}):
            others.add(row["application_id"])
        changes = self._mongo.collection(CandidateChange)
        others |= set(await changes.distinct("application_id", owned)) - {None}
        moved = await self._moved(person, others)
        return replace(
            person,
            applications=person.applications | found,
            other_applications=(person.other_applications | others) - moved,
        )

    async def _moved(self, person: PersonIds, applications: Collection[UUID]) -> set[UUID]:
        """Returns the applications that another candidate has now: a merge at the ATS moves them."""
        which: Row = {
            "_id": {"$in": list(applications)},
            "candidate_id": {"$nin": [*person.candidate_ids, None]},
        }
        rows = await self._raw(ClearViewApplication).find(which, {"_id": 1}).to_list()
        return {identity for row in rows if (identity := as_uuid(decoded(row)["_id"]))}

    async def _with_snapshots(self, person: PersonIds) -> PersonIds:
        """Adds the records that hold a candidate or an application, now or before the last change."""
        fields = {
            "list": 1,
            "external_id": 1,
            **{
                f"{before}applications.{name}": 1
                for before in ("", "previous.")
                for name in ("external_id", "candidate_external_id")
            },
        }
        owners, known = list(person.candidates), list(person.applications)
        where = {
            "ats_integration_id": person.integration,
            "$or": [
                {"candidate.external_id": {"$in": owners}},
                {"applications.candidate_external_id": {"$in": owners}},
                {"previous.candidate.external_id": {"$in": owners}},
                {"previous.applications.candidate_external_id": {"$in": owners}},
                {"applications.external_id": {"$in": known}},
            ],
        }
        fields |= {"candidate.external_id": 1}
        records, applications = set(person.records), set(person.applications)
        async for row in self._mongo.collection(CandidateSnapshot).find(where, fields):
            if owners_of(row).isdisjoint(owners) and owners_of(row):
                applications -= {each["external_id"] for each in row["applications"]}
                continue
            records.add((row["list"], row["external_id"]))
            before = (row.get("previous") or {}).get("applications") or []
            applications |= {
                each["external_id"]
                for each in (*row["applications"], *before)
                if each["candidate_external_id"] in person.candidates
            }
        return replace(person, records=frozenset(records), applications=frozenset(applications))

    async def _with_waiting_records(self, person: PersonIds) -> PersonIds:
        """Adds records that have no snapshot: they failed, or an event names them."""
        of_integration = {"ats_integration_id": person.integration}
        ids = list(person.candidates | person.applications)
        failed = self._mongo.collection(FailedRecord)
        waiting = {
            (row["list"], row["external_id"])
            async for row in failed.find({**of_integration, "external_id": {"$in": ids}})
        }
        events = self._mongo.collection(WebhookEvent).find(of_integration, {"records": 1})
        async for row in events:
            waiting |= {pair for pair in row["records"].items() if pair[1] in ids}
        kept = {pair for pair in waiting if await self._may_be(person, *pair)}
        return replace(person, records=person.records | kept)

    async def _may_be(self, person: PersonIds, list_name: str, external_id: str) -> bool:
        """Returns False if a record's id is that of another thing: ids of candidates and applications
        may be the same numbers. A list is known by any snapshot of it.
        """
        snapshots = self._mongo.collection(CandidateSnapshot)
        if (list_name, external_id) in person.records:
            return True
        sample = await snapshots.find_one(
            {"ats_integration_id": person.integration, "list": list_name}
        )
        if sample is None:
            return True
        owner = sample.get("candidate") or {}
        if owner.get("external_id") == sample["external_id"]:
            return external_id in person.candidates
        ids = {each["external_id"] for each in sample["applications"]}
        return sample["external_id"] not in ids or external_id in person.applications

    async def addresses(self, people: Sequence[PersonIds]) -> frozenset[str]:
        """Returns their addresses that no other candidate has: those keep being imported."""
        candidates = [each async for each in self._candidates(people)]
        own = frozenset[str]().union(*map(addresses_of, candidates))
        return own - await self._addresses.of_others(own, people)

    async def _candidates(self, people: Sequence[PersonIds]) -> AsyncIterator[Mapping[str, Any]]:
        """Yields the candidates as ClearView and the snapshots have them, also as they were before."""
        snapshots = self._mongo.collection(CandidateSnapshot)
        for person in people:
            query = CLEARVIEW_QUERIES[ClearViewCandidate](person)
            async for raw in self._raw(ClearViewCandidate).find(query):
                yield decoded(raw)
            async for row in snapshots.find(OWN_QUERIES[CandidateSnapshot](person)):
                for held in (row, row.get("previous") or {}):
                    if held.get("candidate"):
                        yield held["candidate"]

    async def counts(self, people: Sequence[PersonIds]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for person in people:
            for collection, query in self._queries(person):
                count = await collection.count_documents(query)
                if count:
                    found[collection.name] = found.get(collection.name, 0) + count
        return found

    def _queries(self, person: PersonIds) -> list[tuple[AsyncCollection[Any], Row]]:
        queries: Mapping[type[Document], PersonQuery] = {**CLEARVIEW_QUERIES, **OWN_QUERIES}
        return [(self._raw(document), query(person)) for document, query in queries.items()]

    def _raw(self, document: type[Document]) -> AsyncCollection[RawBSONDocument]:
        """Returns a collection whose documents are decoded one by one: people write some of them."""
        return self._mongo.collection(document).with_options(codec_options=RAW)

    async def clear_texts(self, people: Sequence[PersonIds]) -> None:
        async for collection, row, fields in self._naming(people):
            await collection.update_one({"_id": row["_id"]}, {"$set": fields})

    async def _naming(
        self, people: Sequence[PersonIds]
    ) -> AsyncIterator[tuple[AsyncCollection[Row], Row, Row]]:
        """Yields each message that names them, with its fields as they are without the names."""
        candidates = [each async for each in self._candidates(people)]
        naming = pattern_of(texts_naming(people, candidates))
        for document, names in TEXTS.items() if naming else ():
            collection = self._mongo.collection(document)
            with pymongo.timeout(SCAN_LIMIT_S):
                async for row in collection.find({}, batch_size=1000):
                    fields = _changed(row, names, naming) if naming else {}
                    if fields:
                        yield collection, row, fields

    async def remove(self, person: PersonIds) -> None:
        """Removes ClearView's documents first: an application without a snapshot causes no push."""
        await self._erase_in_clearview(person)
        for document, query in OWN_QUERIES.items():
            await self._mongo.collection(document).delete_many(query(person))
        await self._leave_others(person)
        await self._forget_positions(person)

    async def _leave_others(self, person: PersonIds) -> None:
        """Removes the person from what another candidate has got at a merge."""
        snapshots = self._mongo.collection(CandidateSnapshot)
        await snapshots.update_many(former_owners(person), {"$set": {"previous": None}})
        changes, owners = self._mongo.collection(CandidateChange), list(person.candidates)
        for name in ("old", "new"):
            named = {**moves(person), name: {"$in": owners}}
            await changes.update_many(named, {"$set": {name: CLEARED}})

    async def keep(self, person: PersonIds) -> None:
        for document in HOLDABLE:
            rows = {"$and": [OWN_QUERIES[document](person), UNHELD]}
            await self._mongo.collection(document).update_many(rows, {"$set": {"held": True}})

    async def let_expire(self, person: PersonIds) -> None:
        for document in HOLDABLE:
            rows = {"$and": [OWN_QUERIES[document](person), {"held": True}]}
            await self._mongo.collection(document).update_many(rows, {"$unset": {"held": 1}})

    async def _forget_positions(self, person: PersonIds) -> None:
        """Removes records from the checkpoint of the integration's poll.

        A poll under way writes its own state over it, and forgets them as well.
        """
        settings = self._mongo.collection(IntegrationSettings)
        found = await settings.find_one({"_id": person.integration}, {"name": 1})
        if found is None:
            return
        checkpoints = self._mongo.collection(Checkpoint)
        row = await checkpoints.find_one({"_id": f"poll:{found['name']}"})
        if row is None or not isinstance(row.get("value"), Mapping):
            return
        left = without_records(row["value"], person)
        if left != row["value"]:
            same = {"_id": row["_id"], "updated_at": row["updated_at"], "fence": row.get("fence")}
            await checkpoints.update_one(same, {"$set": {"value": left}})

    async def documents(self, people: Sequence[PersonIds]) -> Mapping[str, list[Row]]:
        """Returns their documents, their files, and the messages that name them."""
        found: dict[str, list[Row]] = {}
        for person in people:
            for collection, query in self._queries(person):
                async for raw in collection.find(query):
                    found.setdefault(collection.name, []).append(decoded(raw))
        for person in people:
            async for file in copies_of(self._mongo, person, found.get("candidates", ())):
                found.setdefault(FILES, []).append(file)
        async for collection, row, _ in self._naming(people):
            found.setdefault(collection.name, []).append(row)
        return found


def owners_of(record: Row) -> set[str]:
    """Returns the candidates whose record it is now."""
    owners = {each["candidate_external_id"] for each in record["applications"]}
    candidate = record.get("candidate")
    return owners | ({candidate["external_id"]} if candidate else set())


def _changed(row: Row, names: Sequence[str], naming: re.Pattern[str]) -> Row:
    fields = {name: (row.get(name), cleared(row.get(name), naming)) for name in names}
    return {name: after for name, (before, after) in fields.items() if after != before}
