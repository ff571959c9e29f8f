"""Finishes what an interrupted import left half done: a page, or a batch of deletions."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from connectors.errors import AtsError
from daemon.core.import_plan import RecordPlan
from daemon.core.leases import LeaseLost
from daemon.core.lost_push import without_lost_pushes
from daemon.core.poll_state import PageInFlight
from daemon.core.record_change import RecordChange, compare
from daemon.core.service_errors import ServiceFailed
from daemon.core.snapshot import Snapshot, newest_candidates, owners_of
from daemon.importing.apply import deliver, log_plans, plan_changes
from daemon.importing.context import ImportContext
from daemon.importing.deletions import delete_records
from daemon.importing.erased import remove_erased
from daemon.importing.failures import set_aside, unexpected
from daemon.ports.imports import CandidateManagement, Snapshots


async def finish_interrupted(context: ImportContext) -> None:
    """Finishes it as the pass that began it, before anything new is read."""
    pages = context.state.applying
    while pages:
        if pages[0].has_failed_before:
            await _finish_each(context, pages[0])
        else:
            pages[0] = replace(pages[0], attempts=pages[0].attempts + 1)
            await context.save()
            await _finish_page(context, pages[0])
        del pages[0]
    deleting = context.state.deleting
    for facts in context.connector.lists:
        if deleting is not None and facts.name == deleting.list_name:
            await delete_records(context, facts, deleting.external_ids)
    context.state.deleting = None


async def _finish_each(context: ImportContext, page: PageInFlight) -> None:
    """Finishes a page that two runs could not finish; a record that fails alone is set aside."""
    for external_id in page.external_ids:
        alone = replace(page, external_ids=(external_id,))
        try:
            await _finish_page(context, alone)
        except (AtsError, ServiceFailed, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, this record caused it alone
            await set_aside(context, alone, unexpected(error))


async def _finish_page(context: ImportContext, applying: PageInFlight) -> None:
    """Finishes a page from its snapshots; ClearView keeps the part that it has already."""
    clearview = context.ports.clearview
    changes = await changes_left(context.ports.snapshots, applying)
    plans = await plan_changes(clearview, context.rules.conflicts, changes)
    await leave_out_taken(clearview, plans, applying.import_id)
    refused = await deliver(context, applying.list_name, plans, applying.import_id)
    await log_plans(context, [p for p in plans if p.change.external_id not in refused])
    await remove_erased(context, applying.list_name, [p.change.after for p in plans])


async def leave_out_taken(
    clearview: CandidateManagement, plans: Sequence[RecordPlan], import_id: UUID
) -> None:
    """Leaves out the documents that ClearView took before the kill: a person may have edited them."""
    taken = await clearview.taken(
        import_id,
        candidates=sorted({p.change.candidate_external_id for p in plans}),
        applications=[a.external_id for p in plans for a in p.change.applications],
    )
    done = taken.applications
    for plan in plans:
        if plan.change.candidate_external_id in taken.candidates:
            plan.new_candidate = plan.candidate_patch = None
        plan.new_applications = [r for r in plan.new_applications if r["external_id"] not in done]
        plan.application_patches = [
            patch for patch in plan.application_patches if patch.external_id not in done
        ]
        plan.conflicts = [c for c in plan.conflicts if c.application_external_id not in done]


async def changes_left(snapshots: Snapshots, applying: PageInFlight) -> list[RecordChange]:
    """Returns the page's changes, each snapshot compared with the one that it replaced."""
    loaded = await snapshots.load(applying.list_name, applying.external_ids)
    order = {external_id: n for n, external_id in enumerate(applying.external_ids)}
    mine = sorted(
        (s for s in loaded if s.import_id == applying.import_id),
        key=lambda s: order[s.external_id],
    )
    before = {s.external_id: _what_it_replaced(s) for s in mine}
    known = [b for b in before.values() if b is not None]
    owners = owners_of(mine)
    if owners:
        siblings = await snapshots.load_by_candidate(applying.list_name, owners)
        known += [s for s in siblings if s.import_id != applying.import_id]
    bases = newest_candidates(known)
    changes = []
    for snapshot in mine:
        changes.append(
            without_lost_pushes(
                compare(
                    snapshot,
                    before[snapshot.external_id],
                    candidate_base=bases.get(snapshot.owner),
                    returned=bool((snapshot.previous or {}).get("deleted")),
                )
            )
        )
        if snapshot.candidate is not None:
            bases[snapshot.owner] = snapshot.candidate
    return changes


def _what_it_replaced(snapshot: Snapshot) -> Snapshot | None:
    if snapshot.previous is None:
        return None
    return replace(
        snapshot,
        candidate=snapshot.previous["candidate"],
        applications=snapshot.previous["applications"],
        seen_at=snapshot.previous.get("seen_at", snapshot.seen_at),
        previous=None,
        import_id=None,
    )
