"""The preview of a poll: it reads and decides as an import does, and writes nothing."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from connectors.connector import Connector
from connectors.errors import CursorRefused
from connectors.values import ListFacts, Page, Position, Window
from daemon.core.deletion_guard import judge_deletions
from daemon.core.lost_push import without_lost_pushes
from daemon.core.poll_state import ListingPass, PollState, state_from
from daemon.core.preview import PreviewCounts, PreviewedChange, previewed
from daemon.core.record_change import RecordChange
from daemon.core.runs import no_progress
from daemon.importing.apply import plan_changes
from daemon.importing.change_detection import ChangeDetector
from daemon.importing.comparison import RecordComparison
from daemon.importing.context import ImportPorts, ImportRules, peers_of
from daemon.importing.deletions import ask_for_missing, find_missing
from daemon.importing.erased import erased_records, erased_test, without_records
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.importing.listing import window_of
from daemon.importing.recovery import changes_left, leave_out_taken
from models.ids import integration_id

Progress = Callable[[str, PreviewCounts, int | None], None]
"""Called after each page: the list, the counts so far, the expected number of records."""


@dataclass(slots=True)
class Preview:
    """The preview of one integration's next poll."""

    connector: Connector
    ports: ImportPorts
    rules: ImportRules
    sweep: bool = False
    progress: Progress = no_progress
    counts: PreviewCounts = field(default_factory=PreviewCounts)
    _created: HashedIdSet = field(default_factory=HashedIdSet)
    _looked_at: HashedIdSet = field(default_factory=HashedIdSet)
    _shown: dict[str, HashedIdSet] = field(default_factory=dict)
    """By list: what a complete listing has shown."""

    async def changes(self) -> AsyncIterator[PreviewedChange]:
        """Yields every change as it is found; `counts` is complete at the end.

        Raises:
            AtsError: the ATS could not be read to the end.
        """
        await self.ports.erased.refresh()
        key = f"poll:{self.connector.integration}"
        state = state_from(await self.ports.checkpoints.load(key))
        async for item in self._half_written(state):
            yield self.counts.note(item)
        now = self.ports.clock.now()
        sweep = self.sweep or state.sweep_is_due(now, self.rules.sweep_every)
        walk = state.resume_or_begin(sweep=sweep, now=now, fresh=uuid4())
        for facts in self.connector.lists:
            if facts.name in walk.done:
                continue
            async for item in self._list(facts, state, walk):
                yield self.counts.note(item)
        for facts in self.connector.lists:
            for item in await self._absent(facts):
                yield self.counts.note(item)
        async for item in self._retries():
            yield self.counts.note(item)

    async def _half_written(self, state: PollState) -> AsyncIterator[PreviewedChange]:
        """Yields the changes that an interrupted import would finish first."""
        for applying in state.applying:
            changes = await changes_left(self.ports.snapshots, applying)
            for item in await self._previews(applying.list_name, changes, applying.import_id):
                yield item

    async def _list(
        self, facts: ListFacts, state: PollState, walk: ListingPass
    ) -> AsyncIterator[PreviewedChange]:
        full = walk.sweep or state.needs_full(facts.name, facts.mapping_version)
        walk.begin(facts.name, full=full)
        lookups = await self.connector.prepare_mapping(facts.name)
        at = walk.positions[facts.name]
        window = window_of(state, facts, full=at.full, overlap=self.rules.overlap)
        swept = walk.sweep and facts.read_again_in_sweeps
        changed = state.needs_remapping(facts.name, lookups)
        remap_all = window.is_full and (changed or swept)
        failing = await self.ports.failed.all_ids(facts.name)
        preview = self._preview_of(facts, failing, remap_all=remap_all)
        async for page in self._pages(facts, window, at.position, preview):
            for item in await self._page(preview, page):
                yield item
        if (
            preview.proves_absence
            and not preview.is_doubtful
            and facts.complete_listing_proves_absence
        ):
            self._shown[facts.name] = preview.seen

    def _preview_of(
        self, facts: ListFacts, failing: frozenset[str], *, remap_all: bool = False
    ) -> "_ListPreview":
        snapshots = self.ports.snapshots
        return _ListPreview(
            ChangeDetector(facts, self.connector, snapshots, failing, remap_all=remap_all),
            RecordComparison(
                facts,
                snapshots,
                self.ports.clock,
                own_field=self.rules.own_field,
                peers=peers_of(self.connector, facts),
            ),
        )

    async def _pages(
        self, facts: ListFacts, window: Window, position: Position | None, preview: "_ListPreview"
    ) -> AsyncIterator[Page]:
        """Walks as an import does: a refused position or cursor begins again."""
        try:
            async for page in self.connector.pages(facts.name, window, position=position):
                preview.proves_absence = page.last and page.complete and position is None
                yield page
        except CursorRefused:
            if position is None and window.is_full:
                raise
            preview.seen = HashedIdSet()
            again = window if position is not None else Window()
            async for page in self._pages(facts, again, None, preview):
                yield page

    async def _page(self, preview: "_ListPreview", page: Page) -> list[PreviewedChange]:
        detector = preview.detector
        name = detector.facts.name
        detected = await detector.detect(await detector.identify(page.records))
        prepared = await detector.map(page, detected)
        if not self.ports.erased.is_empty:
            scope = integration_id(self.connector.integration)
            is_erased = erased_test(self.ports.erased, scope, name)
            prepared = without_records(prepared, erased_records(is_erased, prepared))
        for record in page.records:
            preview.seen.add(record.external_id)
            self._looked_at.add(_key(name, record.external_id))
        for failure in page.failed:
            if failure.external_id:
                preview.seen.add(failure.external_id)
            else:
                preview.is_doubtful = True
        compared = await preview.comparison.compare(prepared)
        changes = [without_lost_pushes(change) for change in compared]
        shown = await self._previews(name, [c for c in changes if not c.is_empty])
        self.counts.pages += 1
        self.counts.seen += prepared.seen
        self.counts.unchanged += prepared.seen - len(shown) - len(prepared.failures)
        self.progress(name, self.counts, page.expected_total)
        failed = [
            PreviewedChange(name, external_id, None, "failed", reason=reason)
            for external_id, reason in prepared.failures.items()
        ]
        return [*failed, *shown]

    async def _previews(
        self, list_name: str, changes: Sequence[RecordChange], import_id: UUID | None = None
    ) -> list[PreviewedChange]:
        plans = await plan_changes(self.ports.clearview, self.rules.conflicts, changes)
        if import_id is not None:
            await leave_out_taken(self.ports.clearview, plans, import_id)
        items = []
        for plan in plans:
            owner = plan.change.candidate_external_id
            is_new = plan.new_candidate is not None and owner not in self._created
            item = previewed(plan, list_name, is_new=is_new)
            if is_new:
                self._created.add(owner)
            items += [] if item is None else [item]
        return items

    async def _absent(self, facts: ListFacts) -> list[PreviewedChange]:
        """Returns the deletions; if the deletion guard stops them, `counts` has its reason."""
        peers = peers_of(self.connector, facts)
        if not all(name in self._shown for name in (facts.name, *peers)):
            return []
        seen, elsewhere = self._shown[facts.name], [self._shown[peer] for peer in peers]
        missing = await find_missing(self.ports.snapshots, facts, seen, elsewhere=elsewhere)
        blocked = judge_deletions(
            known=missing.known,
            missing=len(missing),
            seen=len(seen),
            max_percent=self.rules.max_percent,
            accepted=False,
        )
        if blocked is not None:
            self.counts.brakes.append(f"{facts.name}: {blocked.reason}")
            return []
        if self.rules.deletions == "ignore" or not len(missing):
            return []
        gone, _ = await ask_for_missing(self.connector, facts, missing)
        return [PreviewedChange(facts.name, e, None, "deleted") for e in gone]

    async def _retries(self) -> AsyncIterator[PreviewedChange]:
        """Yields the changes of failed records that are due to be read by id."""
        for facts in self.connector.lists:
            if not facts.reads_by_id:
                continue
            due = await self.ports.failed.due(facts.name, self.ports.clock.now())
            ids = [e for e in due if _key(facts.name, e) not in self._looked_at]
            answers = await self.connector.fetch(facts.name, ids) if ids else {}
            records = [record for record in answers.values() if record is not None]
            if records:
                preview = self._preview_of(facts, frozenset(ids))
                page = Page(records=records, position=None, last=True)
                for item in await self._page(preview, page):
                    yield item


@dataclass(slots=True)
class _ListPreview:
    detector: ChangeDetector
    comparison: RecordComparison
    seen: HashedIdSet = field(default_factory=HashedIdSet)
    proves_absence: bool = False
    is_doubtful: bool = False
    """A record without a usable id was shown: it may be any that seems to be missing."""


def _key(list_name: str, external_id: str) -> str:
    return f"{list_name}/{external_id}"
