"""The path of a page through an import, stage by stage.

read      fetch the page, identify its records, detect what changed, map that
ready     wait for the page before
announce  leave out erased people; name the records in the checkpoint
write     compare with the snapshots, plan, write the snapshots
apply     write ClearView
log       write the log, and take the page out of the checkpoint

The order makes a kill harmless at any point: each snapshot is stored together with the one that it
replaces, so that the next run finishes a page from the snapshots alone
(`daemon.importing.recovery`). Pages overlap, one in each stage; the checkpoint names all announced
pages that are not logged yet. Pages that share a record or a candidate wait for each other.
"""

from collections import Counter, deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from connectors.errors import AtsError
from connectors.values import ListFacts, Page, RawRecord
from daemon.core.import_plan import RecordPlan
from daemon.core.leases import LeaseLost
from daemon.core.lost_push import without_lost_pushes
from daemon.core.poll_state import PageInFlight
from daemon.core.record_change import RecordChange, ignore_stale_status
from daemon.core.service_errors import ServiceFailed
from daemon.importing.anonymised import erase_anonymised
from daemon.importing.apply import apply_plans, log_plans, plan_changes
from daemon.importing.change_detection import ChangeDetector
from daemon.importing.comparison import RecordComparison
from daemon.importing.context import ImportContext, peers_of
from daemon.importing.erased import leave_out_erased, remove_erased
from daemon.importing.failures import note_failures, note_unidentified, set_aside, unexpected
from daemon.importing.own_values import compare_values
from daemon.importing.page_source import ImportSource, OnePage, PageSlot
from daemon.importing.pipeline import Passage, Pipeline
from daemon.importing.prepared_page import PreparedPage

STAGES = ("read", "ready", "announce", "write", "apply", "log")
CANCELLABLE = ("read", "ready")
"""Stages that leave no trace: a page in them is dropped when the run ends early."""
_STAGES_AFTER_ANNOUNCE = len(STAGES) - 1 - STAGES.index("announce")
"""The number of pages that may be beyond their announcement at the same time."""
SAVE_EVERY_S = 10.0
"""The interval at which the position is saved while pages are unchanged."""


@dataclass(slots=True)
class PageImport:
    """Imports the pages of one list."""

    context: ImportContext
    facts: ListFacts
    source: ImportSource
    detector: ChangeDetector
    comparison: RecordComparison
    filled: Counter[str] = field(default_factory=Counter)
    mapped: int = 0
    unread: int = 0
    """Records with a field that could not be read."""
    _ended: bool = False
    _announced: deque[frozenset[str]] = field(
        default_factory=lambda: deque(maxlen=_STAGES_AFTER_ANNOUNCE)
    )
    """Records and candidates of the latest announced pages."""

    async def run(self) -> None:
        """Imports every page; all of them are in ClearView and logged when it returns.

        Raises:
            Exception: the error of the first page that failed, after the pages before it.
        """
        await Pipeline(STAGES, interruptible=CANCELLABLE).run(
            self._import_page, ended=lambda: self._ended
        )

    async def _import_page(self, passage: Passage) -> None:
        """Takes one page from the ATS to ClearView and the logs."""
        async with PageSlot(self.context.ports.page_slots) as slot:
            fetched = await self.source.fetch(slot)
            self._ended = fetched is None or fetched.page.last
            if fetched is None:
                return
            page, asked_at = fetched.page, fetched.asked_at
            identified = await self.detector.identify(page.records)
            detected = await self.detector.detect(identified)
            prepared = await self.detector.map(page, detected)
            del fetched, page, identified, detected  # the raw records
            await passage.enter("ready")  # the page after may be read from here on
            await passage.enter("announce")
            self.context.require_lease()
            prepared = await leave_out_erased(self.context, self.facts.name, prepared)
            prepared = await erase_anonymised(self.context, self.facts, prepared)
            if self.source.has_failed_before:
                await passage.wait_for_pages_before()
                await self._import_record_by_record(prepared, asked_at)
                return
            announced = await self._announce(prepared, passage)
            await passage.enter("write")
            changes = await self._compare_and_mark_seen(prepared, asked_at)
            self.source.note_compared(prepared)
            plans = await self._plan(changes)
            stored = await self._write_snapshots(announced, plans)
            self.source.note_written(prepared.page)
            await passage.enter("apply")
            applied = await self._apply(announced, stored)
            await self._forget_failures(prepared, plans, applied)
            await passage.enter("log")
        await self._log(announced, applied, prepared)

    async def _import_record_by_record(self, prepared: PreparedPage, asked_at: datetime) -> None:
        """Writes a page that has failed before record by record: one that fails is set aside.

        Raises:
            AtsError, ServiceFailed, LeaseLost: an error that no record is to blame for.
        """
        for part in prepared.split():
            await self._import_record(part, asked_at)
        self.source.note_compared(prepared)
        self.source.note_written(prepared.page)

    async def _import_record(self, part: PreparedPage, asked_at: datetime) -> None:
        """Takes one record through the same steps, from its announcement on."""
        announced = await self._announce(part, None)
        try:
            plans = await self._plan(await self._compare_and_mark_seen(part, asked_at))
            stored = await self._write_snapshots(announced, plans)
            applied = await self._apply(announced, stored)
            await self._forget_failures(part, plans, applied)
            await self._log(announced, applied, part)
        except (AtsError, ServiceFailed, LeaseLost):
            raise
        except Exception as error:
            if not announced.external_ids:
                raise  # this part writes no record, so that there is none to set aside
            await set_aside(self.context, announced, unexpected(error))
            self.context.state.applying.remove(announced)

    async def _announce(self, prepared: PreparedPage, passage: Passage | None) -> PageInFlight:
        """Lets the checkpoint name the records before any of them is written.

        `passage` is None where no other page is in progress beside this one.
        """
        context, name = self.context, self.facts.name
        await note_failures(context, name, prepared.failures)
        note_unidentified(context, name, prepared.unidentified)
        context.state.unread_of(name).note(prepared.unread)
        touched = prepared.touched_ids()
        if passage is not None and any(touched & earlier for earlier in self._announced):
            # ClearView and the log get what the snapshots hold, which are about to change.
            await passage.wait_for_pages_before()
        self._announced.append(touched)
        ids = tuple(mapped.external_id for mapped, _ in prepared.changed)
        page = PageInFlight(name, ids, uuid4())
        if ids:
            context.state.applying.append(page)
        if ids or (context.ports.clock.now() - context.saved_at).total_seconds() > SAVE_EVERY_S:
            await context.save()
        return page

    async def _compare_and_mark_seen(
        self, prepared: PreparedPage, asked_at: datetime
    ) -> list[RecordChange]:
        """Returns the changes of the page; counts what is unchanged, and stores that it was seen."""
        self._count_seen(prepared)
        compared = await self.comparison.compare(prepared)
        current = await compare_values(self.context, prepared.changed, compared, asked_at)
        changes = [without_lost_pushes(ignore_stale_status(change, asked_at)) for change in current]
        empty = [change for change in changes if change.is_empty]
        snapshots = self.context.ports.snapshots
        await snapshots.refresh(self.facts.name, [c.after for c in empty if c.has_new_digest])
        await snapshots.mark_seen(self.facts.name, prepared.found_again)
        # Versions older than one that this listing has shown already are not compared.
        outdated = len(prepared.changed) - len(compared)
        self.context.run.counts.unchanged += len(empty) + outdated
        return [change for change in changes if not change.is_empty]

    def _count_seen(self, prepared: PreparedPage) -> None:
        counts = self.context.run.counts
        if not (prepared.is_rest or prepared.page.is_continued):
            counts.pages += 1
        counts.seen += prepared.seen
        counts.unmapped += prepared.unmapped
        counts.unchanged += prepared.unchanged
        for names, records in prepared.filled.items():
            self.filled.update(dict.fromkeys(names, records))  # a Counter adds
        self.mapped += len(prepared.changed)
        self.context.mapped += len(prepared.changed)
        self.unread += sum(bool(fields) for fields in prepared.unread.values())

    async def _plan(self, changes: Sequence[RecordChange]) -> list[RecordPlan]:
        context = self.context
        return await plan_changes(context.ports.clearview, context.rules.conflicts, changes)

    async def _write_snapshots(
        self, announced: PageInFlight, plans: Sequence[RecordPlan]
    ) -> list[RecordPlan]:
        """Returns the plans whose snapshots MongoDB took."""
        changes = [plan.change for plan in plans]
        if not changes:
            return []
        refused = await self.context.ports.snapshots.write(
            self.facts.name,
            [c.stamped(announced.import_id) for c in changes if c.before is None],
            [c.stamped(announced.import_id) for c in changes if c.before is not None],
        )
        await note_failures(self.context, self.facts.name, refused)
        return [p for p in plans if p.change.external_id not in refused]

    async def _apply(
        self, announced: PageInFlight, plans: Sequence[RecordPlan]
    ) -> list[RecordPlan]:
        """Returns the plans that ClearView took."""
        name = self.facts.name
        applied = await apply_plans(self.context, name, plans, announced.import_id)
        self.context.note_changed(
            name, [p.change.external_id for p in applied if p.log is not None]
        )
        return applied

    async def _forget_failures(
        self, prepared: PreparedPage, plans: Sequence[RecordPlan], applied: Sequence[RecordPlan]
    ) -> None:
        """Drops records from `failed_records` that are well again."""
        if prepared.recovered:
            refused = {p.change.external_id for p in plans}
            refused -= {p.change.external_id for p in applied}
            recovered = [e for e in prepared.recovered if e not in refused]
            await self.context.ports.failed.remove(self.facts.name, recovered)

    async def _log(
        self, announced: PageInFlight, plans: Sequence[RecordPlan], prepared: PreparedPage
    ) -> None:
        await log_plans(self.context, plans)
        if announced.external_ids:
            records = (mapped for mapped, _ in prepared.changed)
            version = prepared.erased_version
            await remove_erased(self.context, self.facts.name, records, checked_at=version)
            self.context.state.applying.remove(announced)


def build_page_import(
    context: ImportContext,
    facts: ListFacts,
    source: ImportSource,
    failing: frozenset[str],
    *,
    remap_all: bool = False,
    shown: Container[str] = (),
) -> PageImport:
    """Returns the import of one list's pages.

    `failing` are the records that failed before; with `remap_all` unchanged records are mapped,
    too. The caller adds the external ids of each compared page to `shown`.
    """
    detector = ChangeDetector(
        facts=facts,
        connector=context.connector,
        snapshots=context.ports.snapshots,
        failing=failing,
        remap_all=remap_all,
        unmapped_stages=context.unmapped_stages,
    )
    comparison = RecordComparison(
        facts=facts,
        snapshots=context.ports.snapshots,
        clock=context.ports.clock,
        own_field=context.rules.own_field,
        peers=peers_of(context.connector, facts),
        walk_began_at=context.walk.began_at,
        shown=shown,
    )
    return PageImport(context, facts, source, detector, comparison)


async def import_records(
    context: ImportContext,
    facts: ListFacts,
    records: Sequence[RawRecord],
    *,
    asked_at: datetime,
    failing: frozenset[str] = frozenset(),
) -> None:
    """Imports records that were read by id. `asked_at` is a moment before they were requested."""
    page = Page(records=records, position=None, last=True)
    await build_page_import(context, facts, OnePage(page, asked_at), failing).run()
