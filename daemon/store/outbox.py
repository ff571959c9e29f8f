"""Adds rows to `status_outbox`: by the intake, and once more for a push that an import finds lost.

The intake stores rows before the position of its stream.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from daemon.core.applications import ApplicationInClearView
from daemon.core.erasure import PersonIds
from daemon.core.lost_push import LostPush
from daemon.core.pushes import REPEATED, LatestPush, OutboxRow, UnfinishedPush
from daemon.core.status_events import StatusEvent
from daemon.core.stream_order import epoch_of
from daemon.ports.erasures import ErasedPeople
from daemon.store.bulk_writes import insert_missing
from daemon.store.conflicts import close_conflicts
from daemon.store.connection import Mongo, Row
from daemon.store.erasures import remove_if_erased
from daemon.store.outbox_rows import (
    ENDED,
    WAITING,
    earlier_of,
    ended_log_row,
    identity_of,
    open_push,
    outbox_row,
)
from models.documents import Conflict, StatusOutboxEntry, StatusUpdateLog
from models.documents.outbox import OPEN_STATES
from models.ids import NAMESPACE, derived_id

LOST_SUFFIX = ":l"
"""Sorts the repetition of a lost push directly after it."""
GIVEN_UP = (
    "the ATS accepted this change twice and still has {ats}; see at the ATS what keeps the "
    "application there, then `ats-sync outbox replay`"
)


class MongoOutbox:
    """`status_outbox`, as `daemon.ports.pushes.Outbox`, and as `daemon.ports.imports.Pushes`."""

    def __init__(self, mongo: Mongo, *, erased: ErasedPeople | None = None) -> None:
        self._erased = erased
        self._rows = mongo.collection(StatusOutboxEntry)
        self._log = mongo.collection(StatusUpdateLog)
        self._conflicts = mongo.collection(Conflict)

    async def add(self, rows: Sequence[OutboxRow], *, at: datetime) -> int:
        added = await insert_missing(self._rows, [outbox_row(row, at) for row in rows])
        ended = [row for row in rows if row.state in ENDED]
        if ended and added < len(rows):
            # An event that comes again keeps the row of its first decision: only stored ends are logged.
            query = {"_id": {"$in": [row.id for row in ended]}, "state": {"$in": list(ENDED)}}
            stored = {row["_id"] for row in await self._rows.find(query, {"_id": 1}).to_list()}
            ended = [row for row in ended if row.id in stored]
        await insert_missing(self._log, [ended_log_row(row, at) for row in ended])
        if echoes := [row.event.application_id for row in ended if row.reason == "echo"]:
            await close_conflicts(self._conflicts, echoes, at)  # both sides are equal again
        await remove_if_erased(self._erased, map(_person_of, rows))
        return added

    async def repeat(self, lost: Sequence[LostPush], *, at: datetime) -> int:
        ids = [push.push_id for push in lost]
        found = await self._rows.find({"_id": {"$in": ids}}).to_list()
        originals = {row["_id"]: row for row in found}
        rows = [
            _repetition_of(originals[push.push_id], push, at)
            for push in lost
            if push.push_id in originals
        ]
        await self.add(rows, at=at)
        return sum(row.state == "dead" for row in rows)

    async def latest(self, application_ids: Sequence[UUID]) -> Mapping[UUID, LatestPush]:
        query = {"application_id": {"$in": list(application_ids)}}
        fields = {"application_id": 1, "target_status": 1, "state": 1, "reason": 1}
        cursor = self._rows.find(query, fields, sort=[("application_id", 1), ("sequence", 1)])
        return {
            row["application_id"]: LatestPush(row["target_status"], row["state"], row.get("reason"))
            for row in await cursor.to_list()
        }

    async def earlier(self, application_ids: Sequence[UUID]) -> Mapping[UUID, UnfinishedPush]:
        which = list(application_ids)
        query = {"application_id": {"$in": which}, "state": {"$in": list(OPEN_STATES)}}
        fields = {"application_id": 1, "target_status": 1, "target_stage": 1}
        cursor = self._rows.find(query, fields, sort=[("application_id", 1), ("sequence", 1)])
        return {row["application_id"]: earlier_of(row) for row in await cursor.to_list()}

    async def identities(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ApplicationInClearView]:
        names = ("application_id", "ats_integration_id", "external_id", "candidate_id")
        query = {"application_id": {"$in": list(application_ids)}, "external_id": {"$ne": None}}
        rows = await self._rows.find(query, dict.fromkeys(names, 1)).to_list()
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


def _repetition_of(original: Row, lost: LostPush, at: datetime) -> OutboxRow:
    """Returns the same change as one more row, directly after the lost one."""
    push = open_push(original)
    gives_up = push.is_repetition
    event = StatusEvent(
        event_id=f"{REPEATED}{push.event_id}",
        sequence=push.sequence + LOST_SUFFIX,
        application_id=push.application_id,
        at=push.changed_at,
        status=push.status,
        stage=push.stage,
        rejection_reason=push.rejection_reason,
        integration_id=original["ats_integration_id"],
        external_id=push.external_id,
        candidate_id=push.candidate_id,
    )
    return OutboxRow(
        id=derived_id(NAMESPACE, "push", event.event_id),
        event=event,
        state="dead" if gives_up else "pending",
        status=push.status,
        stage=push.stage,
        expected_status=lost.ats,
        reason="not_made" if gives_up else None,
        message=GIVEN_UP.format(ats=lost.ats.value) if gives_up else None,
        # As if it were sent: the application is read before the request is repeated.
        sent_at=None if gives_up else at,
    )
