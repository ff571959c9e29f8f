"""One page of records: find what changed, keep it, give it to ClearView, log it.

The order makes a kill harmless at any point. First the checkpoint says which records are about to
be written; then their snapshots are, each with what it replaced; only then ClearView and the logs.
Whoever comes next finishes the page from the snapshots alone (`daemon.importing.recovery`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from connectors.base import ListFacts, Mapped, MappingFailed, Page, RawRecord
from daemon.core.import_plan import RecordChange, RecordPlan, compare, newest_candidates
from daemon.core.walk import Applying
from daemon.importing.context import ImportContext
from daemon.importing.effects import align_existing, give_to_clearview, log_plans, plan_changes
from daemon.importing.failures import note_failures
from daemon.ports.imports import ClearViewOutcome, Known, Record, Snapshot
from models.times import EPOCH


@dataclass(slots=True)
class PreparedPage:
    """A page of which the unchanged records are known, and the others are mapped."""

    seen: int
    unchanged: int
    changed: list[tuple[Mapped, bytes | None]]
    returned: list[str]
    """Marked deleted once, and listed again."""
    found_again: list[str]
    """Missing from the last complete listing, unchanged and listed again."""
    known: Mapping[str, Known]
    failures: dict[str, str]
    unmapped: int
    filled: Counter[str]


@dataclass(slots=True)
class PageImport:
    """Imports the pages of one list, one after the other."""

    context: ImportContext
    facts: ListFacts
    failing: frozenset[str] = frozenset()
    """External ids that failed before: looked at again even if they are unchanged."""
    last_ids: frozenset[str] = frozenset()
    """Ids of the page written last: a record may stand on two pages when the listing shifts."""
    last_stamp: datetime = EPOCH
    """Each page is seen later than the one before it, however coarse the clock."""
    filled: Counter[str] = field(default_factory=Counter)
    mapped: int = 0

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        records = {record.external_id: record for record in page.records}
        known = await self.context.ports.snapshots.known(self.facts.name, list(records))
        doubtful = [r for r in records.values() if not self._is_unchanged(r, known)]
        prepared = PreparedPage(
            seen=len(records),
            unchanged=len(records) - len(doubtful),
            changed=[],
            returned=[],
            found_again=[],
            known=known,
            failures={f.external_id or "": f.message for f in page.failed},
            unmapped=0,
            filled=Counter(),
        )
        if doubtful:
            mapped = await self.context.connector.map_records(self.facts.name, doubtful)
            for record, result in zip(doubtful, mapped, strict=True):
                self._sort_in(prepared, record, result)
        return prepared

    def _is_unchanged(self, record: RawRecord, known: Mapping[str, Known]) -> bool:
        old = known.get(record.external_id)
        return (
            old is not None
            and not (old.missing or old.deleted)
            and record.digest is not None
            and record.digest == old.digest
            and old.mapping_version == self.facts.mapping_version
            and record.external_id not in self.failing
        )

    def _sort_in(
        self, prepared: PreparedPage, record: RawRecord, result: Mapped | MappingFailed
    ) -> None:
        if isinstance(result, MappingFailed):
            prepared.failures[record.external_id] = result.message
            return
        prepared.unmapped += len(result.unmapped_stages)
        self.context.unmapped_stages |= {
            stage["name"] or stage["external_id"] or "?" for stage in result.unmapped_stages
        }
        prepared.filled.update(result.filled)
        old = prepared.known.get(record.external_id)
        same_content = (
            old is not None
            and old.fingerprint == result.fingerprint
            and old.mapping_version == self.facts.mapping_version
        )
        if old is not None and same_content and not old.deleted:
            prepared.unchanged += 1
            prepared.found_again += [record.external_id] * old.missing
        else:
            prepared.changed.append((result, record.digest))
        if old is not None and old.deleted:
            prepared.returned.append(record.external_id)

    async def commit(self, prepared: PreparedPage) -> None:
        """Write the page; when this returns it is durable and counted."""
        context, counts = self.context, self.context.run.counts
        counts.pages += 1
        counts.seen += prepared.seen
        counts.unmapped += prepared.unmapped
        self.filled.update(prepared.filled)
        self.mapped += len(prepared.changed)
        await note_failures(context, self.facts.name, prepared.failures)
        changes = await self._compare(prepared)
        await self._write(changes)
        await self._settle_failing(prepared)
        await context.ports.snapshots.mark_seen(self.facts.name, prepared.found_again)
        counts.unchanged += prepared.unchanged
        self.last_ids = frozenset(m.external_id for m, _ in prepared.changed)

    async def _settle_failing(self, prepared: PreparedPage) -> None:
        mended = [m.external_id for m, _ in prepared.changed if m.external_id in self.failing]
        await self.context.ports.failed.remove(self.facts.name, mended)

    async def _compare(self, prepared: PreparedPage) -> list[RecordChange]:
        now = self.last_stamp = max(
            self.context.ports.clock.now(), self.last_stamp + timedelta(milliseconds=1)
        )
        after = [self._snapshot(mapped, digest, now) for mapped, digest in prepared.changed]
        returned = frozenset(prepared.returned)
        before = await self._known_snapshots(prepared, after)
        bases = await self._candidate_bases(after, before)
        changes = []
        for snapshot in after:
            owner = str(snapshot.candidate["external_id"]) if snapshot.candidate else None
            change = compare(
                snapshot,
                before.get(snapshot.external_id),
                candidate_base=bases.get(owner) if owner else None,
                returned=snapshot.external_id in returned,
            )
            if owner and snapshot.candidate is not None:
                bases[owner] = snapshot.candidate
            changes.append(change)
        return changes

    def _snapshot(self, mapped: Mapped, digest: bytes | None, now: datetime) -> Snapshot:
        return Snapshot(
            external_id=mapped.external_id,
            fingerprint=mapped.fingerprint,
            digest=digest,
            candidate=mapped.candidate,
            applications=mapped.applications,
            mapping_version=self.facts.mapping_version,
            seen_at=now,
        )

    async def _known_snapshots(
        self, prepared: PreparedPage, after: Sequence[Snapshot]
    ) -> dict[str, Snapshot]:
        ids = [
            s.external_id
            for s in after
            if s.external_id in prepared.known or s.external_id in self.last_ids
        ]
        if not ids:
            return {}
        loaded = await self.context.ports.snapshots.load(self.facts.name, ids)
        return {s.external_id: s for s in loaded}

    async def _candidate_bases(
        self, after: Sequence[Snapshot], before: Mapping[str, Snapshot]
    ) -> dict[str, Record]:
        """The candidates as they were last seen, in whichever record of the list."""
        if self.facts.holds == "candidates":
            return newest_candidates(list(before.values()))
        owners = {str(s.candidate["external_id"]) for s in after if s.candidate is not None}
        if not owners:
            return {}
        loaded = await self.context.ports.snapshots.load_by_candidate(
            self.facts.name, sorted(owners)
        )
        return newest_candidates([*before.values(), *loaded])

    async def _write(self, changes: Sequence[RecordChange]) -> None:
        empty = [c for c in changes if c.is_empty]
        real = [c for c in changes if not c.is_empty]
        await self.context.ports.snapshots.refresh(self.facts.name, [c.after for c in empty])
        self.context.run.counts.unchanged += len(empty)
        if real:
            await self._write_changes(real)
        elif self._checkpoint_is_old():
            await self.context.save()

    def _checkpoint_is_old(self) -> bool:
        context = self.context
        return (context.ports.clock.now() - context.saved_at).total_seconds() > 10

    async def _write_changes(self, changes: list[RecordChange]) -> None:
        context, name, import_id = self.context, self.facts.name, uuid4()
        plans = await plan_changes(context, changes)
        context.state.applying = Applying(name, tuple(c.external_id for c in changes), import_id)
        await context.save()
        refused = await context.ports.snapshots.write(
            name,
            [_stamped(c, import_id) for c in changes if c.before is None],
            [_stamped(c, import_id) for c in changes if c.before is not None],
        )
        kept = [p for p in plans if p.change.external_id not in refused]
        outcome = await give_to_clearview(context, kept, import_id)
        refused = {**refused, **await self._take_back(kept, outcome, import_id)}
        await note_failures(context, name, refused)
        taken = [p for p in kept if p.change.external_id not in refused]
        await align_existing(context, taken, outcome, import_id)
        await log_plans(context, taken)
        self._count(taken)
        context.state.applying = None

    async def _take_back(
        self, plans: Iterable[RecordPlan], outcome: ClearViewOutcome, import_id: UUID
    ) -> dict[str, str]:
        """Records that ClearView refused are as unknown as before, so that they are tried again."""
        refused = {
            plan.change.external_id: reason
            for plan in plans
            if (reason := _refusal(plan, outcome)) is not None
        }
        if refused:
            await self.context.ports.snapshots.forget(self.facts.name, list(refused), import_id)
        return refused

    def _count(self, plans: Sequence[RecordPlan]) -> None:
        counts = self.context.run.counts
        for plan in plans:
            counts.conflicts += len(plan.conflicts)
            if plan.log is None:
                counts.unchanged += 1
            elif plan.change.before is None:
                counts.created += 1
            else:
                counts.updated += 1


def _stamped(change: RecordChange, import_id: UUID) -> Snapshot:
    before = change.before
    previous = (
        None
        if before is None
        else {"candidate": before.candidate, "applications": list(before.applications)}
    )
    return replace(change.after, import_id=import_id, previous=previous)


def _refusal(plan: RecordPlan, outcome: ClearViewOutcome) -> str | None:
    if plan.new_candidate or plan.candidate_patch:
        reason = outcome.failed_candidates.get(plan.change.candidate_external_id)
        if reason is not None:
            return reason
    for application in plan.change.applications:
        if application.external_id in outcome.failed_applications:
            return outcome.failed_applications[application.external_id]
    return None
