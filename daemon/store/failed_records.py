"""Records that wait for another try, in MongoDB."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pymongo import ReturnDocument

from daemon.store.connection import Mongo
from models.backoff import backoff_pause
from models.documents import FailedRecord
from models.ids import derived_id

FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=6)
ATTEMPTS_BEFORE_DEAD = 10


def retry_after(attempts: int) -> timedelta | None:
    """Returns the wait before try number `attempts` + 1; None for a dead letter."""
    if attempts >= ATTEMPTS_BEFORE_DEAD:
        return None
    return backoff_pause(attempts, first=FIRST_RETRY, longest=LAST_RETRY)


def _later_than(now: datetime) -> dict[str, datetime]:
    """Matches a time to wait for; one beyond the longest wait was written by a wrong clock."""
    return {"$gt": now, "$lte": now + LAST_RETRY}


class MongoFailedRecords:
    """`failed_records` of one integration."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._collection = mongo.collection(FailedRecord)
        self._integration = integration_id

    def _id(self, list_name: str, external_id: str) -> UUID:
        return derived_id(self._integration, "failed", list_name, external_id)

    async def all_ids(self, list_name: str) -> frozenset[str]:
        rows = self._collection.find(
            {"ats_integration_id": self._integration, "list": list_name}, {"external_id": 1}
        )
        return frozenset(row["external_id"] for row in await rows.to_list())

    async def due(self, list_name: str, now: datetime) -> list[str]:
        rows = self._collection.find(
            {
                "ats_integration_id": self._integration,
                "list": list_name,
                # A replica of 0.1.0 may still write records without an id, which no read can find.
                "external_id": {"$ne": ""},
                "next_attempt_at": {"$not": _later_than(now)},
                "state": "retrying",
            },
            {"external_id": 1},
        )
        return [row["external_id"] for row in await rows.to_list()]

    async def waiting(
        self, list_name: str, failures: Mapping[str, str], *, now: datetime
    ) -> frozenset[str]:
        rows = self._collection.find(
            {
                "_id": {"$in": [self._id(list_name, external_id) for external_id in failures]},
                "$or": [{"state": "dead"}, {"next_attempt_at": _later_than(now)}],
            },
            {"external_id": 1, "error_message": 1},
        )
        return frozenset(
            row["external_id"]
            for row in await rows.to_list()
            if row["error_message"] == failures[row["external_id"]]
        )

    async def add(self, list_name: str, external_id: str, *, error: str, now: datetime) -> bool:
        """Counts a failure; True if the record is given up. One before its time, as in the overlap, does not count."""
        key = {"_id": self._id(list_name, external_id)}
        early = await self._collection.update_one(
            {**key, "next_attempt_at": _later_than(now)}, {"$set": {"error_message": error}}
        )
        if early.matched_count:
            return False
        row = await self._collection.find_one_and_update(
            key,
            {
                "$inc": {"attempts": 1},
                "$set": {"error_message": error, "next_attempt_at": None, "state": "retrying"},
                "$setOnInsert": {
                    "ats_integration_id": self._integration,
                    "list": list_name,
                    "external_id": external_id,
                    "first_failed_at": now,
                },
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        attempts = int(row["attempts"]) if row else 1
        wait = retry_after(attempts)
        await self._collection.update_one(
            key,
            {
                "$set": {
                    "next_attempt_at": None if wait is None else now + wait,
                    "state": "dead" if wait is None else "retrying",
                }
            },
        )
        return wait is None

    async def remove(self, list_name: str, external_ids: Sequence[str]) -> None:
        if external_ids:
            await self._collection.delete_many(
                {"_id": {"$in": [self._id(list_name, e) for e in external_ids]}}
            )

    async def dead(self) -> int:
        return await self._collection.count_documents(
            {"ats_integration_id": self._integration, "state": "dead"}
        )
