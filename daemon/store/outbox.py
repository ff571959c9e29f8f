"""`status_outbox` as the intake fills it: the row first, the stream's position second."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from daemon.core.applications import ApplicationInClearView
from daemon.core.erasure import PersonIds
from daemon.core.pushes import LatestPush, OutboxRow, UnfinishedPush
from daemon.core.stream_order import epoch_of
from daemon.ports.erasures import ErasedPeople
from daemon.store.bulk_insert import insert_missing
from daemon.store.conflicts import close_conflicts
from daemon.store.connection import Mongo
from daemon.store.erasures import remove_if_erased
from daemon.store.outbox_rows import (
    ENDED,
    WAITING,
    earlier_of,
    ended_log_row,
    identity_of,
    outbox_row,
)
from models.documents import Conflict, StatusOutboxEntry, StatusUpdateLog
from models.documents.outbox import OPEN_STATES
from models.ids import NAMESPACE


class MongoOutbox:
    """`status_outbox`, as `daemon.ports.pushes.Outbox`."""

    def __init__(self, mongo: Mongo, *, erased: ErasedPeople | None = None) -> None:
        self._erased = erased
        self._rows = mongo.collection(StatusOutboxEntry)
        self._log = mongo.collection(StatusUpdateLog)
        self._conflicts = mongo.collection(Conflict)

    async def add(self, rows: Sequence[OutboxRow], *, at: datetime) -> int:
        new = await insert_missing(self._rows, [outbox_row(row, at) for row in rows])
        ended = [row for row in rows if row.state in ENDED]
        if ended and new < len(rows):
            ended = await self._stored_as_ended(ended)
        await insert_missing(self._log, [ended_log_row(row, at) for row in ended])
        await self._agree([row for row in ended if row.reason == "echo"], at)
        await remove_if_erased(self._erased, map(_person_of, rows))
        return new

    async def _stored_as_ended(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Returns the rows that are stored as ended: of a replayed event the first decision counts."""
        query = {"_id": {"$in": [row.id for row in rows]}, "state": {"$in": list(ENDED)}}
        stored = {row["_id"] for row in await self._rows.find(query, {"_id": 1}).to_list()}
        return [row for row in rows if row.id in stored]

    async def _agree(self, echoes: Sequence[OutboxRow], at: datetime) -> None:
        """Closes the conflicts of echoes: both sides are equal again."""
        if echoes:
            ids = [row.event.application_id for row in echoes]
            await close_conflicts(self._conflicts, ids, at)

    async def latest(self, application_ids: Sequence[UUID]) -> Mapping[UUID, LatestPush]:
        query = {"application_id": {"$in": list(application_ids)}}
        fields = {"application_id": 1, "target_status": 1, "state": 1, "reason": 1}
        cursor = self._rows.find(query, fields, sort=[("application_id", 1), ("sequence", 1)])
        return {
            row["application_id"]: LatestPush(row["target_status"], row["state"], row.get("reason"))
            for row in await cursor.to_list()
        }

    async def earlier(self, application_ids: Sequence[UUID]) -> Mapping[UUID, UnfinishedPush]:
        query = {
            "application_id": {"$in": list(application_ids)},
            "state": {"$in": list(OPEN_STATES)},
        }
        fields = {"application_id": 1, "target_status": 1, "target_stage": 1}
        cursor = self._rows.find(query, fields, sort=[("application_id", 1), ("sequence", 1)])
        return {row["application_id"]: earlier_of(row) for row in await cursor.to_list()}

    async def identities(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ApplicationInClearView]:
        fields = {
            "application_id": 1,
            "ats_integration_id": 1,
            "external_id": 1,
            "candidate_id": 1,
        }
        query = {"application_id": {"$in": list(application_ids)}, "external_id": {"$ne": None}}
        rows = await self._rows.find(query, fields).to_list()
        return {row["application_id"]: identity_of(row) for row in rows}

    async def highest_epoch(self) -> int:
        row = await self._rows.find_one({}, {"sequence": 1}, sort=[("sequence", -1)])
        return 0 if row is None else epoch_of(row["sequence"])

    async def newly_due(
        self, integration_ids: Sequence[UUID], *, since: datetime, now: datetime
    ) -> frozenset[UUID]:
        found = await self._rows.distinct(
            "ats_integration_id",
            {
                "ats_integration_id": {"$in": list(integration_ids)},
                "state": {"$in": list(WAITING)},
                "next_attempt_at": {"$gt": since, "$lte": now},
            },
        )
        return frozenset(found)


def _person_of(row: OutboxRow) -> PersonIds:
    event = row.event
    applications = frozenset({event.application_id})
    return PersonIds(event.integration_id or NAMESPACE, other_applications=applications)
