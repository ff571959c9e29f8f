"""The state of applications at the end of a period, and the value that the ATS was last sent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from daemon.core.analytics import Period, Standpoint
from daemon.core.erasure import PersonIds
from daemon.core.exported_field import is_shown
from daemon.ports.clock import Clock
from daemon.ports.erasures import ErasedPeople
from daemon.store.analytics_pipelines import NEWEST_LAST, Pipeline, moves, report_members
from daemon.store.connection import Mongo, Row
from daemon.store.erasures import remove_if_erased
from models.documents import (
    AnalyticsValue,
    CandidateChange,
    CandidateSnapshot,
    ClearViewApplication,
)
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import as_uuid, identity, plain_text
from models.documents.snapshot import UNCOMPARED
from models.ids import derived_id
from models.status import ApplicationStatus

BATCH = 500
LOST_AT_MOST = 2
"""An ATS that accepts a value as often and does not show it keeps it where no list shows it."""


class MongoStandpoints:
    """Implements `daemon.ports.analytics.Standpoints`."""

    def __init__(self, mongo: Mongo, *, batch: int = BATCH) -> None:
        self._applications = mongo.collection(ClearViewApplication)
        self._changes = mongo.collection(CandidateChange)
        self._batch = batch

    async def batches(
        self, integration_id: UUID, period: Period
    ) -> AsyncIterator[Sequence[Standpoint]]:
        """Yields every application of the report by external id, some hundreds at a time.

        Each batch is a query of its own: a slow ATS between two of them lets no cursor time out.
        """
        last: str | None = None
        while rows := await self._page(integration_id, period, after=last):
            last = rows[-1]["external_id"]
            known = [row for row in rows if row["candidate"] and as_uuid(row["_id"])]
            moves = await self._moves(integration_id, period, known)
            yield [_standpoint(row, moves.get(row["_id"], {})) for row in known]

    async def _page(self, integration: UUID, period: Period, *, after: str | None) -> list[Row]:
        pipeline = _application_page(integration, period, after=after, size=self._batch)
        return await (await self._applications.aggregate(pipeline)).to_list()

    async def _moves(
        self, integration: UUID, period: Period, rows: Sequence[Row]
    ) -> dict[UUID, Row]:
        pipeline = _around_the_end(
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


def _application_page(
    integration: UUID, period: Period, *, after: str | None, size: int
) -> Pipeline:
    """The next applications of the report by external id, each with its candidate's id at the ATS."""
    beyond = {} if after is None else {"external_id": {"$gt": after}}
    return [
        {"$match": {**IMPORTED, "integration_id": integration, **beyond}},
        {"$sort": {"external_id": 1}},
        *report_members(integration, period),
        {"$limit": size},
        {"$set": {"candidate_id": identity("$candidate_id")}},
        {
            "$lookup": {
                "from": "candidates",
                "localField": "candidate_id",
                "foreignField": "_id",
                "pipeline": [{"$project": {"external_id": 1}}],
                "as": "person",
            }
        },
        {
            "$project": {
                "external_id": 1,
                "_id": identity("$_id"),
                "candidate_id": 1,
                "status": 1,
                "start": 1,
                "job": "$job.external_id",
                "candidate": plain_text({"$first": "$person.external_id"}),
            }
        },
    ]


def _around_the_end(
    integration: UUID, period: Period, *, candidates: Sequence[UUID], applications: Sequence[UUID]
) -> Pipeline:
    """The last move of each application before the period's end, and its status at the end."""
    is_later = {"$gte": ["$changed_at", period.end]}
    return [
        {
            "$match": {
                "candidate_id": {"$in": list(candidates)},
                **moves(integration, {"$exists": True})["$match"],
                "application_id": {"$in": list(applications)},
            }
        },
        {"$sort": NEWEST_LAST},
        {
            "$group": {
                "_id": "$application_id",
                "entered": {"$max": {"$cond": [is_later, None, "$changed_at"]}},
                "later": {"$push": {"$cond": [is_later, "$old", "$$REMOVE"]}},
            }
        },
        {"$project": {"entered": 1, "stood": {"$first": "$later"}}},
    ]


class MongoSentValues:
    """Implements `daemon.ports.analytics.SentValues`."""

    def __init__(self, mongo: Mongo, clock: Clock, *, erased: ErasedPeople | None = None) -> None:
        self._erased = erased
        self._values = mongo.collection(AnalyticsValue)
        self._snapshots = mongo.collection(CandidateSnapshot)
        self._clock = clock

    async def any(self, integration_id: UUID, field_name: str) -> bool:
        which = {
            "ats_integration_id": integration_id,
            "field": field_name,
            "sent_at": {"$ne": None},
        }
        return await self._values.find_one(which, {"_id": 1}) is not None

    async def of(
        self, field_name: str, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, str | None]:
        rows = self._values.find(
            {"application_id": {"$in": list(application_ids)}, "field": field_name}
        )
        return {row["application_id"]: row["value"] async for row in rows}

    async def remember(
        self, integration_id: UUID, application_id: UUID, field_name: str, value: str
    ) -> None:
        """Records the values that the ATS has taken."""
        await self._values.update_one(
            {"_id": derived_id(application_id, "analytics", field_name)},
            {
                "$set": {
                    "ats_integration_id": integration_id,
                    "application_id": application_id,
                    "field": field_name,
                    "value": value,
                    "sent_at": self._clock.now(),
                    "refused_in": None,
                },
                "$setOnInsert": {"lost": 0},
            },
            upsert=True,
        )
        await self._check(integration_id, application_id)

    async def refuse(
        self, integration_id: UUID, application_id: UUID, field_name: str, period: Period
    ) -> bool:
        before = await self._values.find_one_and_update(
            {"_id": derived_id(application_id, "analytics", field_name)},
            {
                "$set": {"refused_in": period.start},
                "$setOnInsert": {
                    "ats_integration_id": integration_id,
                    "application_id": application_id,
                    "field": field_name,
                    "value": None,
                    "sent_at": None,
                    "lost": 0,
                },
            },
            upsert=True,
        )
        await self._check(integration_id, application_id)
        last = None if before is None else before.get("refused_in")
        return last is not None and last < period.start

    async def _check(self, integration_id: UUID, application_id: UUID) -> None:
        """Removes the row again if the application was erased meanwhile."""
        person = PersonIds(integration_id, other_applications=frozenset({application_id}))
        await remove_if_erased(self._erased, [person])

    async def expect(self, integration_id: UUID, external_id: str) -> None:
        """The snapshot has neither digest nor fingerprint until it is compared."""
        await self._snapshots.update_many(
            {"ats_integration_id": integration_id, "applications.external_id": external_id},
            {"$set": {"fingerprint": UNCOMPARED, "digest": None}},
        )

    async def compare(
        self, field_name: str, shown: Mapping[UUID, str | None], *, asked_at: datetime
    ) -> frozenset[UUID]:
        """Forgets a value that the ATS does not show, at most twice in a row: then it never shows it."""
        query = {"application_id": {"$in": list(shown)}, "field": field_name}
        rows = await self._values.find(query | {"value": {"$ne": None}}).to_list()
        later = frozenset(r["application_id"] for r in rows if r["sent_at"] >= asked_at)
        judged = [row for row in rows if row["application_id"] not in later]
        lost = [r for r in judged if not is_shown(r["value"], shown[r["application_id"]])]
        kept = [row["_id"] for row in judged if row not in lost and row.get("lost")]
        if kept:
            await self._values.update_many({"_id": {"$in": kept}}, {"$set": {"lost": 0}})
        for row in lost:
            # A value that was sent meanwhile stays.
            same = {"_id": row["_id"], "sent_at": row["sent_at"]}
            if row.get("lost", 0) < LOST_AT_MOST:
                await self._values.update_one(same, {"$set": {"value": None}, "$inc": {"lost": 1}})
        return later
