"""One page of records: find what changed, keep it, give it to ClearView, log it.

The order makes a kill harmless at any point. First the checkpoint says which records are about to
be written; then their snapshots are, each with what it replaced; only then ClearView and the logs.
Whoever comes next finishes the page from the snapshots alone (`daemon.importing.recovery`).

A page is logged while the next one is being written: until then the checkpoint names both.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from connectors.base import ListFacts, Page
from daemon.core.import_plan import RecordChange, RecordPlan, hold_stale
from daemon.core.walk import Applying
from daemon.importing.context import ImportContext
from daemon.importing.effects import deliver, log_plans, plan_changes
from daemon.importing.failures import note_failures
from daemon.importing.reading import PageReading, PreparedPage
from daemon.ports.imports import Snapshot


@dataclass(slots=True)
class PageImport:
    """Imports the pages of one list, one after the other."""

    context: ImportContext
    facts: ListFacts
    reading: PageReading
    filled: Counter[str] = field(default_factory=Counter)
    mapped: int = 0
    logging: "asyncio.Task[None] | None" = None
    """The log of the page before, where it is still being written."""

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        return await self.reading.prepare(page)

    async def commit(self, prepared: PreparedPage, *, asked_at: datetime) -> None:
        """Write the page; when this returns it is durable and counted, though it may not be logged.

        `asked_at` is a moment before the ATS was asked for the page.
        """
        context, counts = self.context, self.context.run.counts
        counts.pages += 1
        counts.seen += prepared.seen
        counts.unmapped += prepared.unmapped
        self.filled.update(prepared.filled)
        self.mapped += len(prepared.changed)
        context.mapped += len(prepared.changed)
        await note_failures(context, self.facts.name, prepared.failures)
        compared = await self.reading.compare(prepared)
        changes = [hold_stale(change, asked_at) for change in compared]
        refused = await self._write(changes)
        mended = [e for e in prepared.mended if e not in refused]
        await context.ports.failed.remove(self.facts.name, mended)
        await context.ports.snapshots.mark_seen(self.facts.name, prepared.found_again)
        counts.unchanged += prepared.unchanged

    async def _write(self, changes: Sequence[RecordChange]) -> frozenset[str]:
        """External ids of records that were refused are returned."""
        empty = [c for c in changes if c.is_empty]
        real = [c for c in changes if not c.is_empty]
        marked = [c.after for c in empty if _is_marked_anew(c)]
        await self.context.ports.snapshots.refresh(self.facts.name, marked)
        self.context.run.counts.unchanged += len(empty)
        if real:
            return await self._write_changes(real)
        if self._checkpoint_is_old():
            await self.context.save()
        return frozenset()

    def _checkpoint_is_old(self) -> bool:
        context = self.context
        return (context.ports.clock.now() - context.saved_at).total_seconds() > 10

    async def _write_changes(self, changes: Sequence[RecordChange]) -> frozenset[str]:
        context, name, import_id = self.context, self.facts.name, uuid4()
        page = Applying(name, tuple(c.external_id for c in changes), import_id)
        if _overlaps(page, context.state.applying):
            # Its log is read off the snapshots that are about to be written over.
            await self.end_log()
        plans = await plan_changes(context.ports.clearview, context.rules.conflicts, changes)
        context.state.applying.append(page)
        await context.save()
        unstored = await context.ports.snapshots.write(
            name,
            [_stamped(c, import_id) for c in changes if c.before is None],
            [_stamped(c, import_id) for c in changes if c.before is not None],
        )
        await note_failures(context, name, unstored)
        stored = [p for p in plans if p.change.external_id not in unstored]
        refused = await deliver(context, name, stored, import_id)
        taken = [p for p in stored if p.change.external_id not in refused]
        self._count(taken)
        await self.end_log()
        self.logging = asyncio.create_task(self._log(page, taken), name=f"log page of {name}")
        return frozenset({*unstored, *refused})

    async def _log(self, page: Applying, plans: Sequence[RecordPlan]) -> None:
        await log_plans(self.context, plans)
        self.context.state.applying.remove(page)

    async def end_log(self) -> None:
        """Return when nothing is being logged any more.

        Raises:
            Exception: whatever the log could not be written for.
        """
        if self.logging is not None:
            await asyncio.shield(self.logging)
            self.logging = None

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


def _is_marked_anew(change: RecordChange) -> bool:
    """The content is the same, but not what it is known by."""
    old, new = change.before, change.after
    return old is None or (old.fingerprint, old.digest, old.mapping_version) != (
        new.fingerprint,
        new.digest,
        new.mapping_version,
    )


def _overlaps(page: Applying, others: Sequence[Applying]) -> bool:
    return not all(set(page.external_ids).isdisjoint(other.external_ids) for other in others)


@asynccontextmanager
async def page_import(
    context: ImportContext, facts: ListFacts, failing: frozenset[str], *, anew: bool = False
) -> AsyncIterator[PageImport]:
    """The import of one list's pages, all of them logged when it ends.

    `failing` are the records that failed before; with `anew` equal records are mapped, too.
    """
    reading = PageReading(
        facts=facts,
        connector=context.connector,
        snapshots=context.ports.snapshots,
        clock=context.ports.clock,
        failing=failing,
        anew=anew,
        own_field=context.rules.own_field,
        unmapped_stages=context.unmapped_stages,
    )
    pages = PageImport(context, facts, reading)
    try:
        yield pages
        await pages.end_log()
    finally:
        with suppress(Exception):
            await pages.end_log()


def _stamped(change: RecordChange, import_id: UUID) -> Snapshot:
    before = change.before
    previous = (
        None
        if before is None
        else {
            "candidate": before.candidate,
            "applications": list(before.applications),
            "seen_at": before.seen_at,
            "deleted": change.returned,
        }
    )
    return change.after.stamped(import_id, previous)
