"""Counts of documents by integration, from indexes alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pymongo
from beanie import Document
from pymongo.errors import OperationFailure

from daemon.ports.clock import Clock
from daemon.store.connection import DatabaseError, Mongo, Row
from models.documents import (
    CLEARVIEW_DOCUMENTS,
    CandidateSnapshot,
    ClearViewApplication,
    ClearViewCandidate,
    Conflict,
    FailedRecord,
    QueuedFile,
    StatusOutboxEntry,
)
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import as_uuid, identity, plain_text
from models.documents.outbox import OPEN_STATES
from models.status import ApplicationStatus

Counts = Mapping[UUID | None, Mapping[str, int]]
STATUSES = frozenset(ApplicationStatus)
TIME_LIMIT_S = 3.0
"""A count that takes longer is left out: looking must not load what it looks at."""
KEPT_FOR = timedelta(seconds=15)
ALL = "all"
OTHER = "other"
"""The group of the values in ClearView's documents that are no canonical status."""
_READABLE = {
    "$project": {
        "_id": {
            "of": identity("$_id.of"),
            "by": {
                "$cond": [
                    {"$eq": [{"$type": "$_id.by"}, "missing"]},
                    "$$REMOVE",
                    plain_text("$_id.by"),
                ]
            },
        },
        "count": 1,
    }
}
"""After ClearView's documents were grouped: of their keys what can be decoded."""
BAD_HINT = frozenset({2, 291})


class _CollectionCount(msgspec.Struct, frozen=True):
    """A count of a collection's documents by integration, and by the field `by` where there is one."""

    document: type[Document]
    by: str | None = None
    only: Row | None = None
    index: str | None = None
    """The index that holds all of it; None for a small collection."""

    @property
    def stages(self) -> list[Row]:
        """The aggregation pipeline."""
        is_clearviews = self.document in CLEARVIEW_DOCUMENTS
        key = "integration_id" if is_clearviews else "ats_integration_id"
        by = {} if self.by is None else {"by": f"${self.by}"}
        return [
            *([] if self.only is None else [{"$match": self.only}]),
            {"$project": {key: 1, "_id": 0} | ({self.by: 1} if self.by else {})},
            {"$group": {"_id": {"of": f"${key}", **by}, "count": {"$sum": 1}}},
            *([_READABLE] if is_clearviews else []),
        ]


COUNTED: Mapping[str, _CollectionCount] = {
    # Those that are marked as deleted as well.
    "candidates": _CollectionCount(
        ClearViewCandidate, only=IMPORTED, index="integration_external_id"
    ),
    "applications": _CollectionCount(
        ClearViewApplication,
        by="status",
        only={"integration_id": IMPORTED["integration_id"]},
        index="integration_status",
    ),
    "snapshots": _CollectionCount(CandidateSnapshot, by="list", index="record"),
    "details_pending": _CollectionCount(
        CandidateSnapshot,
        only={"detail_due_at": {"$exists": True}, "deleted_at": None},
        index="detail_due",
    ),
    "outbox": _CollectionCount(StatusOutboxEntry, by="state", index="integration_due"),
    "failed_records": _CollectionCount(FailedRecord, by="state"),
    "attachments": _CollectionCount(QueuedFile, by="state", index="integration_due"),
    "open_conflicts": _CollectionCount(Conflict, only={"state": "open"}),
}
"""The counts of an overview, by the names that it has there."""


class OverviewCounts:
    """Counts by integration and kind; those of large collections are cached for some seconds."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Counts | None]] = {}

    async def of(self, name: str) -> Counts | None:
        """Returns one of the counts of `COUNTED`; None if it was not counted in time."""
        counted = COUNTED[name]
        if counted.index is None:
            return await self._counted(counted)
        now = self._clock.now()
        kept = self._kept.get(name)
        if kept is not None and timedelta(0) <= now - kept[0] < KEPT_FOR:
            return kept[1]
        try:
            with pymongo.timeout(TIME_LIMIT_S):
                found: Counts | None = await self._counted(counted)
        except DatabaseError as error:
            if not error.timeout:
                raise
            found = None
        self._kept[name] = (now, found)
        return found

    async def oldest_open_push(self) -> Mapping[UUID | None, datetime]:
        """Returns the creation time of the oldest open push."""
        stages: list[Row] = [
            {"$match": {"state": {"$in": list(OPEN_STATES)}}},
            {"$group": {"_id": "$ats_integration_id", "since": {"$min": "$created_at"}}},
        ]
        rows = await (await self._mongo.collection(StatusOutboxEntry).aggregate(stages)).to_list()
        return {row["_id"]: row["since"] for row in rows}

    async def _counted(self, counted: _CollectionCount) -> Counts:
        counts: dict[UUID | None, dict[str, int]] = {}
        for row in await self._rows(counted):
            key, by = row["_id"].get("of"), row["_id"].get("by", ALL)
            if key is None or as_uuid(key) is not None:
                of = counts.setdefault(key, {})
                name = OTHER if by is None else str(by)
                if counted.document is ClearViewApplication and name not in STATUSES:
                    name = OTHER
                of[name] = of.get(name, 0) + row["count"]
        return counts

    async def _rows(self, counted: _CollectionCount) -> list[Row]:
        collection = self._mongo.collection(counted.document)
        if counted.index is not None:
            try:
                cursor = await collection.aggregate(counted.stages, hint=counted.index)
                return await cursor.to_list()
            except OperationFailure as error:
                # ClearView's collections may be older than our indexes on them.
                if error.code not in BAD_HINT:
                    raise
        return await (await collection.aggregate(counted.stages)).to_list()
