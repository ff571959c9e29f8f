"""Walking one list: fetch ahead, import page by page, end with what the walk proves."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.connector import Cursor, ListFacts, Page, Window
from connectors.errors import CursorRefused
from daemon.core.poll_state import ListPosition, PollState
from daemon.importing.change_detection import PreparedPage
from daemon.importing.context import ImportContext, ShownList
from daemon.importing.drift import watch_fields
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.importing.page import PageImport, page_import
from daemon.importing.prefetch import prefetched
from models.times import EPOCH

RENEW_IDLE_CURSOR = timedelta(hours=1)
SLOT_PATIENCE_S = 2.0


def window_of(state: PollState, facts: ListFacts, *, full: bool, overlap: timedelta) -> Window:
    """What a walk of the list covers: everything, or what changed since its cursor."""
    cursor = state.cursors.get(facts.name)
    if full or not facts.incremental or cursor is None:
        return Window()
    return Window(cursor, overlap)


class ListImport:
    """Imports one list of one integration once."""

    def __init__(self, context: ImportContext, facts: ListFacts, lookups: str) -> None:
        self._context = context
        self._lookups = lookups
        self._walk = context.walk
        self._facts = facts
        self._began_empty = False
        self._may_prove_absence = False
        self._maps_all = False
        """The walk maps every record that it is shown, changed or not."""
        self._records = 0
        self._seen = HashedIdSet()
        """What the walk has shown so far."""
        self._slots_taken = 0
        """How much of the room for pages is taken."""

    async def run(self) -> None:
        """Walk the list; what the ATS refuses to continue is begun again, completely if need be."""
        while True:
            window = self._window()
            try:
                await self._walk_pages(window)
            except CursorRefused:
                if not self._fall_back(window):
                    raise
                continue
            return

    @property
    def _at(self) -> ListPosition:
        return self._walk.positions[self._facts.name]

    def _window(self) -> Window:
        overlap = self._context.rules.overlap
        return window_of(self._context.state, self._facts, full=self._at.full, overlap=overlap)

    def _remap_all(self, window: Window) -> bool:
        """Whether records are mapped although they are as they were: a complete walk can."""
        changed = self._context.state.needs_remapping(self._facts.name, self._lookups)
        swept = self._walk.sweep and self._facts.read_again_in_sweeps
        return window.is_full and (changed or swept)

    def _fall_back(self, window: Window) -> bool:
        """A refused position restarts the window; a refused cursor makes it a complete walk."""
        if self._at.position is None and window.is_full:
            return False
        full = self._at.full or self._at.position is None
        self._walk.restart(self._facts.name, full=full)
        return True

    async def _walk_pages(self, window: Window) -> None:
        context, name = self._context, self._facts.name
        failing = await context.ports.failed.all_ids(name)
        self._began_empty = window.is_full and not await context.ports.snapshots.has_any(name)
        self._may_prove_absence = (
            window.is_full
            and name not in self._walk.resumed_lists
            and self._facts.complete_listing_proves_absence
        )
        remap_all = self._remap_all(window)
        self._maps_all = (
            remap_all or context.state.mappings.get(name) != self._facts.mapping_version
        )
        self._seen = HashedIdSet()
        last: Page | None = None
        try:
            async with (
                page_import(
                    context, self._facts, failing, remap_all=remap_all, shown=self._seen
                ) as pages,
                aclosing(prefetched(self._prepared_pages(pages, window))) as ready,
            ):
                async for prepared in ready:
                    context.require_lease()
                    writing = self._commit(pages, prepared)
                    await _to_its_end(writing, name=f"write page of {name}")
                    last = prepared.page
                    del prepared
        finally:
            while self._slots_taken:
                self._release_slot()
        await self._finish(pages, last, window)

    async def _arrival(self, pages: AsyncIterator[Page]) -> Page | None:
        """The next page, which has a place from before it is asked for; None after the last one.

        An ATS that lets us wait keeps no one else from the room: the place is left meanwhile.
        """
        await self._acquire_slot()
        coming = asyncio.ensure_future(_next_of(pages))
        try:
            if not (await asyncio.wait({coming}, timeout=SLOT_PATIENCE_S))[0]:
                self._release_slot()
                await asyncio.wait({coming})
                await self._acquire_slot()
            page = await coming
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.wait({coming})
        if page is None:
            self._release_slot()
        return page

    async def _acquire_slot(self) -> None:
        await self._context.ports.page_slots.acquire()
        self._slots_taken += 1

    def _release_slot(self) -> None:
        self._slots_taken -= 1
        self._context.ports.page_slots.release()

    async def _prepared_pages(
        self, pages: PageImport, window: Window
    ) -> AsyncGenerator["_Prepared", None]:
        context, name = self._context, self._facts.name
        # A page is read ahead: it was asked for when the one before the last had arrived, or later.
        arrivals = deque([context.ports.clock.now()] * 2, maxlen=2)
        pages_of_list = context.connector.pages(name, window, position=self._at.position)
        ended = False
        while not ended and (page := await self._arrival(pages_of_list)) is not None:
            prepared, ended = await pages.prepare(page), page.last
            ready = _Prepared(replace(page, records=()), prepared, arrivals[0])
            # Whoever waits for a place must not keep the page that comes before.
            del page, prepared
            yield ready
            del ready
            arrivals.append(context.ports.clock.now())
        if ended:
            await _next_of(pages_of_list)

    async def _commit(self, pages: PageImport, ready: "_Prepared") -> None:
        page, prepared = ready.page, ready.prepared
        commit = pages.commit_each if self._at.is_doubtful else pages.commit
        await commit(
            prepared,
            asked_at=ready.asked_at,
            written=lambda: self._moved(page),
            done=self._release_slot,
        )
        self._records += prepared.seen
        self._seen.add_all(prepared.external_ids)
        self._seen.add_all(failed.external_id for failed in page.failed if failed.external_id)
        self._context.request.progress.page_done(
            list_name=self._facts.name,
            run=self._context.run,
            expected_total=page.expected_total,
        )

    def _moved(self, page: Page) -> None:
        if not page.last:
            self._walk.move(self._facts.name, page.position)

    async def _finish(self, pages: PageImport, last: Page | None, window: Window) -> None:
        context, name = self._context, self._facts.name
        await watch_fields(context, self._facts, pages.filled, pages.mapped)
        if last is not None and last.partial:
            return
        is_complete = self._may_prove_absence and last is not None and last.complete
        if is_complete and not context.unidentified[name]:
            # A record without a usable id may be any of those that seem to be missing.
            context.shown[name] = ShownList(self._seen, self._began_empty)
        if last is not None and last.next_cursor is not None and await self._may_move_on():
            self._move_cursor(last.next_cursor)
        if window.is_full:
            context.state.mappings[name] = self._facts.mapping_version
            if name not in self._walk.resumed_lists:
                context.state.lookups[name] = self._lookups
                if self._maps_all:
                    self._all_were_mapped(pages.unread)

    def _all_were_mapped(self, unread: int) -> None:
        state, name = self._context.state, self._facts.name
        fields = state.unread_of(name)
        fields.all_mapped(unread)
        state.keep_unread(name, fields)

    def _move_cursor(self, cursor: Cursor) -> None:
        """An ATS may hand out another token at each call: it is renewed rarely while idle."""
        state, name, now = self._context.state, self._facts.name, self._context.ports.clock.now()
        fresh = now - state.cursors_at.get(name, EPOCH) < RENEW_IDLE_CURSOR
        if self._records == 0 and name in state.cursors and fresh:
            return
        if state.cursors.get(name) != cursor:
            state.cursors[name], state.cursors_at[name] = cursor, now

    async def _may_move_on(self) -> bool:
        """A record that failed and cannot be read by id must stay inside the next window."""
        if self._facts.reads_by_id:
            return True
        return not await self._context.ports.failed.all_ids(self._facts.name)


async def _next_of(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)


class _Prepared(msgspec.Struct, frozen=True):
    """A page ready to be written; its raw records are gone."""

    page: Page
    prepared: PreparedPage
    asked_at: datetime


async def _to_its_end(work: Coroutine[Any, Any, None], *, name: str) -> None:
    """Let a page that is being written finish, whatever happens meanwhile."""
    writing = asyncio.create_task(work, name=name)
    try:
        await asyncio.shield(writing)
    finally:
        if not writing.done():
            with suppress(Exception):
                await asyncio.shield(writing)
