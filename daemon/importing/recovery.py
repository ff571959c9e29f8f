"""Finishing the page that an interrupted import left half written."""

from collections.abc import Sequence
from dataclasses import replace

from daemon.core.import_plan import RecordChange, compare, newest_candidates
from daemon.core.walk import Applying
from daemon.importing.context import ImportContext
from daemon.importing.effects import give_to_clearview, log_plans, plan_changes
from daemon.ports.imports import Snapshot


async def finish_page(context: ImportContext) -> None:
    """Finish the page that an interrupted import left half written, from its snapshots alone."""
    applying = context.state.applying
    if applying is None:
        return
    loaded = await context.ports.snapshots.load(applying.list_name, applying.external_ids)
    mine = [s for s in loaded if s.import_id == applying.import_id]
    changes = await _compare_again(context, applying, mine)
    plans = await plan_changes(context, changes)
    await give_to_clearview(context, plans, applying.import_id)
    await log_plans(context, plans)
    context.state.applying = None


async def _compare_again(
    context: ImportContext, applying: Applying, mine: Sequence[Snapshot]
) -> list[RecordChange]:
    before = {s.external_id: _what_it_replaced(s) for s in mine}
    bases = newest_candidates([b for b in before.values() if b is not None])
    owners = {str(s.candidate["external_id"]) for s in mine if s.candidate is not None}
    if owners:
        siblings = await context.ports.snapshots.load_by_candidate(
            applying.list_name, sorted(owners)
        )
        others = [s for s in siblings if s.import_id != applying.import_id]
        bases = newest_candidates(others) | bases
    changes = []
    for snapshot in mine:
        owner = str(snapshot.candidate["external_id"]) if snapshot.candidate else None
        base = bases.get(owner) if owner else None
        changes.append(compare(snapshot, before[snapshot.external_id], candidate_base=base))
        if owner and snapshot.candidate is not None:
            bases[owner] = snapshot.candidate
    return changes


def _what_it_replaced(snapshot: Snapshot) -> Snapshot | None:
    if snapshot.previous is None:
        return None
    return replace(
        snapshot,
        candidate=snapshot.previous["candidate"],
        applications=snapshot.previous["applications"],
        previous=None,
        import_id=None,
    )
