"""One page of records: find what changed, keep it, give it to ClearView, log it.

The order makes a kill harmless at any point. First the checkpoint says which records are about to
be written; then their snapshots are, each with what it replaced; only then ClearView and the logs.
Whoever comes next finishes the page from the snapshots alone (`daemon.importing.recovery`).

Each of these steps takes one page at a time, in their order, and the pages follow each other
closely: while one is logged, the next is given to ClearView, the snapshots of a third are written,
and a fourth is announced. The checkpoint names them all. Pages that share a record or a candidate
wait for each other.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from connectors.connector import ListFacts, Page
from connectors.errors import AtsError
from daemon.core.import_plan import RecordPlan
from daemon.core.leases import LeaseLost
from daemon.core.lost_push import keep_unless_made
from daemon.core.poll_state import PageInFlight
from daemon.core.record_change import RecordChange, ignore_stale_status
from daemon.core.service_errors import ServiceFailed
from daemon.core.snapshot import Snapshot
from daemon.importing.apply import deliver, log_plans, plan_changes
from daemon.importing.change_detection import ChangeDetector, PreparedPage
from daemon.importing.context import ImportContext
from daemon.importing.failures import (
    note_failures,
    note_unidentified,
    set_aside,
    unexpected,
)
from daemon.importing.own_values import compare_values
from daemon.importing.sequential_stage import SequentialStage

STEPS_BEHIND = 3
"""Writing, delivering, logging: so many pages may be under way when the next one comes."""


def _nothing() -> None:
    """No one waits to be told."""


@dataclass(slots=True)
class PageImport:
    """Imports the pages of one list, one after the other."""

    context: ImportContext
    facts: ListFacts
    reading: ChangeDetector
    filled: Counter[str] = field(default_factory=Counter)
    mapped: int = 0
    unread: int = 0
    """Records with a field that could not be read."""
    writing: SequentialStage = field(default_factory=lambda: SequentialStage("write snapshots"))
    delivering: SequentialStage = field(
        default_factory=lambda: SequentialStage("deliver to ClearView")
    )
    logging: SequentialStage = field(default_factory=lambda: SequentialStage("log"))
    under_way: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=STEPS_BEHIND))
    """What the pages in these three are about."""

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        return await self.reading.prepare(page)

    async def commit(
        self,
        prepared: PreparedPage,
        *,
        asked_at: datetime,
        written: Callable[[], None] = _nothing,
        done: Callable[[], None] = _nothing,
    ) -> None:
        """Begin to write the page, once the page before it is written.

        `asked_at` is a moment before the ATS was asked for the page. `written` is called when the
        page cannot be lost any more, `done` when nothing of it but its log is left.

        Raises:
            Exception: what an earlier page could not be written, delivered or logged for.
        """
        await note_failures(self.context, self.facts.name, prepared.failures)
        note_unidentified(self.context, self.facts.name, prepared.unidentified)
        self.context.state.note_mapped(self.facts.name, prepared.unread)
        self.unread += sum(bool(fields) for fields in prepared.unread.values())
        about = self._about(prepared)
        if not all(about.isdisjoint(other) for other in self.under_way):
            # ClearView and the log are told what the snapshots say, which are about to change.
            await self.join()
        page = await self._announce(prepared)
        await self.writing.join()
        self._count_seen(prepared)
        changes = await self._changes(prepared, asked_at)
        await self.context.ports.snapshots.mark_seen(self.facts.name, prepared.found_again)
        if not changes:
            await self._pass_over(page, prepared.recovered)
            written()
            done()
            return
        self.under_way.append(about)
        self.writing.begin(self._write(page, changes, prepared.recovered, written, done))

    async def commit_each(
        self,
        prepared: PreparedPage,
        *,
        asked_at: datetime,
        written: Callable[[], None],
        done: Callable[[], None],
    ) -> None:
        """Write a page that has failed before record by record: the one that fails is set aside.

        Raises:
            AtsError, ServiceFailed, LeaseLost: nothing that a record is to blame for.
        """
        try:
            for part in prepared.split():
                await self._commit_alone(part, asked_at)
            written()
        finally:
            done()

    async def _commit_alone(self, part: PreparedPage, asked_at: datetime) -> None:
        under_way = len(self.context.state.applying)
        try:
            await self.commit(part, asked_at=asked_at)
            await self.join()
        except (AtsError, ServiceFailed, LeaseLost):
            raise
        except Exception as error:
            await self.drain()
            announced = self.context.state.applying[under_way:]
            if not announced:
                raise
            for page in announced:
                await set_aside(self.context, page, unexpected(error))
            del self.context.state.applying[under_way:]

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

    async def _announce(self, prepared: PreparedPage) -> PageInFlight:
        """Let the checkpoint name the records before any of them is written."""
        ids = tuple(mapped.external_id for mapped, _ in prepared.changed)
        page = PageInFlight(self.facts.name, ids, uuid4())
        if ids:
            self.context.state.applying.append(page)
            await self.context.save()
        return page

    def _count_seen(self, prepared: PreparedPage) -> None:
        counts = self.context.run.counts
        counts.pages += not prepared.is_rest
        counts.seen += prepared.seen
        counts.unmapped += prepared.unmapped
        counts.unchanged += prepared.unchanged
        for names, records in prepared.filled.items():
            self.filled.update(dict.fromkeys(names, records))
        self.mapped += len(prepared.changed)
        self.context.mapped += len(prepared.changed)

    async def _changes(self, prepared: PreparedPage, asked_at: datetime) -> list[RecordChange]:
        """What the page changes; what it does not change is known again where it has to be."""
        compared = await self.reading.compare(prepared)
        fresh = await compare_values(self.context, prepared.changed, compared, asked_at)
        changes = [keep_unless_made(ignore_stale_status(change, asked_at)) for change in fresh]
        empty = [change for change in changes if change.is_empty]
        marked = [change.after for change in empty if _is_marked_anew(change)]
        await self.context.ports.snapshots.refresh(self.facts.name, marked)
        self.context.run.counts.unchanged += len(empty) + len(prepared.changed) - len(compared)
        return [change for change in changes if not change.is_empty] if empty else changes

    async def _pass_over(self, page: PageInFlight, recovered: Sequence[str]) -> None:
        """The page changes nothing."""
        if page.external_ids:
            self.context.state.applying.remove(page)
        await self.context.ports.failed.remove(self.facts.name, recovered)
        if self._checkpoint_is_old():
            await self.context.save()

    def _checkpoint_is_old(self) -> bool:
        context = self.context
        return (context.ports.clock.now() - context.saved_at).total_seconds() > 10

    async def _write(
        self,
        page: PageInFlight,
        changes: Sequence[RecordChange],
        recovered: Sequence[str],
        written: Callable[[], None],
        done: Callable[[], None],
    ) -> None:
        """Write the snapshots, then begin to give the page to ClearView."""
        context, name = self.context, self.facts.name
        plans = await plan_changes(context.ports.clearview, context.rules.conflicts, changes)
        unstored = await context.ports.snapshots.write(
            name,
            [_stamped(c, page.import_id) for c in changes if c.before is None],
            [_stamped(c, page.import_id) for c in changes if c.before is not None],
        )
        await note_failures(context, name, unstored)
        written()
        stored = [p for p in plans if p.change.external_id not in unstored]
        recovered = [e for e in recovered if e not in unstored]
        await self.delivering.join()
        self.delivering.begin(self._deliver(page, stored, recovered, done))

    async def _deliver(
        self,
        page: PageInFlight,
        plans: Sequence[RecordPlan],
        recovered: Sequence[str],
        done: Callable[[], None],
    ) -> None:
        """Give the page to ClearView, then begin to log it."""
        try:
            refused = await deliver(self.context, self.facts.name, plans, page.import_id)
            taken = [p for p in plans if p.change.external_id not in refused]
            self._count_taken(taken)
            await self.context.ports.failed.remove(
                self.facts.name, [e for e in recovered if e not in refused]
            )
            await self.logging.join()
            self.logging.begin(self._log(page, taken))
        finally:
            done()

    async def _log(self, page: PageInFlight, plans: Sequence[RecordPlan]) -> None:
        await log_plans(self.context, plans)
        self.context.state.applying.remove(page)

    async def join(self) -> None:
        """Return when ClearView has every page, and all of them are logged.

        Raises:
            Exception: what the last of them could not be written, delivered or logged for.
        """
        for lane in (self.writing, self.delivering, self.logging):
            await lane.join()
        self.under_way.clear()

    async def drain(self) -> None:
        """Return when nothing is written any more, however it ended."""
        for lane in (self.writing, self.delivering, self.logging):
            await lane.drain()

    def _count_taken(self, plans: Sequence[RecordPlan]) -> None:
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


@asynccontextmanager
async def page_import(
    context: ImportContext,
    facts: ListFacts,
    failing: frozenset[str],
    *,
    remap_all: bool = False,
    shown: Container[str] = (),
) -> AsyncIterator[PageImport]:
    """The import of one list's pages, all of them in ClearView and logged when it ends.

    `failing` are the records that failed before; with `again` equal records are mapped, too.
    `shown` grows with the external ids of the pages that were committed.
    """
    reading = ChangeDetector(
        facts=facts,
        connector=context.connector,
        snapshots=context.ports.snapshots,
        clock=context.ports.clock,
        failing=failing,
        remap_all=remap_all,
        own_field=context.rules.own_field,
        unmapped_stages=context.unmapped_stages,
        walk_began_at=context.walk.began_at,
        shown=shown,
        peers=context.peers_of(facts),
    )
    pages = PageImport(context, facts, reading)
    try:
        yield pages
        await pages.join()
    finally:
        await pages.drain()


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
