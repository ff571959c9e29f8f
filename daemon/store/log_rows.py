"""The logs by time, and what their rows refer to: for events that are made of them."""

import heapq
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from beanie import Document

from daemon.core.events import ALERTS, CONFLICTS, EXPORTS, IMPORTS, UPDATES, LogRow, Naming
from daemon.store.connection import Mongo
from models.documents import (
    Alert,
    AnalyticsExportLog,
    CandidateImportLog,
    ClearViewApplication,
    ClearViewCandidate,
    Conflict,
    IntegrationSettings,
    StatusUpdateLog,
)
from models.documents.clearview_values import RAW, decoded

BATCH = 500
_RESOLVED = "resolved_at"
_TIMES: tuple[tuple[str, type[Document], str], ...] = (
    (IMPORTS, CandidateImportLog, "imported_at"),
    (UPDATES, StatusUpdateLog, "updated_at"),
    (EXPORTS, AnalyticsExportLog, "exported_at"),
    (CONFLICTS, Conflict, "detected_at"),
    (ALERTS, Alert, "opened_at"),
    (ALERTS, Alert, _RESOLVED),
)
_OWNER = "ats_integration_id"
Timed = tuple[datetime, LogRow]


class MongoLogRows:
    """Implements `daemon.ports.events.LogRows`; reads only."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._updates = mongo.collection(StatusUpdateLog)
        self._settings = mongo.collection(IntegrationSettings)

    async def since(self, moment: datetime) -> AsyncIterator[Sequence[LogRow]]:
        for integration in await self._integrations():
            parts = [self._rows(*part, integration, moment) for part in _TIMES]
            batch: list[LogRow] = []
            async for row in _merged(parts):
                batch.append(row)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch

    async def _integrations(self) -> list[UUID | None]:
        """Returns all that rows may belong to: also integrations that were removed, and none."""
        found: set[UUID] = set(await self._settings.distinct("_id"))
        for document in (CandidateImportLog, StatusUpdateLog):
            found.update(await self._mongo.collection(document).distinct(_OWNER))
        return [*sorted(found - {None}), None]

    async def _rows(
        self,
        name: str,
        document: type[Document],
        time: str,
        integration: UUID | None,
        moment: datetime,
    ) -> AsyncIterator[Timed]:
        written = frozenset({time}) if time == _RESOLVED else None
        query = {_OWNER: integration, time: {"$gte": moment}}
        async for row in self._mongo.collection(document).find(query, sort=[(time, 1)]):
            yield row[time], LogRow(name, row, written)

    async def naming(self, rows: Sequence[LogRow]) -> Naming:
        owners = {row.row.get(_OWNER) for row in rows} - {None}
        names = self._settings.find({"_id": {"$in": list(owners)}}, {"name": 1})
        return Naming(
            {row["_id"]: row["name"] for row in await names.to_list()},
            await self._outcomes_before([r.row for r in rows if r.collection == UPDATES]),
        )

    async def _outcomes_before(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[UUID, datetime], int]:
        if not rows:
            return {}
        changes = list({row["event_id"] for row in rows})
        query = {"event_id": {"$in": changes}, "replay_of": {"$type": "binData"}}
        earlier: dict[str, list[datetime]] = {}
        async for row in self._updates.find(query, {"event_id": 1, "updated_at": 1}):
            earlier.setdefault(row["event_id"], []).append(row["updated_at"])
        return {
            (row["_id"], row["updated_at"]): sum(one < row["updated_at"] for one in times)
            for row in rows
            if (times := earlier.get(row["event_id"]))
        }

    async def documents(
        self, candidates: Collection[UUID], applications: Collection[UUID]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        wanted = {ClearViewCandidate: candidates, ClearViewApplication: applications}
        found: dict[UUID, Mapping[str, Any]] = {}
        for document, ids in wanted.items():
            if ids:
                of = self._mongo.collection(document).with_options(codec_options=RAW)
                rows = await of.find({"_id": {"$in": list(ids)}}).to_list()
                found |= {row["_id"]: row for row in map(decoded, rows)}
        return found


async def _merged(parts: Sequence[AsyncIterator[Timed]]) -> AsyncIterator[LogRow]:
    """Yields the rows of all parts by time; each part is in that order itself."""
    heads: list[tuple[datetime, int, LogRow]] = []

    async def take(number: int) -> None:
        head = await anext(parts[number], None)
        if head is not None:
            heapq.heappush(heads, (head[0], number, head[1]))

    for number in range(len(parts)):
        await take(number)
    while heads:
        _, number, row = heapq.heappop(heads)
        yield row
        await take(number)
