"""Queues pushes once more that an import found lost, and gives them up if they are lost again."""

from collections.abc import Sequence
from datetime import datetime

from daemon.core.lost_push import LostPush
from daemon.core.pushes import REPEATED, OutboxRow
from daemon.core.status_events import StatusEvent
from daemon.store.connection import Mongo, Row
from daemon.store.outbox import MongoOutbox
from daemon.store.outbox_rows import open_push
from models.documents import StatusOutboxEntry
from models.ids import NAMESPACE, derived_id

GIVEN_UP = (
    "the ATS accepted this change twice and still has {ats}; see at the ATS what keeps the "
    "application there, then `ats-sync outbox replay`"
)


class MongoLostPushes:
    """Implements `daemon.ports.imports.Pushes`."""

    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo.collection(StatusOutboxEntry)
        self._outbox = MongoOutbox(mongo)

    async def repeat(self, lost: Sequence[LostPush], *, at: datetime) -> int:
        ids = [push.push_id for push in lost]
        found = await self._rows.find({"_id": {"$in": ids}}).to_list()
        originals = {row["_id"]: row for row in found}
        rows = [
            _again(originals[push.push_id], push, at) for push in lost if push.push_id in originals
        ]
        await self._outbox.add(rows, at=at)
        return sum(row.state == "dead" for row in rows)


def _again(original: Row, lost: LostPush, at: datetime) -> OutboxRow:
    """Returns the same change as one more row, directly after the lost one."""
    push = open_push(original)
    gives_up = push.is_repetition
    event = StatusEvent(
        event_id=f"{REPEATED}{push.event_id}",
        sequence=f"{push.sequence}:l",
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
        sent_at=None if gives_up else at,
    )
