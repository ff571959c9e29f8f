"""`status_outbox` for operators: list pushes, send dead letters again, drop pushes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec
from pymongo import ASCENDING

from daemon.ports.audit import AuditAction, AuditTrail
from daemon.ports.clock import Clock
from daemon.store.alerts import AlertStore
from daemon.store.audit_log import NoAudit
from daemon.store.bulk_writes import insert_missing
from daemon.store.connection import Mongo, Row
from daemon.store.row_pages import RowPage, RowPosition, given, page_of
from models.documents import StatusOutboxEntry, StatusUpdateLog
from models.documents.outbox import OutboxState
from models.ids import derived_id, integration_id
from models.status import ApplicationStatus

STATES: tuple[str, ...] = get_args(OutboxState)
DROPPABLE = ("pending", "retrying", "dead")
DROPPED = "dropped"
_GIVEN_UP: Row = {"$or": [{"state": "dead"}, {"state": "skipped", "reason": "impossible"}]}
"""Pushes that may be sent again, once a person has corrected the cause."""

Refusal = Literal["unknown", "not_dead", "cannot_be_sent", "overtaken", "being_sent", "ended"]
_SENTENCES: dict[Refusal, str] = {
    "unknown": "no push has this id",
    "not_dead": "only a dead letter, or a push that was impossible, can be sent again",
    "cannot_be_sent": "this push names no application at an ATS, or no canonical status",
    "overtaken": "the application has changed since; sending this push would undo that",
    "being_sent": "this push is being sent right now",
    "ended": "this push has ended already",
}


class OutboxFilter(msgspec.Struct, frozen=True):
    """A filter of pushes; None matches any."""

    states: Sequence[str] | None = None
    integration: str | None = None
    application: UUID | None = None
    before: datetime | None = None
    """Only those made before this moment."""

    def query(self) -> Row:
        """Returns the query; it always names the states, so that an index gives the order."""
        return given(
            state={"$in": list(self.states or STATES)},
            ats_integration_id=self.integration and integration_id(self.integration),
            application_id=self.application,
            created_at=self.before and {"$lt": self.before},
        )


class Ruling(msgspec.Struct, frozen=True):
    """The decision on an operator's command about one push; without a refusal it was done."""

    id: UUID
    refusal: Refusal | None = None

    @property
    def sentence(self) -> str:
        """The reason of a refusal."""
        return "" if self.refusal is None else _SENTENCES[self.refusal]


class MongoOutboxAdmin:
    """The outbox of all integrations, for operators."""

    def __init__(self, mongo: Mongo, clock: Clock, *, audit: AuditTrail | None = None) -> None:
        self._audit = audit or NoAudit()
        self._rows = mongo.collection(StatusOutboxEntry)
        self._log = mongo.collection(StatusUpdateLog)
        self._alerts = AlertStore(mongo, clock)
        self._clock = clock

    async def listed(
        self, which: OutboxFilter, *, limit: int, after: RowPosition | None = None
    ) -> RowPage:
        """Returns pushes, the latest first."""
        return await page_of(self._rows, which.query(), by="sequence", limit=limit, after=after)

    async def count(self, which: OutboxFilter) -> int:
        """Returns the number of pushes."""
        return await self._rows.count_documents(which.query())

    async def ids(self, which: OutboxFilter) -> list[UUID]:
        """Returns the ids of all pushes, the earliest first."""
        rows = self._rows.find(which.query(), {"_id": 1}, sort=[("sequence", ASCENDING)])
        return [row["_id"] for row in await rows.to_list()]

    async def shown(self, entry: UUID) -> Row | None:
        """Returns one push, and the log rows of its event."""
        row = await self._rows.find_one({"_id": entry})
        if row is None:
            return None
        log = self._log.find({"event_id": row["event_id"]}, sort=[("updated_at", 1)], limit=100)
        return {"push": row, "log": await log.to_list()}

    async def may_replay(self, entry: UUID) -> Ruling:
        """Decides if a push can be sent again; changes nothing."""
        row = await self._rows.find_one({"_id": entry})
        return Ruling(entry, await self._against_replay(row))

    async def replay(self, entry: UUID) -> Ruling:
        """Makes a push that was given up due again. The ATS is read before anything is sent to it."""
        row = await self._rows.find_one({"_id": entry})
        refusal = await self._against_replay(row)
        if row is None or refusal is not None:
            return Ruling(entry, refusal)
        await self._note("outbox.replay", entry, row, "retrying")
        await self._keep_log_of(entry)
        now = self._clock.now()
        result = await self._rows.update_one(
            {"_id": entry, **_GIVEN_UP},
            {
                "$set": {
                    "state": "retrying",
                    "reason": None,
                    "attempts": 0,
                    "next_attempt_at": now,
                    "first_attempt_at": None,
                    "sent_at": row.get("sent_at") or now,
                    "finished_at": None,
                }
            },
        )
        if not result.modified_count:
            return Ruling(entry, "not_dead")
        await self._alerts.resolve_expired()
        return Ruling(entry)

    async def _against_replay(self, row: Row | None) -> Refusal | None:
        if row is None:
            return "unknown"
        if row["state"] != "dead" and (row["state"], row["reason"]) != ("skipped", "impossible"):
            return "not_dead"
        canonical = row["target_status"] in set(ApplicationStatus)
        if row.get("ats_integration_id") is None or not row.get("external_id") or not canonical:
            return "cannot_be_sent"
        later = {
            "application_id": row["application_id"],
            "sequence": {"$gt": row["sequence"]},
            "reason": {"$ne": DROPPED},
        }
        return "overtaken" if await self._rows.find_one(later, {"_id": 1}) else None

    async def _keep_log_of(self, entry: UUID) -> None:
        """Keeps the last outcome under another id: the next outcome takes its id."""
        row = await self._log.find_one({"_id": entry})
        if row is not None:
            kept = derived_id(entry, "replayed", row["updated_at"].isoformat())
            await insert_missing(self._log, [row | {"_id": kept, "replay_of": entry}])
            await self._log.delete_one({"_id": entry})

    async def may_drop(self, entry: UUID) -> Ruling:
        """Decides if a push can be dropped; changes nothing."""
        row = await self._rows.find_one({"_id": entry}, {"state": 1})
        droppable = row is not None and row["state"] in DROPPABLE
        return Ruling(entry, None if droppable else await self._against_drop(entry))

    async def drop(self, entry: UUID) -> Ruling:
        """Ends a push without sending it; ClearView and the ATS stay different."""
        now = self._clock.now()
        found = await self._rows.find_one({"_id": entry}, {"state": 1, "sent_at": 1})
        if found is not None and found["state"] in DROPPABLE:
            await self._note("outbox.drop", entry, found, "skipped")
        before = await self._rows.find_one_and_update(
            {"_id": entry, "state": {"$in": list(DROPPABLE)}},
            {
                "$set": {
                    "state": "skipped",
                    "reason": DROPPED,
                    "next_attempt_at": None,
                    "finished_at": now,
                }
            },
        )
        if before is None:
            return Ruling(entry, await self._against_drop(entry))
        await insert_missing(self._log, [_dropped_log_row(before, now)])
        await self._alerts.resolve_expired()
        return Ruling(entry)

    async def _note(self, action: AuditAction, entry: UUID, row: Row, after: str) -> None:
        """`sent_at`: a request was made whose effect is not known."""
        before = {name: row[name] for name in ("state", "sent_at") if row.get(name) is not None}
        await self._audit.record(action, str(entry), before=before, after={"state": after})

    async def _against_drop(self, entry: UUID) -> Refusal:
        row = await self._rows.find_one({"_id": entry}, {"state": 1})
        if row is None:
            return "unknown"
        return "being_sent" if row["state"] == "in_flight" else "ended"


def _dropped_log_row(row: Row, at: datetime) -> Row:
    return {
        # A dead letter has its own row in the log already.
        "_id": derived_id(row["_id"], DROPPED) if row["state"] == "dead" else row["_id"],
        "ats_integration_id": row.get("ats_integration_id"),
        "candidate_id": row.get("candidate_id"),
        "application_id": row["application_id"],
        "status": row["target_status"],
        "previous_status": row.get("expected_status"),
        "updated_at": at,
        "outcome": "Skipped",
        "reason": DROPPED,
        "error_message": None,
        "attempts": row["attempts"],
        "event_id": row["event_id"],
    }
