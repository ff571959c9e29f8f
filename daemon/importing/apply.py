"""Applies the plans of a page to ClearView and to the logs."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from msgspec.structs import replace

from daemon.core.alert_texts import conflicts_open, dead_push
from daemon.core.attachments import changed_files
from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome, Patch
from daemon.core.coalesce_batch import fold_candidates
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.conflict import Policy
from daemon.core.import_log import without_former
from daemon.core.import_plan import (
    ClearViewSide,
    RecordPlan,
    meet_existing_application,
    plan_record,
)
from daemon.core.lost_push import lost_pushes
from daemon.core.record_change import RecordChange
from daemon.importing.context import ImportContext
from daemon.importing.failures import note_failures
from daemon.ports.imports import CandidateManagement
from models.candidate import CANDIDATE_FIELDS

log = structlog.get_logger(__name__)


async def plan_changes(
    clearview: CandidateManagement, policy: Policy, changes: Sequence[RecordChange]
) -> list[RecordPlan]:
    """Plans the writes for each record; ClearView is read only where a status changed."""
    moved = [
        a.external_id for c in changes for a in c.applications if a.status_changed or a.is_lost
    ]
    side = await clearview_side(clearview, policy, moved)
    plans = [plan_record(change, clearview=side, policy=policy) for change in changes]
    for plan in plans:
        plan.lost = lost_pushes(plan.change, side.statuses)
    return plans


async def clearview_side(
    clearview: CandidateManagement, policy: Policy, applications: Sequence[str]
) -> ClearViewSide:
    """Returns the present state of these applications in ClearView."""
    if not applications:
        return ClearViewSide()
    statuses = await clearview.statuses(applications)
    if policy != "newest_wins":
        return ClearViewSide(statuses)
    return ClearViewSide(statuses, await clearview.edited_at(applications))


async def deliver(
    context: ImportContext, list_name: str, plans: Sequence[RecordPlan], import_id: UUID
) -> frozenset[str]:
    """Applies plans to ClearView, and returns the external ids of the records that it refused.

    The snapshots are stored already, and the log follows (`log_plans`). Everything here may be
    repeated after a kill. Conflicts come first: once ClearView is written, they cannot be found.
    """
    await _record_conflicts(context, plans)
    outcome = await _give_to_clearview(context, plans, import_id)
    refused = await _take_back(context, list_name, plans, outcome, import_id)
    taken = [p for p in plans if p.change.external_id not in refused]
    aligned = await _align_existing(context, taken, outcome, import_id)
    refused |= await _take_back(context, list_name, taken, aligned, import_id)
    taken = [p for p in taken if p.change.external_id not in refused]
    await _settle_conflicts(context, taken)
    await _queue_files(context, list_name, taken)
    await _repeat_lost(context, taken)
    return refused


async def apply_plans(
    context: ImportContext, list_name: str, plans: Sequence[RecordPlan], import_id: UUID
) -> list[RecordPlan]:
    """Delivers plans, counts them on the run, and returns those that ClearView took."""
    if not plans:
        return []
    refused = await deliver(context, list_name, plans, import_id)
    applied = [p for p in plans if p.change.external_id not in refused]
    counts = context.run.counts
    for plan in applied:
        counts.conflicts += len(plan.conflicts)
        if plan.log is None:
            counts.unchanged += 1
        elif plan.change.before is None:
            counts.created += 1
        else:
            counts.updated += 1
    return applied


async def _queue_files(context: ImportContext, list_name: str, plans: Sequence[RecordPlan]) -> None:
    """Queues the files of candidates that ClearView has now, before the page counts as done."""
    facts = next(each for each in context.connector.lists if each.name == list_name)
    files = changed_files(
        [plan.change for plan in plans],
        context.rules.attachments,
        from_details=facts.files_from_details,
    )
    if files:
        await context.ports.attachments.update(list_name, files, at=context.ports.clock.now())


async def _repeat_lost(context: ImportContext, plans: Sequence[RecordPlan]) -> None:
    """Queues lost pushes once more; one that was lost twice is given up."""
    lost = [push for plan in plans for push in plan.lost]
    if not lost:
        return
    given_up = await context.ports.pushes.repeat(lost, at=context.ports.clock.now())
    name = context.connector.integration
    log.warning("pushes_lost_at_ats", integration=name, count=len(lost), given_up=given_up)
    if given_up:
        reason = "The ATS accepted it twice and did not make it"
        await context.ports.alerts.raise_condition(
            dead_push(context.of, count=given_up, reason=reason)
        )


async def _settle_conflicts(context: ImportContext, plans: Sequence[RecordPlan]) -> None:
    """Closes the conflicts of applications that both sides now agree on."""
    agreed = [
        application.external_id
        for plan in plans
        if not plan.conflicts
        for application in plan.change.applications
        if application.status_changed
    ]
    conflicts = context.ports.conflicts
    if not agreed or not await conflicts.resolve(agreed, at=context.ports.clock.now()):
        return
    if not await conflicts.count_open():
        key = alert_key(AlertKind.CONFLICTS_OPEN, context.connector.integration)
        await context.ports.alerts.resolve(key)


async def _record_conflicts(context: ImportContext, plans: Sequence[RecordPlan]) -> None:
    for plan in plans:
        # The moment the record was seen survives a kill, so a repetition finds the same conflict.
        at = plan.change.after.seen_at
        if plan.conflicts:
            await context.ports.conflicts.record(plan.conflicts, at=at)
        if any(conflict.winner is None for conflict in plan.conflicts):
            waiting = await context.ports.conflicts.count_open()
            await context.ports.alerts.raise_condition(conflicts_open(context.of, count=waiting))


async def _give_to_clearview(
    context: ImportContext, plans: Sequence[RecordPlan], import_id: UUID
) -> ClearViewOutcome:
    at = context.ports.clock.now()
    batch = ClearViewBatch(import_id, at)
    gone: list[str] = []
    for plan in plans:
        if plan.new_candidate is not None:
            batch.new_candidates.append(plan.new_candidate)
        if plan.candidate_patch is not None:
            batch.candidate_patches.append(plan.candidate_patch)
        batch.new_applications += plan.new_applications
        batch.application_patches += plan.application_patches
        gone += plan.change.vanished_applications
    outcome = await context.ports.clearview.apply(fold_candidates(batch))
    if not gone:
        return outcome
    refused = await context.ports.clearview.delete(
        candidates=[], applications=gone, at=at, import_id=import_id
    )
    return replace(outcome, failed_applications={**outcome.failed_applications, **refused})


async def _take_back(
    context: ImportContext,
    list_name: str,
    plans: Sequence[RecordPlan],
    outcome: ClearViewOutcome,
    import_id: UUID,
) -> frozenset[str]:
    """Undoes the snapshots of refused records, so that they are tried again."""
    refused = {
        plan.change.external_id: reason
        for plan in plans
        if (reason := _refusal(plan, outcome)) is not None
    }
    if refused:
        await note_failures(context, list_name, refused)
        await context.ports.snapshots.forget(list_name, list(refused), import_id)
    return frozenset(refused)


def _refusal(plan: RecordPlan, outcome: ClearViewOutcome) -> str | None:
    if plan.new_candidate or plan.candidate_patch:
        reason = outcome.failed_candidates.get(plan.change.candidate_external_id)
        if reason is not None:
            return reason
    written = [application.external_id for application in plan.change.applications]
    for external_id in (*written, *plan.change.vanished_applications):
        if external_id in outcome.failed_applications:
            return outcome.failed_applications[external_id]
    return None


async def log_plans(context: ImportContext, plans: Sequence[RecordPlan]) -> None:
    """Logs the plans that ClearView took. It may be repeated after a kill."""
    if not plans:
        return
    changes = [line for plan in plans for line in plan.changes]
    if changes:
        hidden = frozenset().union(*(facts.hidden for facts in context.connector.lists))
        changes = without_former(changes, hidden, context.connector.lists[0].hides_custom)
    await context.ports.history.record(
        walk_id=context.walk.id,
        run_id=context.run.id,
        at=plans[0].change.after.seen_at,
        lines=[plan.log for plan in plans if plan.log is not None],
        changes=changes,
    )


async def _align_existing(
    context: ImportContext,
    plans: Sequence[RecordPlan],
    outcome: ClearViewOutcome,
    import_id: UUID,
) -> ClearViewOutcome:
    """Aligns documents that ClearView had before any snapshot knew of them.

    Without a base every difference in status counts as moved on both sides.
    """
    if not (outcome.existing_candidates or outcome.existing_applications):
        return ClearViewOutcome()
    policy = context.rules.conflicts
    side = await clearview_side(
        context.ports.clearview, policy, sorted(outcome.existing_applications)
    )
    batch = ClearViewBatch(import_id, context.ports.clock.now())
    for plan in plans:
        _align(plan, outcome, side, batch, policy)
    await _record_conflicts(context, plans)
    return await context.ports.clearview.apply(fold_candidates(batch))


def _align(
    plan: RecordPlan,
    outcome: ClearViewOutcome,
    side: ClearViewSide,
    batch: ClearViewBatch,
    policy: Policy,
) -> None:
    candidate = plan.new_candidate
    patch = plan.candidate_patch
    if patch is not None and patch.external_id in outcome.existing_candidates:
        batch.candidate_patches.append(patch)
    if candidate is not None and candidate["external_id"] in outcome.existing_candidates:
        fields = {k: candidate[k] for k in CANDIDATE_FIELDS if k != "external_id"}
        batch.candidate_patches.append(Patch(str(candidate["external_id"]), fields))
    for record in plan.new_applications:
        if record["external_id"] in outcome.existing_applications:
            aligned, conflict = meet_existing_application(record, side, policy)
            batch.application_patches.append(aligned)
            if conflict is not None:
                plan.conflicts.append(conflict)
