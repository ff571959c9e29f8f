"""One page of records: find what changed, keep it, give it to ClearView, log it.

The order makes a kill harmless at any point. First the checkpoint says which records are about to
be written; then their snapshots are, each with what it replaced; only then ClearView and the logs.
Whoever comes next finishes the page from the snapshots alone (`daemon.importing.recovery`).

While the next page's snapshots are written, a page is given to ClearView, and the one before it is
logged: until then the checkpoint names them all. ClearView takes pages in their order; pages that
share a record or a candidate wait for each other.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
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
    delivering: "asyncio.Task[None] | None" = None
    """The page before, where it is still being given to ClearView."""
    logging: "asyncio.Task[None] | None" = None
    """The log of a page before that, where it is still being written."""
    under_way: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=2))
    """What these two pages are about."""

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        return await self.reading.prepare(page)

    async def commit(
        self,
        prepared: PreparedPage,
        *,
        asked_at: datetime,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the page; when this returns it cannot be lost, though ClearView may not have it yet.

        `asked_at` is a moment before the ATS was asked for the page. `done` is called when nothing
        of the page but its log is left.
        """
        context, counts = self.context, self.context.run.counts
        about = self._about(prepared)
        if not all(about.isdisjoint(other) for other in self.under_way):
            # ClearView and the log are told what the snapshots say, which are about to change.
            await self.settle()
        counts.pages += 1
        counts.seen += prepared.seen
        counts.unmapped += prepared.unmapped
        for names, records in prepared.filled.items():
            self.filled.update(dict.fromkeys(names, records))
        self.mapped += len(prepared.changed)
        context.mapped += len(prepared.changed)
        await note_failures(context, self.facts.name, prepared.failures)
        compared = await self.reading.compare(prepared)
        changes = [hold_stale(change, asked_at) for change in compared]
        written = await self._keep(changes)
        await context.ports.snapshots.mark_seen(self.facts.name, prepared.found_again)
        counts.unchanged += prepared.unchanged
        if written is None:
            await context.ports.failed.remove(self.facts.name, prepared.mended)
            done()
            return
        await self._end_delivery()
        self.under_way.append(about)
        work = self._deliver(written, prepared.mended, done)
        self.delivering = asyncio.create_task(work, name=f"deliver page of {self.facts.name}")

    def _about(self, prepared: PreparedPage) -> frozenset[str]:
        """Names of the records and of the candidates that the page is going to write."""
        records = [mapped.external_id for mapped, _ in prepared.changed]
        if self.facts.holds == "candidates":
            return frozenset((*records, *prepared.failures))
        candidates = [
            f"candidate {mapped.candidate['external_id']}"
            for mapped, _ in prepared.changed
            if mapped.candidate is not None
        ]
        return frozenset((*records, *prepared.failures, *candidates))

    async def _keep(self, changes: Sequence[RecordChange]) -> "_Written | None":
        """Write the snapshots, or nothing if the page changes nothing."""
        empty: list[RecordChange] = []
        real: list[RecordChange] = []
        for change in changes:
            (empty if change.is_empty else real).append(change)
        marked = [c.after for c in empty if _is_marked_anew(c)]
        await self.context.ports.snapshots.refresh(self.facts.name, marked)
        self.context.run.counts.unchanged += len(empty)
        if real:
            return await self._write(real)
        if self._checkpoint_is_old():
            await self.context.save()
        return None

    def _checkpoint_is_old(self) -> bool:
        context = self.context
        return (context.ports.clock.now() - context.saved_at).total_seconds() > 10

    async def _write(self, changes: Sequence[RecordChange]) -> "_Written":
        context, name, import_id = self.context, self.facts.name, uuid4()
        page = Applying(name, tuple(c.external_id for c in changes), import_id)
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
        return _Written(page, stored, frozenset(unstored))

    async def _deliver(
        self, written: "_Written", mended: Sequence[str], done: Callable[[], None]
    ) -> None:
        """Give the page to ClearView, then begin to log it."""
        try:
            await self._give(written, mended)
        finally:
            done()

    async def _give(self, written: "_Written", mended: Sequence[str]) -> None:
        context, name, page = self.context, self.facts.name, written.page
        refused = await deliver(context, name, written.plans, page.import_id)
        taken = [p for p in written.plans if p.change.external_id not in refused]
        self._count(taken)
        await context.ports.failed.remove(
            name, [e for e in mended if e not in refused and e not in written.unstored]
        )
        await self._end_log()
        self.logging = asyncio.create_task(self._log(page, taken), name=f"log page of {name}")

    async def _log(self, page: Applying, plans: Sequence[RecordPlan]) -> None:
        await log_plans(self.context, plans)
        self.context.state.applying.remove(page)

    async def settle(self) -> None:
        """Return when ClearView has every page, and all of them are logged.

        Raises:
            Exception: what the last of them could not be delivered or logged for.
        """
        await self._end_delivery()
        await self._end_log()
        self.under_way.clear()

    async def stand_still(self) -> None:
        """Return when nothing is written any more, however it ended."""
        await asyncio.gather(*filter(None, (self.delivering,)), return_exceptions=True)
        await asyncio.gather(*filter(None, (self.logging,)), return_exceptions=True)

    async def _end_delivery(self) -> None:
        if self.delivering is not None:
            await asyncio.shield(self.delivering)
            self.delivering = None

    async def _end_log(self) -> None:
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


@dataclass(frozen=True, slots=True)
class _Written:
    """A page whose snapshots are stored."""

    page: Applying
    plans: list[RecordPlan]
    unstored: frozenset[str]
    """Records that MongoDB did not take."""


def _is_marked_anew(change: RecordChange) -> bool:
    """The content is the same, but not what it is known by."""
    old, new = change.before, change.after
    return old is None or (old.fingerprint, old.digest, old.mapping_version) != (
        new.fingerprint,
        new.digest,
        new.mapping_version,
    )


@asynccontextmanager
async def page_import(
    context: ImportContext, facts: ListFacts, failing: frozenset[str], *, anew: bool = False
) -> AsyncIterator[PageImport]:
    """The import of one list's pages, all of them in ClearView and logged when it ends.

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
        await pages.settle()
    finally:
        await pages.stand_still()


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
