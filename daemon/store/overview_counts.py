"""Counts of documents by integration, from indexes alone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pymongo
from beanie import Document
from pymongo.errors import OperationFailure

from daemon.ports.clock import Clock
from daemon.store.connection import DatabaseError, Mongo, Row
from models.documents import (
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


class OverviewCounts:
    """Counts by integration and kind; those of large collections are cached for some seconds."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._mongo = mongo
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Counts | None]] = {}

    async def candidates(self) -> Counts | None:
        """Counts candidates in ClearView, including those that are marked as deleted."""
        return await self._large(
            ClearViewCandidate, "integration_id", "integration_external_id", only=IMPORTED
        )

    async def applications(self) -> Counts | None:
        """Counts applications in ClearView by status."""
        only = {"integration_id": IMPORTED["integration_id"]}
        return await self._large(
            ClearViewApplication, "integration_id", "integration_status", by="status", only=only
        )

    async def snapshots(self) -> Counts | None:
        """Counts records of the ATS by list."""
        return await self._large(CandidateSnapshot, "ats_integration_id", "record", by="list")

    async def details(self) -> Counts | None:
        """Counts records whose details are to be read."""
        stages = [{"$match": {"detail_due_at": {"$exists": True}, "deleted_at": None}}]
        grouped = [*stages, *_grouped("ats_integration_id")]
        counted = partial(self._counted, CandidateSnapshot, grouped, hint="detail_due")
        return await self._recent("details", counted)

    async def pushes(self) -> Counts | None:
        """Counts outbox entries by state."""
        return await self._large(
            StatusOutboxEntry, "ats_integration_id", "integration_due", by="state"
        )

    async def failed_records(self) -> Counts:
        """Counts records whose import failed, by state."""
        return await self._counted(FailedRecord, _grouped("ats_integration_id", "state"))

    async def files(self) -> Counts | None:
        """Counts candidates' files by what became of them."""
        return await self._large(QueuedFile, "ats_integration_id", "integration_due", by="state")

    async def open_conflicts(self) -> Counts:
        """Counts conflicts that wait for a person."""
        return await self._counted(
            Conflict, [{"$match": {"state": "open"}}, *_grouped("ats_integration_id")]
        )

    async def oldest_open_push(self) -> Mapping[UUID | None, datetime]:
        """Returns the creation time of the oldest open push."""
        stages: list[Row] = [
            {"$match": {"state": {"$in": list(OPEN_STATES)}}},
            {"$group": {"_id": "$ats_integration_id", "since": {"$min": "$created_at"}}},
        ]
        rows = await (await self._mongo.collection(StatusOutboxEntry).aggregate(stages)).to_list()
        return {row["_id"]: row["since"] for row in rows}

    async def _large(
        self,
        document: type[Document],
        key: str,
        index: str,
        *,
        by: str | None = None,
        only: Row | None = None,
    ) -> Counts | None:
        fields = {key: 1, "_id": 0} | ({by: 1} if by else {})
        stages: list[Row] = [{"$project": fields}, *_grouped(key, by)]
        if only is not None:
            stages = [{"$match": only}, *stages, _READABLE]
        name = str(document.get_settings().name)
        return await self._recent(name, lambda: self._counted(document, stages, hint=index))

    async def _recent(self, name: str, count: Callable[[], Awaitable[Counts]]) -> Counts | None:
        now = self._clock.now()
        kept = self._kept.get(name)
        if kept is not None and timedelta(0) <= now - kept[0] < KEPT_FOR:
            return kept[1]
        found = await _in_time(count)
        self._kept[name] = (now, found)
        return found

    async def _counted(
        self, document: type[Document], stages: Sequence[Row], *, hint: str | None = None
    ) -> Counts:
        rows = await self._rows(document, stages, hint)
        counts: dict[UUID | None, dict[str, int]] = {}
        for row in rows:
            key, by = row["_id"].get("of"), row["_id"].get("by", ALL)
            if key is None or as_uuid(key) is not None:
                of = counts.setdefault(key, {})
                name = OTHER if by is None else str(by)
                if document is ClearViewApplication and name not in STATUSES:
                    name = OTHER
                of[name] = of.get(name, 0) + row["count"]
        return counts

    async def _rows(
        self, document: type[Document], stages: Sequence[Row], hint: str | None
    ) -> list[Row]:
        collection = self._mongo.collection(document)
        if hint is not None:
            try:
                return await (await collection.aggregate(list(stages), hint=hint)).to_list()
            except OperationFailure as error:
                # ClearView's collections may be older than our indexes on them.
                if error.code not in BAD_HINT:
                    raise
        return await (await collection.aggregate(list(stages))).to_list()


def _grouped(key: str, by: str | None = None) -> list[dict[str, Any]]:
    group = {"of": f"${key}"} | ({"by": f"${by}"} if by else {})
    return [{"$group": {"_id": group, "count": {"$sum": 1}}}]


async def _in_time(count: Callable[[], Awaitable[Counts]]) -> Counts | None:
    try:
        with pymongo.timeout(TIME_LIMIT_S):
            return await count()
    except DatabaseError as error:
        if error.timeout:
            return None
        raise
