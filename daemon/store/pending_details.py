"""Records whose details are to be read, in MongoDB, as `daemon.ports.imports.PendingDetails`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pymongo import ASCENDING, UpdateOne

from daemon.core.details import OF_APPLICATIONS
from daemon.core.snapshot import Snapshot
from daemon.store.bulk_writes import DocumentUpdate, update_each
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import StoredIds, stored
from daemon.store.snapshots import DUE
from models.backoff import backoff_pause
from models.documents import CandidateSnapshot

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
TIMES_ABSENT = 3
"""After so many answers, minutes apart, that the ATS has no such record, it is believed."""
ABSENT = "the ATS does not have the record"


class MongoPendingDetails:
    """The details of one integration's snapshots."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._collection = mongo.collection(CandidateSnapshot)
        self._integration = integration_id
        self._ids = StoredIds(integration_id)

    async def due(self, list_name: str, now: datetime, *, limit: int) -> list[str]:
        query = {
            **self._of_list(list_name),
            # A time beyond the longest pause was written by a wrong clock.
            "detail_due_at": {"$exists": True, "$not": {"$gt": now, "$lte": now + LONGEST_PAUSE}},
            "deleted_at": None,
        }
        cursor = self._collection.find(
            query, {"external_id": 1, "_id": 0}, sort=[("detail_due_at", ASCENDING)], limit=limit
        )
        return [row["external_id"] for row in await cursor.to_list()]

    async def count(self, list_name: str) -> int:
        query = {
            **self._of_list(list_name),
            "detail_due_at": {"$exists": True},
            "deleted_at": None,
        }
        return await self._collection.count_documents(query)

    async def write(
        self, list_name: str, records: Sequence[Snapshot], import_id: UUID
    ) -> Mapping[str, str]:
        changes = [
            DocumentUpdate(
                record.external_id,
                self._one(list_name, record),
                _with_details(record, import_id),
            )
            for record in records
        ]
        return (await update_each(self._collection, changes)).refused

    async def unchanged(self, list_name: str, records: Sequence[Snapshot]) -> None:
        writes = [
            UpdateOne(
                self._one(list_name, record),
                {"$set": {"detail": record.detail}, "$unset": dict.fromkeys(DUE, "")},
            )
            for record in records
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False)

    async def failed(self, list_name: str, failures: Mapping[str, str], now: datetime) -> None:
        ids = [self._ids.snapshot(list_name, external_id) for external_id in failures]
        rows = self._collection.find(
            {"_id": {"$in": ids}}, {"external_id": 1, "detail_attempts": 1}
        )
        writes = []
        for row in await rows.to_list():
            attempts = (row.get("detail_attempts") or 0) + 1
            pause = backoff_pause(attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
            noted = {
                "detail_attempts": attempts,
                "detail_due_at": now + pause,
                "detail_error": failures[row["external_id"]],
            }
            writes.append(UpdateOne({"_id": row["_id"]}, {"$set": noted}))
        if writes:
            await self._collection.bulk_write(writes, ordered=False)

    async def absent(
        self, list_name: str, external_ids: Collection[str], now: datetime
    ) -> frozenset[str]:
        ids = [self._ids.snapshot(list_name, external_id) for external_id in external_ids]
        often = {"_id": {"$in": ids}, "detail_attempts": {"$gte": TIMES_ABSENT - 1}}
        gone = frozenset(await self._collection.distinct("external_id", often))
        await self.failed(list_name, dict.fromkeys(set(external_ids) - gone, ABSENT), now)
        return gone

    async def sweep(self, list_name: str, at: datetime) -> None:
        await self._collection.update_many(
            {**self._of_list(list_name), "deleted_at": None, "detail_due_at": {"$exists": False}},
            {"$set": {"detail_due_at": at}},
        )

    def _of_list(self, list_name: str) -> Row:
        return {"ats_integration_id": self._integration, "list": list_name}

    def _one(self, list_name: str, record: Snapshot) -> Row:
        return {"_id": self._ids.snapshot(list_name, record.external_id)}


def _with_details(snapshot: Snapshot, import_id: UUID) -> list[Row]:
    """Returns a pipeline that writes the fields of details, and keeps the content that it replaces.

    What a push writes into the applications meanwhile stays.
    """
    fields = {
        application["external_id"]: {name: application[name] for name in OF_APPLICATIONS}
        for application in snapshot.applications
    }
    index = {"$indexOfArray": [{"$literal": list(fields)}, "$$application.external_id"]}
    found = {"$arrayElemAt": [{"$literal": list(fields.values())}, "$$at"]}
    merged = {"$mergeObjects": ["$$application", found]}
    each = {"$cond": [{"$lt": ["$$at", 0]}, "$$application", merged]}
    in_each = {"$let": {"vars": {"at": index}, "in": each}}
    replaced = {
        "candidate": "$candidate",
        "applications": "$applications",
        "seen_at": "$seen_at",
        "deleted": False,
    }
    return [
        {
            "$set": {
                "previous": replaced,
                "candidate": {"$literal": snapshot.candidate},
                "applications": {
                    "$map": {"input": "$applications", "as": "application", "in": in_each}
                },
                "detail": {"$literal": snapshot.detail},
                "seen_at": snapshot.seen_at,
                "import_id": stored(import_id),
            }
        },
        {"$unset": list(DUE)},
    ]
