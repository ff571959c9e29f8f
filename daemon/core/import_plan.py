"""What one record means: the snapshot to keep, what ClearView gets, what is logged.

Everything here is a comparison of three things: what the ATS says now, what it said last (the
snapshot), and, only where a status changed, what ClearView holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from daemon.core.conflict import Policy, decide_status
from daemon.core.diff import FieldChange, diff_application, diff_candidate, loud
from daemon.ports.imports import (
    ChangeLine,
    LogLine,
    LostPush,
    Patch,
    Record,
    Snapshot,
    StatusConflict,
)
from models.status import ApplicationStatus

STATUS_GROUP = frozenset({"status", "stage", "rejection_reason", "rejected_at", "hired_at"})
"""What moves with a status: taken together from the side that wins."""


class ApplicationChange(msgspec.Struct, frozen=True, gc=False):
    """One application of a record, compared with what was known of it."""

    record: Record
    before: Record | None
    changes: tuple[FieldChange, ...]

    @property
    def external_id(self) -> str:
        return str(self.record["external_id"])

    @property
    def is_new(self) -> bool:
        return self.before is None

    @property
    def is_as_known(self) -> bool:
        """Nothing changed, and no push of it was lost."""
        return not (self.is_new or self.changes or self.is_lost)

    @property
    def is_lost(self) -> bool:
        """A push that the ATS had accepted left no trace there (`core/lost_push.py`)."""
        return bool((self.record.get("pushed") or {}).get("lost"))

    @property
    def status_changed(self) -> bool:
        return any(change.path == "status" for change in self.changes) and not self.is_new


class RecordChange(msgspec.Struct, frozen=True, gc=False):
    """One record, compared with its snapshot."""

    after: Snapshot
    before: Snapshot | None
    candidate_is_new: bool
    candidate_changes: tuple[FieldChange, ...]
    applications: tuple[ApplicationChange, ...]
    vanished_applications: tuple[str, ...]
    """Applications that this very record used to hold and no longer does."""
    returned: bool = False
    """It was missing or deleted, and is listed again."""

    @property
    def external_id(self) -> str:
        return self.after.external_id

    @property
    def candidate_external_id(self) -> str:
        if self.after.candidate is not None:
            return str(self.after.candidate["external_id"])
        if self.after.applications:
            return str(self.after.applications[0]["candidate_external_id"])
        return self.after.external_id

    @property
    def is_empty(self) -> bool:
        """The content is equal field by field: only the snapshot's fingerprint moves on."""
        return not (
            self.candidate_is_new
            or self.candidate_changes
            or self.vanished_applications
            or self.returned
            or (self.applications and any(not a.is_as_known for a in self.applications))
        )

    @property
    def is_loud(self) -> bool:
        """Something changed that people want to hear of."""
        return bool(
            self.candidate_is_new
            or loud(self.candidate_changes)
            or self.vanished_applications
            or self.returned
            or any(a.is_new or loud(a.changes) for a in self.applications)
        )


def compare(
    after: Snapshot,
    before: Snapshot | None,
    *,
    candidate_base: Record | None,
    returned: bool = False,
) -> RecordChange:
    """Compare a record with its snapshot.

    `candidate_base` is the candidate as last seen in any record of the list: one person may stand
    in several records, and each of them speaks of the same person.
    """
    candidate = after.candidate
    return RecordChange(
        after=after,
        before=before,
        candidate_is_new=candidate is not None and candidate_base is None,
        candidate_changes=()
        if candidate is None or candidate_base is None
        else tuple(diff_candidate(candidate_base, candidate)),
        applications=tuple(_compare_applications(after, before)) if after.applications else (),
        vanished_applications=_vanished(after, before),
        returned=returned,
    )


def _compare_applications(after: Snapshot, before: Snapshot | None) -> Iterator[ApplicationChange]:
    known = {a["external_id"]: a for a in before.applications} if before else {}
    for record in after.applications:
        old = known.get(record["external_id"])
        changes = () if old is None else tuple(diff_application(old, record))
        yield ApplicationChange(record=record, before=old, changes=changes)


def _vanished(after: Snapshot, before: Snapshot | None) -> tuple[str, ...]:
    if before is None:
        return ()
    left = {a["external_id"] for a in after.applications}
    return tuple(a["external_id"] for a in before.applications if a["external_id"] not in left)


def ignore_stale_status(change: RecordChange, asked_at: datetime) -> RecordChange:
    """What the ATS listed before a push reached it is no news about that application's status.

    `asked_at` is a moment before the page was asked for. The status stays what the push made it,
    and the record is compared again when it is listed again.
    """
    if not change.applications or not any(_is_stale(a, asked_at) for a in change.applications):
        return change
    applications = tuple(_held(a) if _is_stale(a, asked_at) else a for a in change.applications)
    after = replace(
        change.after,
        fingerprint=b"",
        digest=None,
        applications=[application.record for application in applications],
    )
    return replace(change, after=after, applications=applications)


def _is_stale(application: ApplicationChange, asked_at: datetime) -> bool:
    pushed = (application.before or {}).get("pushed") or {}
    moved = not application.is_new and any(c.path in STATUS_GROUP for c in application.changes)
    return moved and "at" in pushed and bool(pushed["at"] >= asked_at)


def _held(application: ApplicationChange) -> ApplicationChange:
    before = application.before or {}
    kept = {name: before.get(name) for name in (*STATUS_GROUP, "pushed")}
    record = {**application.record, **kept}
    return replace(application, record=record, changes=tuple(diff_application(before, record)))


class ClearViewSide(msgspec.Struct, frozen=True):
    """What ClearView holds now of applications whose status changed at the ATS."""

    statuses: Mapping[str, ApplicationStatus] = msgspec.field(default_factory=dict)
    changed_at: Mapping[str, datetime] = msgspec.field(default_factory=dict)
    """When a person last changed the status there, where that is known."""


class RecordPlan(msgspec.Struct):
    """What to do about one record."""

    change: RecordChange
    new_candidate: Record | None = None
    candidate_patch: Patch | None = None
    new_applications: list[Record] = []
    application_patches: list[Patch] = []
    conflicts: list[StatusConflict] = []
    lost: Sequence[LostPush] = ()
    """Pushes to be repeated."""
    log: LogLine | None = None
    changes: list[ChangeLine] = []


def plan_record(
    change: RecordChange,
    *,
    clearview: ClearViewSide,
    policy: Policy,
) -> RecordPlan:
    """Decide what ClearView, the log and the history get.

    `clearview` holds ClearView's present status of the applications whose status changed.
    """
    plan = RecordPlan(change)
    candidate_id = change.candidate_external_id
    if change.candidate_is_new:
        plan.new_candidate = change.after.candidate
    elif change.candidate_changes or (change.returned and change.after.candidate):
        plan.candidate_patch = _patch(candidate_id, change.candidate_changes)
        plan.changes += _change_lines(candidate_id, None, change.candidate_changes)
    for application in change.applications:
        _plan_application(plan, application, clearview, policy)
    plan.log = _log_line(change)
    return plan


def _plan_application(
    plan: RecordPlan,
    application: ApplicationChange,
    clearview: ClearViewSide,
    policy: Policy,
) -> None:
    if application.is_new:
        plan.new_applications.append(application.record)
        return
    if not (application.changes or plan.change.returned):
        return
    kept, conflict, expected = _settle_status(application, clearview, policy)
    if conflict is not None:
        plan.conflicts.append(conflict)
    if kept or plan.change.returned:
        plan.application_patches.append(_patch(application.external_id, kept, expected))
    plan.changes += _change_lines(
        str(application.record["candidate_external_id"]), application.external_id, kept
    )


def _settle_status(
    application: ApplicationChange,
    clearview: ClearViewSide,
    policy: Policy,
) -> tuple[tuple[FieldChange, ...], StatusConflict | None, ApplicationStatus | None]:
    """The changes that ClearView takes, the conflict if there is one, the status it must have."""
    held = clearview.statuses.get(application.external_id)
    if not application.status_changed or held is None:
        return application.changes, None, None
    base = ApplicationStatus((application.before or {})["status"])
    ats = ApplicationStatus(application.record["status"])
    decision = decide_status(
        base=base,
        ats=ats,
        clearview=held,
        policy=policy,
        ats_changed_at=application.record.get("external_updated_at"),
        clearview_changed_at=clearview.changed_at.get(application.external_id),
    )
    if held in (base, ats):
        return application.changes, None, held
    conflict = StatusConflict(
        application_external_id=application.external_id,
        candidate_external_id=str(application.record["candidate_external_id"]),
        base=base,
        ats=ats,
        clearview=held,
        policy=policy,
        winner=decision,
    )
    if decision == "ats":
        return application.changes, conflict, held
    return tuple(c for c in application.changes if c.path not in STATUS_GROUP), conflict, None


def meet_existing_application(
    record: Record, clearview: ClearViewSide, policy: Policy
) -> tuple[Patch, StatusConflict | None]:
    """Bring an application in line that ClearView had before any snapshot knew of it."""
    changes = tuple(diff_application(None, record))
    held = clearview.statuses.get(str(record["external_id"]))
    ats = ApplicationStatus(record["status"])
    if held is None or held == ats:
        return _patch(str(record["external_id"]), changes), None
    winner = decide_status(
        base=None,
        ats=ats,
        clearview=held,
        policy=policy,
        ats_changed_at=record.get("external_updated_at"),
        clearview_changed_at=clearview.changed_at.get(str(record["external_id"])),
    )
    conflict = StatusConflict(
        application_external_id=str(record["external_id"]),
        candidate_external_id=str(record["candidate_external_id"]),
        base=None,
        ats=ats,
        clearview=held,
        policy=policy,
        winner=winner,
    )
    if winner == "ats":
        return _patch(str(record["external_id"]), changes, held), conflict
    others = tuple(c for c in changes if c.path not in STATUS_GROUP)
    return _patch(str(record["external_id"]), others), conflict


def _patch(
    external_id: str,
    changes: Sequence[FieldChange],
    expected_status: ApplicationStatus | None = None,
) -> Patch:
    return Patch(
        external_id=external_id,
        set={c.path: c.new for c in changes if not c.removed},
        unset=[c.path for c in changes if c.removed],
        expected_status=expected_status,
    )


def _change_lines(
    candidate_external_id: str, application_external_id: str | None, changes: Sequence[FieldChange]
) -> list[ChangeLine]:
    prefix = f"applications.{application_external_id}." if application_external_id else ""
    return [
        ChangeLine(
            candidate_external_id=candidate_external_id,
            application_external_id=application_external_id,
            path=prefix + change.path,
            old=change.old,
            new=change.new,
        )
        for change in loud(changes)
    ]


def _log_line(change: RecordChange) -> LogLine | None:
    if not change.is_loud:
        return None
    if change.candidate_is_new:
        return LogLine(change.candidate_external_id, "created")
    return LogLine(change.candidate_external_id, "updated", tuple(_changed_fields(change)))


def _changed_fields(change: RecordChange) -> Iterator[str]:
    yield from (c.path for c in loud(change.candidate_changes))
    for application in change.applications:
        prefix = f"applications.{application.external_id}"
        if application.is_new:
            yield prefix
        yield from (f"{prefix}.{c.path}" for c in loud(application.changes))
    if change.returned:
        yield "deleted_at"
    yield from (f"applications.{gone}.deleted_at" for gone in change.vanished_applications)


_RANK = {"updated": 0, "created": 1, "deleted": 2}


def merge_lines(lines: Sequence[LogLine]) -> list[LogLine]:
    """One line per candidate and outcome: fields add up, a creation or deletion outranks them."""
    merged: dict[tuple[str, str], LogLine] = {}
    for line in lines:
        key = (line.candidate_external_id, line.status)
        merged[key] = _merge_two(merged[key], line) if key in merged else line
    return list(merged.values())


def _merge_two(one: LogLine, other: LogLine) -> LogLine:
    if _RANK[one.change] != _RANK[other.change]:
        return max(one, other, key=lambda line: _RANK[line.change])
    fields = dict.fromkeys((*one.changed_fields, *other.changed_fields))
    return replace(one, changed_fields=tuple(fields))


def keep_missing(after: Snapshot, before: Snapshot) -> Snapshot:
    """A record mapped while an optional list did not answer: what it lacks stays as it was known.

    A status that may come from that list stays, too, while the application is in the same stage.
    """
    known = {a["external_id"]: a for a in before.applications}
    applications = [
        _application_kept(a, known[a["external_id"]]) if a["external_id"] in known else a
        for a in after.applications
    ]
    candidate = after.candidate
    if candidate is not None and before.candidate is not None:
        candidate = _kept(candidate, before.candidate)
    return replace(after, candidate=candidate, applications=applications)


def keep_fields(after: Snapshot, before: Snapshot, names: frozenset[str]) -> Snapshot:
    """Fields that could not be read stay as they were known.

    `names` are those of `Mapped.failed_fields`, such as `candidate.phones`.
    """
    known = {a["external_id"]: a for a in before.applications}
    of_application = [n for n in names if n.startswith("application.")]
    of_candidate = [n for n in names if n.startswith("candidate.")]
    applications = [
        _with_fields(a, known[a["external_id"]], of_application) if a["external_id"] in known else a
        for a in after.applications
    ]
    candidate = after.candidate
    if candidate is not None and before.candidate is not None:
        candidate = _with_fields(candidate, before.candidate, of_candidate)
    return replace(after, candidate=candidate, applications=applications)


def _with_fields(after: Record, before: Record, names: Sequence[str]) -> Record:
    fields = {name.split(".")[1] for name in names}
    return {**after, **{name: before[name] for name in fields & after.keys() & before.keys()}}


def _application_kept(after: Record, before: Record) -> Record:
    same_stage = after["stage"].get("external_id") == before["stage"].get("external_id")
    kept = _kept(after, before)
    if same_stage:
        kept |= {"stage": _kept(after["stage"], before["stage"]), "status": before["status"]}
    return kept


def _kept(after: Record, before: Record) -> dict[str, Any]:
    return {
        name: before[name] if _is_empty(value) and not _is_empty(before.get(name)) else value
        for name, value in after.items()
    }


def _is_empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def changed_at(snapshot: Snapshot) -> datetime | None:
    """When the ATS says that the record changed last; None where it does not say."""
    return record_changed_at(snapshot.candidate, snapshot.applications)


def record_changed_at(candidate: Record | None, applications: Sequence[Record]) -> datetime | None:
    """The latest `external_updated_at` of a record's parts."""
    parts = [*applications] if candidate is None else [candidate, *applications]
    times = [part.get("external_updated_at") for part in parts]
    return max((time for time in times if isinstance(time, datetime)), default=None)


def newest_candidates(snapshots: Sequence[Snapshot]) -> dict[str, Record]:
    """By candidate external id: the candidate as the most recently seen record has it."""
    newest: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        if snapshot.candidate is None:
            continue
        key = str(snapshot.candidate["external_id"])
        if key not in newest or newest[key].seen_at < snapshot.seen_at:
            newest[key] = snapshot
    return {key: snapshot.candidate or {} for key, snapshot in newest.items()}
