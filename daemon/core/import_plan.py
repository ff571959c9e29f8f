"""Decides what ClearView and the logs get for one list record.

The decision compares three things: the record at the ATS now, its snapshot, and, only where a
status changed, ClearView.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from daemon.core.clearview_batch import Patch
from daemon.core.conflict import Policy, StatusConflict, decide_status
from daemon.core.diff import FieldChange, diff_application
from daemon.core.import_log import ChangeLine, LogLine, change_lines, log_line
from daemon.core.lost_push import LostPush
from daemon.core.record_change import STATUS_GROUP, ApplicationChange, RecordChange
from daemon.core.snapshot import Record
from models.status import ApplicationStatus


class ClearViewSide(msgspec.Struct, frozen=True):
    """ClearView's present state of the applications whose status changed at the ATS."""

    statuses: Mapping[str, ApplicationStatus] = msgspec.field(default_factory=dict)
    changed_at: Mapping[str, datetime] = msgspec.field(default_factory=dict)
    """When a person last changed the status there, where that is known."""


class RecordPlan(msgspec.Struct):
    """The writes for one record."""

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


def plan_record(change: RecordChange, *, clearview: ClearViewSide, policy: Policy) -> RecordPlan:
    """Decides what ClearView, the import log and the history get for one record."""
    plan = RecordPlan(change)
    candidate_id = change.candidate_external_id
    if change.candidate_is_new:
        plan.new_candidate = change.after.candidate
    elif change.candidate_changes or (change.returned and change.after.candidate):
        plan.candidate_patch = _patch(candidate_id, change.candidate_changes)
        plan.changes += change_lines(candidate_id, None, change.candidate_changes)
    for application in change.applications:
        _plan_application(plan, application, clearview, policy)
    plan.log = log_line(change)
    return plan


def _plan_application(
    plan: RecordPlan, application: ApplicationChange, clearview: ClearViewSide, policy: Policy
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
    plan.changes += change_lines(
        str(application.record["candidate_external_id"]), application.external_id, kept
    )


def _settle_status(
    application: ApplicationChange, clearview: ClearViewSide, policy: Policy
) -> tuple[Sequence[FieldChange], StatusConflict | None, ApplicationStatus | None]:
    """Returns the changes for ClearView, a conflict, and the status that ClearView must have."""
    held = clearview.statuses.get(application.external_id)
    if not application.status_changed or held is None:
        return application.changes, None, None
    base = ApplicationStatus((application.before or {})["status"])
    if held in (base, application.record["status"]):
        return application.changes, None, held
    conflict = _conflict(application.record, base, held, clearview, policy)
    if conflict.winner == "ats":
        return application.changes, conflict, held
    return _without_status(application.changes), conflict, None


def meet_existing_application(
    record: Record, clearview: ClearViewSide, policy: Policy
) -> tuple[Patch, StatusConflict | None]:
    """Plans for an application that ClearView had before any snapshot knew of it."""
    external_id, changes = str(record["external_id"]), diff_application(None, record)
    held = clearview.statuses.get(external_id)
    if held is None or held == record["status"]:
        return _patch(external_id, changes), None
    conflict = _conflict(record, None, held, clearview, policy)
    if conflict.winner == "ats":
        return _patch(external_id, changes, held), conflict
    return _patch(external_id, _without_status(changes)), conflict


def _conflict(
    record: Record,
    base: ApplicationStatus | None,
    held: ApplicationStatus,
    clearview: ClearViewSide,
    policy: Policy,
) -> StatusConflict:
    external_id, ats = str(record["external_id"]), ApplicationStatus(record["status"])
    return StatusConflict(
        application_external_id=external_id,
        candidate_external_id=str(record["candidate_external_id"]),
        base=base,
        ats=ats,
        clearview=held,
        policy=policy,
        winner=decide_status(
            base=base,
            ats=ats,
            clearview=held,
            policy=policy,
            ats_changed_at=record.get("external_updated_at"),
            clearview_changed_at=clearview.changed_at.get(external_id),
        ),
    )


def _without_status(changes: Sequence[FieldChange]) -> list[FieldChange]:
    return [change for change in changes if change.path not in STATUS_GROUP]


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
