"""Hiring metrics counted by MongoDB itself: one aggregation for each section."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pymongo
from pymongo.errors import PyMongoError

from daemon.core.analytics import (
    Arrivals,
    Facts,
    MetricsUnavailable,
    Moves,
    Period,
    Spread,
    StatusCount,
    metrics_of,
)
from daemon.store import analytics_pipelines as pipelines
from daemon.store.connection import Mongo, Row
from models.documents import CandidateChange, ClearViewApplication, StatusUpdateLog
from models.status import ApplicationStatus

SECTION_TIMEOUT_S = 300.0
"""A section walks every application of an integration: longer than any other operation."""
CHUNK = 10_000
"""Rows that go from one database to the other at a time: well below 16 MB."""


class MongoMetrics:
    """Implements `daemon.ports.analytics.MetricsSource` over the two databases."""

    def __init__(self, mongo: Mongo, *, chunk: int = CHUNK) -> None:
        self._clearview = mongo.clearview
        self._changes = mongo.collection(CandidateChange)
        self._applications = mongo.collection(ClearViewApplication)
        self._updates = mongo.collection(StatusUpdateLog)
        self._chunk = chunk

    async def metrics(self, integration_id: UUID, period: Period) -> Mapping[str, Any]:
        try:
            with pymongo.timeout(SECTION_TIMEOUT_S):
                return metrics_of(period, await self.facts(integration_id, period))
        except PyMongoError as error:
            raise MetricsUnavailable(
                f"MongoDB could not count the period ({type(error).__name__})."
            ) from error

    async def facts(self, integration_id: UUID, period: Period) -> Facts:
        """Counts every section."""
        moved = await self._rows(self._changes, pipelines.hires_by_move(integration_id, period))
        updates = await self._rows(self._updates, pipelines.status_updates(integration_id, period))
        return Facts(
            status_counts=await self._status_counts(integration_id, period),
            moves=await self._moves(integration_id, period),
            time_to_hire=await self._time_to_hire(integration_id, period, moved),
            sources=await self._arrivals(
                integration_id, period, moved, by="$source", name="$source"
            ),
            jobs=await self._arrivals(
                integration_id, period, moved, by="$job.external_id", name="$job.name"
            ),
            status_updates={row["_id"]: row["count"] for row in updates},
        )

    async def _status_counts(self, integration: UUID, period: Period) -> list[StatusCount]:
        """Counts the present statuses, less the moves since the end of the period."""
        counts: Counter[tuple[str | None, str]] = Counter()
        names: dict[str | None, str | None] = {}
        for row in await self._rows(
            self._applications, pipelines.status_counts(integration, period)
        ):
            job, status = row["_id"].get("job"), row["_id"]["status"]
            counts[job, status] += row["count"]
            names[job] = max(filter(None, (names.get(job), row["name"])), default=None)
        await self._undo_later_moves(integration, period, counts)
        return [
            StatusCount(job, names[job], ApplicationStatus(status), count)
            for (job, status), count in counts.items()
            if count
        ]

    async def _undo_later_moves(
        self, integration: UUID, period: Period, counts: Counter[tuple[str | None, str]]
    ) -> None:
        later = pipelines.first_moves_since(integration, period.end)
        async for rows in self._chunks(self._changes, later):
            for stood in {row["stood"] for row in rows}:
                moved = [row["_id"] for row in rows if row["stood"] == stood]
                pipeline = pipelines.status_counts(integration, period, only=moved)
                for row in await self._rows(self._applications, pipeline):
                    job = row["_id"].get("job")
                    counts[job, row["_id"]["status"]] -= row["count"]
                    counts[job, stood] += row["count"]

    async def _moves(self, integration: UUID, period: Period) -> list[Moves]:
        first = pipelines.moves_with_previous(integration, period, has_previous=False)
        from_start: list[Row] = []
        async for rows in self._chunks(self._changes, first):
            from_start += await self._rows(self._clearview, pipelines.timed_from_start(rows))
        pairs = await self._rows(
            self._changes, pipelines.transitions(integration, period, from_start)
        )
        return [
            Moves(
                ApplicationStatus(row["_id"]["before"]),
                ApplicationStatus(row["_id"]["after"]),
                row["count"],
                _spread(row),
            )
            for row in pairs
        ]

    async def _time_to_hire(
        self, integration: UUID, period: Period, moved: Sequence[Row]
    ) -> Spread:
        pipeline = pipelines.time_to_hire(integration, period, moved)
        rows = await self._rows(self._applications, pipeline)
        return _spread(rows[0]) if rows else Spread(0)

    async def _arrivals(
        self, integration: UUID, period: Period, moved: Sequence[Row], *, by: str, name: str
    ) -> list[Arrivals]:
        pipeline = pipelines.arrivals(integration, period, moved, by=by, name=name)
        rows = await self._rows(self._applications, pipeline)
        return [Arrivals(row["_id"], row["name"], row["applied"], row["hired"]) for row in rows]

    async def _rows(self, where: Any, pipeline: Sequence[Mapping[str, Any]]) -> list[Row]:
        cursor = await where.aggregate(pipeline, allowDiskUse=True)
        rows: list[Row] = await cursor.to_list()
        return rows

    async def _chunks(
        self, where: Any, pipeline: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[list[Row]]:
        async with await where.aggregate(pipeline, allowDiskUse=True) as cursor:
            while rows := await cursor.to_list(self._chunk):
                yield rows


def _spread(row: Row) -> Spread:
    return Spread(row["timed"], row["median"], row["p90"])
