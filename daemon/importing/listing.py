"""The walk of one list: from its cursor or completely, and the conclusions at its end."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.errors import CursorRefused
from connectors.values import Cursor, ListFacts, Page, Window
from daemon.core.poll_state import ListPosition, PollState
from daemon.importing.context import ImportContext, ShownList
from daemon.importing.drift import watch_fields
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.importing.page import PageImport, build_page_import
from daemon.importing.page_source import PageSlot, RequestedPage
from daemon.importing.prepared_page import PreparedPage
from models.times import EPOCH

RENEW_IDLE_CURSOR = timedelta(hours=1)


def window_of(state: PollState, facts: ListFacts, *, full: bool, overlap: timedelta) -> Window:
    """Returns the window of a walk: everything, or the changes since the list's cursor."""
    cursor = state.cursors.get(facts.name)
    if full or not facts.incremental or cursor is None:
        return Window()
    return Window(cursor, overlap)


async def import_list(context: ImportContext, facts: ListFacts, lookups: str) -> None:
    """Walks one list to its end. `lookups` is a digest of the lists that its mapping reads.

    A refused position restarts the window, and a refused cursor makes it a complete walk.

    Raises:
        CursorRefused: the ATS refuses a complete walk from the first page.
    """
    while True:
        walk = await _begin(context, facts, lookups)
        pages = build_page_import(
            context, facts, walk, walk.failing, remap_all=walk.remap_all, shown=walk.seen
        )
        try:
            await pages.run()
        except CursorRefused:
            at = walk.at
            if at.position is None and walk.window.is_full:
                raise
            context.walk.restart(facts.name, full=at.full or at.position is None)
        else:
            await walk.finish(pages)
            return


async def _begin(context: ImportContext, facts: ListFacts, lookups: str) -> "ListWalk":
    name, state = facts.name, context.state
    at = context.walk.positions[name]
    window = window_of(state, facts, full=at.full, overlap=context.rules.overlap)
    swept = context.walk.sweep and facts.read_again_in_sweeps
    return ListWalk(
        context,
        facts,
        lookups,
        window,
        failing=await context.ports.failed.all_ids(name),
        began_empty=window.is_full and not await context.ports.snapshots.has_any(name),
        remap_all=window.is_full and (swept or state.needs_remapping(name, lookups)),
    )


@dataclass(slots=True, eq=False)
class ListWalk:
    """One walk of one list, as the source of its pages."""

    context: ImportContext
    facts: ListFacts
    lookups: str
    window: Window
    failing: frozenset[str]
    began_empty: bool
    remap_all: bool
    """Unchanged records are mapped, too."""
    seen: HashedIdSet = field(default_factory=HashedIdSet)
    """External ids that the walk has shown so far."""
    _records: int = 0
    _last: Page | None = None
    _was_resumed: bool = field(init=False)
    _pages: AsyncIterator[Page] = field(init=False)
    _arrivals: deque[datetime] = field(init=False)

    def __post_init__(self) -> None:
        context, name = self.context, self.facts.name
        self._was_resumed = name in context.walk.resumed_lists
        self._pages = context.connector.pages(name, self.window, position=self.at.position)
        now = context.ports.clock.now()
        # The connector reads ahead: it requests a page when the one before the last has arrived.
        self._arrivals = deque([now, now], maxlen=2)

    @property
    def at(self) -> ListPosition:
        """The stored position of the walk."""
        return self.context.walk.positions[self.facts.name]

    @property
    def has_failed_before(self) -> bool:
        """True if two runs have failed at the page that is to be written next."""
        return self.at.has_failed_before

    async def fetch(self, slot: PageSlot) -> RequestedPage | None:
        """Returns the next page; None after the last one."""
        page = await slot.lend_while(_next_of(self._pages))
        if page is None:
            return None
        if page.last:
            await _next_of(self._pages)
        asked_at = self._arrivals[0]
        if not page.is_continued:
            self._arrivals.append(self.context.ports.clock.now())
        return RequestedPage(page, asked_at)

    def note_compared(self, prepared: PreparedPage) -> None:
        """Counts the page's records as shown, and reports the progress."""
        self._records += prepared.seen
        self.seen.add_all(prepared.external_ids)
        self.seen.add_all(f.external_id for f in prepared.page.failed if f.external_id)
        self.context.request.progress(
            self.facts.name, self.context.run, prepared.page.expected_total
        )

    def note_written(self, page: Page) -> None:
        """Moves the position after the page, once all its parts are written."""
        self._last = page
        if not (page.last or page.is_continued):
            self.context.walk.move(self.facts.name, page.position)

    async def finish(self, pages: PageImport) -> None:
        """Stores what the walk proves: the cursor, the mapping, and the records it has shown."""
        context, name, last = self.context, self.facts.name, self._last
        await watch_fields(context, self.facts, pages.filled, pages.mapped)
        if last is not None and last.partial:
            return
        # A record without a usable id may be any of those that seem to be missing.
        if last is not None and self._proves_absence(last) and not context.unidentified[name]:
            context.shown[name] = ShownList(self.seen, self.began_empty)
        if last is not None and last.next_cursor is not None and await self._may_move_on():
            self._move_cursor(last.next_cursor)
        if self.window.is_full:
            await self._clear_hidden()
            self._note_mapping(pages.unread)
            if context.walk.sweep and self.facts.detail and self.facts.detail.swept:
                await context.ports.details.sweep(name, context.ports.clock.now())

    def _proves_absence(self, last: Page) -> bool:
        is_whole = self.window.is_full and not self._was_resumed
        return is_whole and self.facts.complete_listing_proves_absence and last.complete

    async def _clear_hidden(self) -> None:
        """Removes what `privacy` keeps out from what was stored before it did, after a change of the rules.

        The position is stored later: after a kill the next run does it again.
        """
        facts, ports = self.facts, self.context.ports
        mapped_by = self.context.state.mappings.get(facts.name)
        if mapped_by != facts.mapping_version and (mapped_by is not None or facts.hidden):
            await ports.history.clear(facts.hidden, facts.hides_custom)
            await ports.snapshots.drop_previous(facts.name)

    def _note_mapping(self, unread: int) -> None:
        """Takes that a complete walk mapped the records by the present rules and lookup lists."""
        state, name = self.context.state, self.facts.name
        maps_all = self.remap_all or state.mappings.get(name) != self.facts.mapping_version
        state.mappings[name] = self.facts.mapping_version
        if self._was_resumed:
            return
        state.lookups[name] = self.lookups
        if maps_all:
            state.unread_of(name).all_mapped(unread)

    def _move_cursor(self, cursor: Cursor) -> None:
        """Stores the cursor; rarely while idle, since an ATS may return another token each time."""
        state, name, now = self.context.state, self.facts.name, self.context.ports.clock.now()
        fresh = now - state.cursors_at.get(name, EPOCH) < RENEW_IDLE_CURSOR
        if self._records == 0 and name in state.cursors and fresh:
            return
        if state.cursors.get(name) != cursor:
            state.cursors[name], state.cursors_at[name] = cursor, now

    async def _may_move_on(self) -> bool:
        """A record that failed and cannot be read by id must stay inside the next window."""
        if self.facts.reads_by_id:
            return True
        return not await self.context.ports.failed.all_ids(self.facts.name)


async def _next_of(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)
