"""`attachments_queue` in MongoDB: filled by imports, worked on by the holder of a lease."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo import ASCENDING, UpdateMany, UpdateOne

from daemon.core.attachments import (
    OPEN_STATES,
    CandidateFiles,
    FileFacts,
    FileFailure,
    FileToFetch,
    WantedFile,
)
from daemon.store.connection import Mongo, Row
from daemon.store.leases import not_of_a_later_holder
from models.documents import LegalHold, QueuedFile
from models.ids import candidate_id, derived_id

DUE_AGAIN: Row = {
    "attempts": 0,
    "first_attempt_at": None,
    "next_attempt_at": None,
    "last_error": None,
}
"""The fields of a row that was not tried yet."""


class MongoAttachmentQueue:
    """The queue of one integration, as `daemon.ports.attachments.AttachmentQueue`."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._rows = mongo.collection(QueuedFile)
        self._integration = integration_id

    async def update(
        self, list_name: str, files: Sequence[CandidateFiles], *, at: datetime
    ) -> None:
        writes = [write for each in files for write in self._writes(list_name, each, at)]
        if writes:
            await self._rows.bulk_write(writes, ordered=False)

    def _writes(
        self, list_name: str, files: CandidateFiles, at: datetime
    ) -> Iterator[UpdateOne | UpdateMany]:
        for wanted in files.wanted:
            key = ("attachment", files.candidate_external_id, wanted.external_id)
            which = {
                "_id": derived_id(self._integration, *key),
                "ats_integration_id": self._integration,
            }
            yield UpdateOne(which, self._queued(list_name, files, wanted, at), upsert=True)
        if files.is_new:
            return
        shown_before = {
            **self._of([files.candidate_external_id]),
            "list": list_name,
            "record_id": files.record_id,
            "external_id": {"$nin": sorted(files.shown)},
        }
        yield UpdateMany(shown_before, {"$set": _gone(at)})

    def _queued(
        self, list_name: str, files: CandidateFiles, wanted: WantedFile, at: datetime
    ) -> list[Row]:
        """Returns an update that lets a known file be, and queues one that is new or another."""
        known: Row = {"$and": [{"$eq": ["$version", wanted.version]}, {"$ne": ["$state", "gone"]}]}

        def unless_known(value: object, otherwise: object) -> Row:
            return {"$cond": ["$_known", otherwise, value]}

        # The import may have written the whole list of a known file's candidate again.
        kept = {"$cond": [{"$eq": ["$state", "fetched"]}, "stored", "$state"]}
        return [
            {"$set": {"_known": known}},
            {
                "$set": {
                    "candidate_id": candidate_id(self._integration, files.candidate_external_id),
                    "candidate_external_id": {"$literal": files.candidate_external_id},
                    "external_id": {"$literal": wanted.external_id},
                    "list": {"$literal": list_name},
                    "record_id": {"$literal": files.record_id},
                    "kind": wanted.kind,
                    "version": wanted.version,
                    "state": unless_known("pending", kept),
                    "queued_at": {"$ifNull": ["$queued_at", at]},
                    "file_id": {"$ifNull": ["$file_id", None]},
                    "replaced": {"$ifNull": ["$replaced", []]},
                    "updated_at": unless_known(at, "$updated_at"),
                    **{
                        name: unless_known({"$literal": value}, f"${name}")
                        for name, value in DUE_AGAIN.items()
                    },
                }
            },
            {"$unset": "_known"},
        ]

    async def drop(self, candidate_external_ids: Sequence[str], *, at: datetime) -> None:
        if candidate_external_ids:
            await self._rows.update_many(self._of(candidate_external_ids), {"$set": _gone(at)})

    def _of(self, candidate_external_ids: Sequence[str]) -> Row:
        return {
            "ats_integration_id": self._integration,
            "candidate_external_id": {"$in": list(candidate_external_ids)},
        }


class MongoFileQueue:
    """The same queue, as `daemon.ports.attachments.FileQueue`."""

    def __init__(self, mongo: Mongo, integration_id: UUID, *, fence: int) -> None:
        self._rows = mongo.collection(QueuedFile)
        self._holds = mongo.collection(LegalHold)
        self._integration = integration_id
        self._fence = fence

    async def due(self, *, now: datetime, limit: int) -> Sequence[FileToFetch]:
        rows = self._rows.find(
            {**self._in_state(*OPEN_STATES), "next_attempt_at": {"$not": {"$gt": now}}},
            sort=[("next_attempt_at", ASCENDING), ("queued_at", ASCENDING)],
            limit=limit,
        )
        return [_file(row) for row in await rows.to_list()]

    async def gone(self, *, limit: int) -> Sequence[FileToFetch]:
        held = await self._holds.distinct("_id", {"ats_integration_id": self._integration})
        free = {**self._in_state("gone"), "candidate_id": {"$nin": held}}
        return [_file(row) for row in await self._rows.find(free, limit=limit).to_list()]

    async def begin(self, file: FileToFetch, file_id: UUID, *, at: datetime) -> bool:
        replaced = sorted(file.copies - {file_id})
        change = {"file_id": file_id, "replaced": replaced, "updated_at": at}
        return await self._change(file, change)

    async def stored(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:
        change = {
            "state": "stored",
            "sha256": facts.sha256,
            "size": facts.size,
            "content_type": facts.content_type,
            "updated_at": at,
            **DUE_AGAIN,
        }
        return await self._change(file, change)

    async def fetched(self, file: FileToFetch, *, at: datetime) -> bool:
        change = {"state": "fetched", "replaced": [], "updated_at": at}
        return await self._change(file, change, state="stored")

    async def failed(self, file: FileToFetch, failure: FileFailure, *, at: datetime) -> bool:
        change = {
            "state": failure.state,
            "attempts": file.attempts + 1,
            "first_attempt_at": file.first_attempt_at or at,
            "next_attempt_at": failure.next_attempt_at,
            "last_error": failure.error,
            "updated_at": at,
        }
        return await self._change(file, change)

    async def put_off(self, file: FileToFetch, until: datetime) -> None:
        await self._change(file, {"next_attempt_at": until})

    async def vanish(self, file: FileToFetch, *, at: datetime) -> None:
        await self._rows.update_one({"_id": file.id}, {"$set": _gone(at)})

    async def in_use(self, file: FileToFetch, copies: Collection[UUID]) -> frozenset[UUID]:
        rows = self._rows.find(
            {
                "ats_integration_id": self._integration,
                "file_id": {"$in": list(copies)},
                "_id": {"$ne": file.id},
                "state": {"$ne": "gone"},
            },
            {"file_id": 1},
        )
        return frozenset(row["file_id"] for row in await rows.to_list())

    async def forget(self, file: FileToFetch) -> None:
        await self._rows.delete_one({"_id": file.id, "state": "gone"})

    async def counts(self) -> Mapping[str, int]:
        stages: list[Row] = [
            {"$match": {"ats_integration_id": self._integration}},
            {"$group": {"_id": "$state", "files": {"$sum": 1}}},
        ]
        rows = await (await self._rows.aggregate(stages)).to_list()
        return {row["_id"]: row["files"] for row in rows}

    async def retry_skipped(self, *, at: datetime) -> None:
        change = {"state": "pending", "updated_at": at, **DUE_AGAIN}
        await self._rows.update_many(self._in_state("skipped"), {"$set": change})

    async def _change(self, file: FileToFetch, fields: Row, *, state: str | None = None) -> bool:
        """Changes a row that is as it was read, unless a later holder of the lease has changed it."""
        key = {
            "_id": file.id,
            "version": file.version,
            "state": state or {"$in": list(OPEN_STATES)},
            "fence": not_of_a_later_holder(self._fence),
        }
        change = {"$set": {**fields, "fence": self._fence}}
        return (await self._rows.update_one(key, change)).matched_count == 1

    def _in_state(self, *states: str) -> Row:
        return {"ats_integration_id": self._integration, "state": {"$in": list(states)}}


async def integrations_with_files(
    mongo: Mongo, integration_ids: Sequence[UUID], now: datetime
) -> frozenset[UUID]:
    """Returns those of the integrations that have files to fetch, to publish or to delete."""
    waiting: Row = {
        "ats_integration_id": {"$in": list(integration_ids)},
        "next_attempt_at": {"$not": {"$gt": now}},
        "$or": [
            {"state": {"$in": list(OPEN_STATES)}},
            {
                "state": "gone",
                "candidate_id": {"$nin": await mongo.collection(LegalHold).distinct("_id")},
            },
        ],
    }
    return frozenset(await mongo.collection(QueuedFile).distinct("ats_integration_id", waiting))


def _gone(at: datetime) -> Row:
    return {"state": "gone", "next_attempt_at": None, "updated_at": at}


def _file(row: Mapping[str, Any]) -> FileToFetch:
    file_id, sha256 = row.get("file_id"), row.get("sha256")
    facts = None
    if file_id is not None and sha256 is not None:
        facts = FileFacts(file_id, sha256, row["size"], row["content_type"])
    return FileToFetch(
        id=row["_id"],
        candidate_id=row["candidate_id"],
        candidate_external_id=row["candidate_external_id"],
        external_id=row["external_id"],
        list_name=row["list"],
        record_id=row["record_id"],
        kind=row["kind"],
        version=row["version"],
        state=row["state"],
        attempts=row.get("attempts") or 0,
        first_attempt_at=row.get("first_attempt_at"),
        file_id=file_id,
        facts=facts,
        replaced=tuple(row.get("replaced") or ()),
    )
