"""Records that a complete listing no longer shows: proved absent, then marked deleted.

A record is gone when the ATS says so by id, or when two complete listings in a row lack it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from connectors.connector import Connector
from connectors.values import ListFacts
from daemon.core.alert_texts import deletion_brake, zero_candidates
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.deletion_guard import DeletionBlocked, judge_deletions
from daemon.core.erasure import PersonIds
from daemon.core.import_log import LogLine
from daemon.core.poll_state import Deleting
from daemon.core.snapshot import Snapshot, owners_of
from daemon.importing.context import ImportContext, peers_of
from daemon.importing.erased import remove_erased
from daemon.importing.failures import note_failures
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.ports.imports import Snapshots

BY_ID_BATCH = 50
MARK_BATCH = 500


@dataclass(slots=True)
class Missing:
    """External ids that were known and not listed."""

    first_time: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    """Not listed here any more, but in another list of the same kind: not missing."""
    known: int = 0

    def __len__(self) -> int:
        return len(self.first_time) + len(self.again)


async def settle_absences(context: ImportContext) -> None:
    """Marks the records deleted that the complete listings of this run prove absent.

    A list is judged only if all lists with the same kind of record were listed completely: a record
    that moved from one to another is not gone.
    """
    for facts in context.connector.lists:
        names = [facts.name, *peers_of(context.connector, facts)]
        if all(name in context.shown for name in names):
            await _settle_list(context, facts)


async def live_among(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> list[str]:
    """Returns those of the records that are known and not marked deleted."""
    if not external_ids:
        return []
    known = await context.ports.snapshots.known(facts.name, external_ids)
    return [external_id for external_id, one in known.items() if not one.deleted]


async def delete_proved(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> None:
    """Deletes records of which the ATS says by id that they are gone, in batches that survive a kill."""
    if context.rules.deletions == "ignore":
        return
    for batch in batches(external_ids, MARK_BATCH):
        context.state.deleting = Deleting(facts.name, tuple(batch))
        await context.save()
        await delete_records(context, facts, batch)
        context.state.deleting = None


async def _settle_list(context: ImportContext, facts: ListFacts) -> None:
    shown = context.shown[facts.name]
    seen = shown.seen
    if shown.began_empty or await _all_were_shown(context, facts, seen):
        # Of a list that had no snapshot at all, everything known was just shown.
        missing = Missing()
    else:
        elsewhere = [context.shown[peer].seen for peer in peers_of(context.connector, facts)]
        missing = await find_missing(context.ports.snapshots, facts, seen, elsewhere=elsewhere)
        for batch in batches(missing.moved, MARK_BATCH):
            await context.ports.snapshots.mark_deleted(facts.name, batch, context.ports.clock.now())
        context.state.unread_of(facts.name).forget(missing.moved)
    if not await _allowed(context, facts, seen, missing):
        return
    if context.rules.deletions == "ignore" or not len(missing):
        return
    gone, doubted = await ask_for_missing(context.connector, facts, missing)
    now = context.ports.clock.now()
    for batch in batches(doubted, MARK_BATCH):
        await context.ports.snapshots.mark_missing(facts.name, batch, now)
    await delete_proved(context, facts, gone)


async def _all_were_shown(context: ImportContext, facts: ListFacts, seen: HashedIdSet) -> bool:
    """Returns True if counting alone proves that no record is missing.

    It does where each record that was shown has a snapshot of its own, and there are no others.
    Records that failed may have none, and so may those without news of their candidate.
    """
    if facts.holds == "both" or context.run.counts.failed:
        return False
    return await context.ports.snapshots.count(facts.name) == seen.distinct()


async def find_missing(
    snapshots: Snapshots,
    facts: ListFacts,
    seen: HashedIdSet,
    *,
    elsewhere: Sequence[HashedIdSet] = (),
) -> Missing:
    """Returns live snapshots whose records a complete listing did not show.

    `elsewhere` are the records of the other lists of the same kind.
    """
    missing = Missing()
    async for external_id, missing_since in snapshots.live_ids(facts.name):
        missing.known += 1
        if external_id in seen:
            continue
        if any(external_id in other for other in elsewhere):
            missing.moved.append(external_id)
        else:
            (missing.first_time if missing_since is None else missing.again).append(external_id)
    return missing


async def ask_for_missing(
    connector: Connector, facts: ListFacts, missing: Missing
) -> tuple[list[str], list[str]]:
    """Returns the records that are proved absent, and the doubtful ones; reads by id if possible.

    A record that is hidden from the listing and yet there counts as present, and is read again
    next time.
    """
    if not facts.reads_by_id:
        return missing.again, missing.first_time
    gone: list[str] = []
    doubted: list[str] = []
    for batch in batches([*missing.first_time, *missing.again], BY_ID_BATCH):
        answers = await connector.fetch(facts.name, batch)
        gone += [e for e in batch if e in answers and answers[e] is None]
        doubted += [e for e in batch if answers.get(e) is not None]
    return gone, doubted


async def _allowed(
    context: ImportContext, facts: ListFacts, seen: HashedIdSet, missing: Missing
) -> bool:
    blocked = judge_deletions(
        known=missing.known,
        missing=len(missing),
        seen=len(seen),
        max_percent=context.rules.max_percent,
        accepted=context.request.accept_deletions,
    )
    alerts, name = context.ports.alerts, context.connector.integration
    if blocked is not None:
        context.run.details.setdefault("brakes", []).append(blocked.reason)
        await raise_brake(context, facts, blocked)
        if len(seen) == 0:
            await alerts.raise_condition(
                zero_candidates(context.of, list_name=facts.name, known=missing.known)
            )
        return False
    await alerts.resolve(alert_key(AlertKind.DELETION_BRAKE, name, facts.name))
    await alerts.resolve(alert_key(AlertKind.ZERO_CANDIDATES, name, facts.name))
    return True


async def judge_named(
    context: ImportContext, facts: ListFacts, named: int
) -> DeletionBlocked | None:
    """Judges the deletion of so many records that the ATS names as gone, without a listing."""
    known = await context.ports.snapshots.count(facts.name) if named else 0
    return judge_deletions(
        known=known,
        missing=named,
        seen=max(known - named, 1),
        max_percent=context.rules.max_percent,
        accepted=context.request.accept_deletions,
    )


async def raise_brake(context: ImportContext, facts: ListFacts, blocked: DeletionBlocked) -> None:
    """Asks a person about deletions that were refused."""
    await context.ports.alerts.raise_condition(
        deletion_brake(
            context.of,
            list_name=facts.name,
            missing=blocked.missing,
            known=blocked.known,
            max_percent=context.rules.max_percent,
        )
    )


async def delete_records(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> None:
    """Marks records deleted; the checkpoint names them, so a killed deletion is repeated whole.

    With the policy `erase`, candidates without any other record are erased after it.
    """
    ports, now = context.ports, context.ports.clock.now()
    snapshots = await ports.snapshots.load(facts.name, external_ids)
    candidates = await _candidates_gone(context, facts, snapshots, frozenset(external_ids))
    applications = [a["external_id"] for s in snapshots for a in s.applications]
    refused = await ports.clearview.delete(
        candidates=candidates, applications=applications, at=now, import_id=uuid4()
    )
    kept = _records_of(snapshots, refused)
    await note_failures(context, facts.name, kept)
    snapshots = [s for s in snapshots if s.external_id not in kept]
    external_ids = [e for e in external_ids if e not in kept]
    candidates = [c for c in candidates if c not in refused]
    await ports.attachments.drop(candidates, at=now)
    await ports.history.record(
        walk_id=context.walk.id,
        run_id=context.run.id,
        at=now,
        lines=_log_lines(snapshots, frozenset(candidates)),
        changes=[],
    )
    await ports.snapshots.mark_deleted(facts.name, external_ids, now)
    await remove_erased(context, facts.name, snapshots)
    if context.rules.deletions == "erase" and candidates:
        gone = PersonIds(context.integration_id, frozenset(candidates))
        await ports.erasures.erase_deleted(gone, reason="deleted")
    context.state.unread_of(facts.name).forget(external_ids)
    context.note_changed(facts.name, external_ids)
    context.run.counts.deleted += len(external_ids)


def _records_of(snapshots: Sequence[Snapshot], refused: Mapping[str, str]) -> dict[str, str]:
    """Returns the records that ClearView refused to delete: they are tried again."""
    kept = {}
    for snapshot in snapshots:
        for name in (snapshot.owner, *(a["external_id"] for a in snapshot.applications)):
            if name in refused:
                kept[snapshot.external_id] = refused[name]
    return kept


async def _candidates_gone(
    context: ImportContext,
    facts: ListFacts,
    snapshots: Sequence[Snapshot],
    going: frozenset[str],
) -> list[str]:
    """Returns candidates that no other live record of any list has."""
    owners = owners_of(snapshots)
    staying: set[str] = set()
    for other in context.connector.lists if owners else ():
        if other.holds == "applications" or (other is facts and facts.holds == "candidates"):
            continue
        live = await context.ports.snapshots.load_by_candidate(other.name, owners)
        is_same = other.name == facts.name
        staying.update(owners_of(s for s in live if not (is_same and s.external_id in going)))
    return [owner for owner in owners if owner not in staying]


def _log_lines(snapshots: Sequence[Snapshot], candidates: frozenset[str]) -> list[LogLine]:
    lines = [LogLine(owner, "deleted") for owner in sorted(candidates)]
    for snapshot in snapshots:
        for application in snapshot.applications:
            owner = str(application["candidate_external_id"])
            if owner not in candidates:
                path = f"applications.{application['external_id']}.deleted_at"
                lines.append(LogLine(owner, "updated", (path,)))
    return lines


def batches(items: Sequence[str], size: int) -> list[list[str]]:
    """Returns the items in their order, at most `size` in each list."""
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
