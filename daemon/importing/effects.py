"""What a page does to ClearView and to the logs."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from daemon.core.import_plan import (
    ClearViewSide,
    RecordChange,
    RecordPlan,
    meet_existing_application,
    plan_record,
)
from daemon.importing.context import ImportContext
from daemon.ports.imports import ClearViewBatch, ClearViewOutcome, Patch
from models.candidate import CANDIDATE_FIELDS


async def plan_changes(context: ImportContext, changes: Sequence[RecordChange]) -> list[RecordPlan]:
    """Decide about each record, looking at ClearView only where a status changed."""
    moved = [a.external_id for c in changes for a in c.applications if a.status_changed]
    side = await clearview_side(context, moved)
    return [
        plan_record(change, clearview=side, policy=context.rules.conflicts) for change in changes
    ]


async def clearview_side(context: ImportContext, applications: Sequence[str]) -> ClearViewSide:
    """What ClearView holds of these applications now."""
    if not applications:
        return ClearViewSide()
    clearview = context.ports.clearview
    statuses = await clearview.statuses(applications)
    if context.rules.conflicts != "newest_wins":
        return ClearViewSide(statuses)
    return ClearViewSide(statuses, await clearview.edited_at(applications))


async def give_to_clearview(
    context: ImportContext, plans: Sequence[RecordPlan], import_id: UUID
) -> ClearViewOutcome:
    """Write what the plans say into ClearView."""
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
    outcome = await context.ports.clearview.apply(batch)
    if gone:
        await context.ports.clearview.delete(
            candidates=[], applications=gone, at=at, import_id=import_id
        )
    return outcome


async def log_plans(context: ImportContext, plans: Sequence[RecordPlan]) -> None:
    """Write the import log, the field changes and the conflicts."""
    at = context.ports.clock.now()
    await asyncio.gather(
        context.ports.history.record(
            walk_id=context.walk_id,
            run_id=context.run.id,
            at=at,
            lines=[plan.log for plan in plans if plan.log is not None],
            changes=[line for plan in plans for line in plan.changes],
        ),
        context.ports.conflicts.record([c for plan in plans for c in plan.conflicts], at=at),
    )


async def align_existing(
    context: ImportContext,
    plans: Sequence[RecordPlan],
    outcome: ClearViewOutcome,
    import_id: UUID,
) -> None:
    """Bring in line what ClearView had already although no snapshot knew of it.

    Without a base every difference in status counts as moved on both sides.
    """
    if not (outcome.existing_candidates or outcome.existing_applications):
        return
    side = await clearview_side(context, sorted(outcome.existing_applications))
    batch = ClearViewBatch(import_id, context.ports.clock.now())
    for plan in plans:
        _align(plan, outcome, side, batch, context)
    await context.ports.clearview.apply(batch)


def _align(
    plan: RecordPlan,
    outcome: ClearViewOutcome,
    side: ClearViewSide,
    batch: ClearViewBatch,
    context: ImportContext,
) -> None:
    candidate = plan.new_candidate
    if candidate is not None and candidate["external_id"] in outcome.existing_candidates:
        fields = {k: candidate[k] for k in CANDIDATE_FIELDS if k != "external_id"}
        batch.candidate_patches.append(Patch(str(candidate["external_id"]), fields))
    for record in plan.new_applications:
        if record["external_id"] in outcome.existing_applications:
            patch, conflict = meet_existing_application(record, side, context.rules.conflicts)
            batch.application_patches.append(patch)
            if conflict is not None:
                plan.conflicts.append(conflict)
