"""Writes the results of ended pushes: snapshot, ClearView's stage, history, log, audit log.

Each write may be repeated without harm, because a crash may come between any two of them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
import structlog
from pymongo import UpdateMany
from pymongo.errors import BulkWriteError

from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import REPEATED, AtsMove, OpenPush, PushConflict, PushEnded
from daemon.core.record_change import STATUS_GROUP
from daemon.store.audit_log import row_of_push
from daemon.store.bulk_writes import DocumentUpdate, insert_missing, update_each
from daemon.store.conflicts import close_conflicts
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import encode
from daemon.store.mongo_errors import fails_by_content, repeated
from models.candidate import AtsRef
from models.documents import (
    AuditEntry,
    CandidateChange,
    CandidateSnapshot,
    ClearViewApplication,
    Conflict,
    StatusUpdateLog,
)
from models.documents.snapshot import UNCOMPARED
from models.ids import NAMESPACE, candidate_id, derived_id
from models.status import TURNED_DOWN

log = structlog.get_logger(__name__)


class PushResults:
    """Writes of one integration's ended pushes."""

    def __init__(self, mongo: Mongo, integration: IntegrationRef) -> None:
        self._snapshots = mongo.collection(CandidateSnapshot)
        self._applications = mongo.collection(ClearViewApplication)
        self._changes = mongo.collection(CandidateChange)
        self._conflicts = mongo.collection(Conflict)
        self._log = mongo.collection(StatusUpdateLog)
        self._audit = mongo.collection(AuditEntry)
        self._name, self._integration = integration.name, integration.id

    async def apply(self, done: Sequence[PushEnded]) -> None:
        """Writes all results; they are durable when it returns."""
        moved = [(end, end.moved) for end in done if end.moved is not None]
        await asyncio.gather(
            self._move_snapshots(moved),
            self._follow(moved),
            self._record_changes(moved),
            self._settle_conflicts(done),
            insert_missing(self._log, [self._log_row(end) for end in done]),
            insert_missing(
                self._audit, [row_of_push(end, self._name) for end in done if end.was_sent]
            ),
        )

    async def _move_snapshots(self, moved: Sequence[tuple[PushEnded, AtsMove]]) -> None:
        """Moves all applications in one update; a later push is never undone."""
        if not moved:
            return
        in_order = sorted(moved, key=lambda pair: pair[0].push.sequence)
        latest = {end.push.external_id: _as_pushed(end, to) for end, to in in_order}
        records = {
            "ats_integration_id": self._integration,
            "applications.external_id": {"$in": list(latest)},
        }
        await repeated(lambda: self._snapshots.update_many(records, [_moves(latest)]))

    async def _follow(self, moved: Sequence[tuple[PushEnded, AtsMove]]) -> None:
        """Writes stage and reason that the status led to into ClearView, unless a person wrote there meanwhile."""
        wanted = [
            *(_stage_write(end, to) for end, to in moved if to.stage != _shown(end, to)),
            *(
                _OwnWrite(
                    end,
                    unless={"rejection_reason": to.before_rejection_reason},
                    fields={"rejection_reason": None},
                )
                for end, to in moved
                if to.before_rejection_reason is not None and to.status not in TURNED_DOWN
            ),
        ]
        # One write for all that are to become alike: it costs a third of a write for each.
        groups: dict[bytes, list[_OwnWrite]] = {}
        for one in wanted:
            groups.setdefault(one.what(), []).append(one)
        writes = [UpdateMany(_where(alike), _set(alike)) for alike in groups.values()]
        if not writes:
            return
        try:
            await repeated(lambda: self._applications.bulk_write(writes, ordered=False))
        except BulkWriteError as error:
            if not fails_by_content(error):
                raise
            await self._follow_each(wanted)

    async def _follow_each(self, wanted: Sequence["_OwnWrite"]) -> None:
        """Writes the same one by one, as ClearView refuses some. The push itself has ended at the ATS."""
        changes = [
            DocumentUpdate(
                str(n), {**_where([one]), "_id": one.end.push.application_id}, _set([one])
            )
            for n, one in enumerate(wanted)
        ]
        changed = await update_each(self._applications, changes)
        for key, reason in changed.refused.items():
            application = str(wanted[int(key)].end.push.application_id)
            log.warning("clearview_refused_stage", application_id=application, reason=reason)

    async def _record_changes(self, moved: Sequence[tuple[PushEnded, AtsMove]]) -> None:
        await insert_missing(
            self._changes,
            [
                self._change_row(end, to)
                for end, to in moved
                if end.state == "delivered" and to.status != to.before_status
            ],
        )

    def _change_row(self, end: PushEnded, to: AtsMove) -> Row:
        return {
            "_id": derived_id(_first_id(end.push), "change", "status"),
            "ats_integration_id": self._integration,
            "candidate_id": end.push.candidate_id
            or candidate_id(self._integration, to.candidate_external_id),
            "application_id": end.push.application_id,
            "changed_at": end.push.changed_at,
            "run_id": None,
            "path": f"applications.{end.push.external_id}.status",
            "old": to.before_status,
            "new": to.status,
            "origin": "clearview",
        }

    async def _settle_conflicts(self, done: Sequence[PushEnded]) -> None:
        """Closes conflicts that a person's later change decided, and records the new ones."""
        agreed = [end for end in done if end.outcome == "Success" or end.reason == "already_there"]
        if agreed:
            ids = [end.push.application_id for end in agreed]
            await close_conflicts(self._conflicts, ids, agreed[-1].at)
        found = [(end, end.conflict) for end in done if end.conflict is not None]
        await insert_missing(self._conflicts, [self._conflict_row(e, c) for e, c in found])

    def _conflict_row(self, end: PushEnded, found: PushConflict) -> Row:
        is_open = found.winner is None
        sides = (end.base, found.ats, end.push.status)
        return {
            # An open one has the identity that an import gives it: it is the same question.
            "_id": derived_id(end.push.application_id, "conflict", *sides, "open")
            if is_open
            else derived_id(end.push.id, "conflict", found.ats),
            "ats_integration_id": self._integration,
            "application_id": end.push.application_id,
            "candidate_id": end.push.candidate_id,
            "base": end.base,
            "ats": found.ats,
            "clearview": end.push.status,
            "policy": found.policy,
            "winner": found.winner,
            "state": "open" if is_open else "resolved",
            "detected_at": end.at,
            "resolved_at": None if is_open else end.at,
            "details": {"found_by": "push", "event_id": end.push.event_id},
        }

    def _log_row(self, end: PushEnded) -> Row:
        return {
            "_id": end.push.id,
            "ats_integration_id": self._integration,
            "candidate_id": end.push.candidate_id,
            "application_id": end.push.application_id,
            "status": end.push.status,
            "previous_status": end.base,
            "updated_at": end.at,
            "outcome": end.outcome,
            "reason": end.reason,
            "error_message": end.message,
            "attempts": end.attempts,
            "event_id": end.push.event_id,
        } | ({} if end.note is None else {"note": end.note, "note_error": end.note_error})


def _first_id(push: OpenPush) -> UUID:
    """Returns the id of the push that this one repeats: both are one change."""
    if not push.is_repetition:
        return push.id
    return derived_id(NAMESPACE, "push", push.event_id.removeprefix(REPEATED))


def _as_pushed(end: PushEnded, to: AtsMove) -> Row:
    """Returns the fields of a snapshot's application that was pushed."""
    return {
        "status": to.status,
        "stage": dict(to.stage),
        "rejection_reason": to.rejection_reason,
        "pushed": {"id": end.push.id, "sequence": end.push.sequence, "at": end.at},
    }


def _moves(pushed: Mapping[str, Row]) -> Row:
    """A pipeline stage that writes each push into its application, unless a newer push is there.

    The record loses digest and fingerprint, so that the next read compares it even if it is unchanged.
    `pushed.before` keeps the application as it was last read.
    """
    to = {"$arrayElemAt": [{"$literal": list(pushed.values())}, "$$at"]}
    newer = {"$gt": ["$$application.pushed.sequence", "$$to.pushed.sequence"]}
    was_pushed = {"$eq": [{"$type": "$$application.pushed.before"}, "object"]}
    was_read = {name: {"$ifNull": [f"$$application.{name}", None]} for name in STATUS_GROUP}
    before = {"$cond": [was_pushed, "$$application.pushed.before", was_read]}
    noted = {"pushed": {"$mergeObjects": ["$$to.pushed", {"before": before}]}}
    moved = {"$mergeObjects": ["$$application", "$$to", noted]}
    unless_newer = {"$let": {"vars": {"to": to}, "in": {"$cond": [newer, "$$application", moved]}}}
    index = {"$indexOfArray": [{"$literal": list(pushed)}, "$$application.external_id"]}
    if_pushed = {"$cond": [{"$lt": ["$$at", 0]}, "$$application", unless_newer]}
    each = {"$let": {"vars": {"at": index}, "in": if_pushed}}
    return {
        "$set": {
            "applications": {"$map": {"input": "$applications", "as": "application", "in": each}},
            "fingerprint": UNCOMPARED,
            "digest": None,
        }
    }


class _OwnWrite(msgspec.Struct, frozen=True):
    """Fields that the daemon sets in one of ClearView's applications."""

    end: PushEnded
    unless: Row
    """The values that they must still have, so that no later write is lost."""
    fields: Row

    def what(self) -> bytes:
        """Returns a key that is equal for applications that are written alike."""
        return encode({"status": self.end.push.status, "unless": self.unless, "set": self.fields})


def _stage_write(end: PushEnded, to: AtsMove) -> _OwnWrite:
    shown = _shown(end, to)
    unless_moved = {"stage.external_id": shown["external_id"], "stage.name": shown["name"]}
    fields: Row = {"stage": dict(to.stage)}
    if end.push.stage is not None:
        fields["status"] = to.status  # the stage was the target: its status is the status
    return _OwnWrite(end, unless_moved, fields)


def _where(alike: Sequence[_OwnWrite]) -> Row:
    one = alike[0]
    return {
        "_id": {"$in": [write.end.push.application_id for write in alike]},
        "status": one.end.push.status,
        **one.unless,
    }


def _set(alike: Sequence[_OwnWrite]) -> Row:
    """`import_id`, new with each, marks the write as the daemon's own: it is no event."""
    one = alike[0]
    return {
        "$set": {
            **one.fields,
            "import_id": derived_id(one.end.push.id, *sorted(one.fields)),
            "updated_at": max(write.end.at for write in alike),
        }
    }


def _shown(end: PushEnded, to: AtsMove) -> AtsRef:
    """Returns the stage that ClearView had when the status changed.

    A person who names one writes its name or its id, and leaves the other half as it was.
    """
    named, before = end.push.stage or to.before_stage, to.before_stage
    return AtsRef(
        external_id=named["external_id"] or before["external_id"],
        name=named["name"] or before["name"],
    )
