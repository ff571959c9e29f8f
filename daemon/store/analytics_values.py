"""Applications as they stood at the end of a period, and what the ATS was sent about each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from daemon.core.analytics import Period, Standpoint
from daemon.ports.clock import Clock
from daemon.store import analytics_value_pipelines as pipelines
from daemon.store.connection import Mongo, Row
from daemon.store.foreign import as_uuid
from models.documents import AnalyticsValue, CandidateChange, ClearViewApplication
from models.ids import derived_id
from models.status import ApplicationStatus

BATCH = 500


class MongoStandpoints:
    """Implements `daemon.ports.analytics.Standpoints`."""

    def __init__(self, mongo: Mongo, *, batch: int = BATCH) -> None:
        self._applications = mongo.collection(ClearViewApplication)
        self._changes = mongo.collection(CandidateChange)
        self._batch = batch

    async def batches(
        self, integration_id: UUID, period: Period
    ) -> AsyncIterator[Sequence[Standpoint]]:
        """Every application of the report, in the order of their external ids, some hundreds at a time.

        Each batch is a query of its own: a slow ATS between two of them lets no cursor time out.
        """
        last: str | None = None
        while rows := await self._page(integration_id, period, after=last):
            last = rows[-1]["external_id"]
            known = [row for row in rows if row["candidate"] and as_uuid(row["_id"])]
            moves = await self._moves(integration_id, period, known)
            yield [_standpoint(row, moves.get(row["_id"], {})) for row in known]

    async def _page(self, integration: UUID, period: Period, *, after: str | None) -> list[Row]:
        pipeline = pipelines.application_page(integration, period, after=after, size=self._batch)
        return await (await self._applications.aggregate(pipeline)).to_list()

    async def _moves(
        self, integration: UUID, period: Period, rows: Sequence[Row]
    ) -> dict[UUID, Row]:
        pipeline = pipelines.around_the_end(
            integration,
            period,
            candidates=[row["candidate_id"] for row in rows],
            applications=[row["_id"] for row in rows],
        )
        cursor = await self._changes.aggregate(pipeline)
        return {row["_id"]: row async for row in cursor}


def _standpoint(row: Row, moves: Mapping[str, Any]) -> Standpoint:
    return Standpoint(
        external_id=row["external_id"],
        candidate_external_id=row["candidate"],
        job_external_id=row.get("job"),
        application_id=row["_id"],
        status=ApplicationStatus(moves.get("stood") or row["status"]),
        started_at=row["start"],
        entered_at=moves.get("entered") or row["start"],
    )


class MongoSentValues:
    """Implements `daemon.ports.analytics.SentValues`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._values = mongo.collection(AnalyticsValue)
        self._clock = clock

    async def any(self, integration_id: UUID, field_name: str) -> bool:
        """True if the field of this ATS has ever taken a value."""
        which = {"ats_integration_id": integration_id, "field": field_name}
        return await self._values.find_one(which, {"_id": 1}) is not None

    async def of(self, field_name: str, application_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """The last value sent, by application id."""
        rows = self._values.find(
            {"application_id": {"$in": list(application_ids)}, "field": field_name}
        )
        return {row["application_id"]: row["value"] async for row in rows}

    async def remember(
        self, integration_id: UUID, application_id: UUID, field_name: str, value: str
    ) -> None:
        """Note what the ATS has taken."""
        await self._values.update_one(
            {"_id": derived_id(application_id, "analytics", field_name)},
            {
                "$set": {
                    "ats_integration_id": integration_id,
                    "application_id": application_id,
                    "field": field_name,
                    "value": value,
                    "sent_at": self._clock.now(),
                }
            },
            upsert=True,
        )
