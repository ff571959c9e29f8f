"""One walk over a list: page after page, passing over what cannot be read where that is possible."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from connectors.errors import (
    OF_ONE_RECORD,
    AtsError,
    BrokenAnswer,
    CursorRefused,
    Forbidden,
    Misdirected,
    NotFound,
    Rejected,
    Unavailable,
    UnreadablePage,
)
from connectors.read.digests import whole_digest
from connectors.read.identify import IdentifiedRecords
from connectors.read.listing import AtsList
from connectors.read.listing_state import NOTHING, Counted, Fetched, HashedIds, ListingState
from connectors.read.page_cycles import PagesRead
from connectors.read.pagination import Inconclusive
from connectors.values import Page, Position, Window

_BAD = (*OF_ONE_RECORD, NotFound)
"""The errors of one page that leave others readable."""
_REFUSED = (Misdirected, NotFound, Rejected)
"""The errors of a resumed walk whose position leads nowhere any more."""
_PASSED_OVER_IN_A_ROW = 3
"""At most this many bad pages or scopes in a row are passed over; one more ends the walk with the error."""

PART = 2_000
"""Records of a page that are handed on together: all of a large page, mapped, would fill the memory."""


class _Reached(msgspec.Struct, frozen=True):
    """A page with the records that were rescued from bad pages before it, or how the walk ends."""

    state: ListingState
    fetched: Fetched
    """NOTHING where the walk ends with an error and no record was rescued."""
    error: AtsError | None = None


class PageIterator:
    """A walk from a window's first page, or from where an earlier one got."""

    def __init__(self, source: AtsList, window: Window, *, scopes: Sequence[str] | None) -> None:
        """`scopes` are those of the list that are left, sorted; None where it has none."""
        self._source = source
        self._window = window
        self._scopes = scopes
        self._bad = _BAD if scopes is None else (*_BAD, Forbidden)
        self._latest = NOTHING
        self._largest_page = 0
        self._distinct = HashedIds()
        self._saw_record_without_id = False
        self._pages_read = PagesRead(source.name)

    async def run(self, start: ListingState, *, resumed: bool) -> AsyncGenerator[Page, None]:
        """Every page from `start` on.

        Raises:
            CursorRefused: the walk was resumed where it cannot go on.
        """
        reached = await (self._resume(start) if resumed else self._reach(start))
        while True:
            identified = self._source.identify(reached.fetched.records)
            if reached.error is not None:
                if reached.fetched is not NOTHING:
                    rescued = Page(identified.records, None, last=False, failed=identified.failed)
                    for part in parts_of(rescued):
                        yield part
                raise reached.error
            page, following = self._page(reached, identified)
            if following is None:
                for part in parts_of(page):
                    yield part
                return
            ahead = asyncio.create_task(self._reach(following), name=f"page of {self._source.name}")
            try:
                for part in parts_of(page):
                    yield part
                reached = await ahead
            finally:
                ahead.cancel()
                await asyncio.wait([ahead])

    # What a page means

    def _page(
        self, reached: _Reached, identified: IdentifiedRecords
    ) -> tuple[Page, ListingState | None]:
        state, fetched = reached.state, reached.fetched
        self._saw_record_without_id |= any(
            failed.external_id is None for failed in identified.failed
        )
        ids = [record.external_id for record in identified.records]
        if fetched.following is not None:
            marks = ids or [whole_digest(raw).hex() for raw in fetched.records]
            self._pages_read.note(state.page_key, marks, scope=state.scope)
        if fetched.total is not None or state.counted.total is not None:
            self._distinct.add(ids)
        after = self._source.after(state, fetched, identified)
        following = self._next_state(after, fetched)
        if following is not None:
            return self._source.page(state, following, fetched, identified), following
        last = self._source.last_page(self._window, after, fetched, identified)
        return replace(last, complete=last.complete and not self._saw_record_without_id), None

    def _next_state(self, after: ListingState, fetched: Fetched) -> ListingState | None:
        """The next page, or the next scope's first one."""
        if fetched.following is not None:
            return replace(after, page_key=fetched.following)
        return None if after.ended else self._next_scope(after)

    def _next_scope(self, state: ListingState) -> ListingState | None:
        later = [each for each in self._scopes or () if each > (state.scope or "")]
        if not later:
            return None
        self._distinct.clear()
        return replace(state, page_key={}, scope=later[0], counted=Counted())

    def _check(self, state: ListingState, fetched: Fetched) -> None:
        """Refuses a page that contradicts those before it."""
        same = len(fetched.records) > 1 and list(fetched.records) == list(self._latest.records)
        if same and self._source.is_numbered:
            raise Inconclusive("is the same page as the one before it")
        if fetched.following is not None or state.partial:
            return
        counted = state.counted.page(len(fetched.records), fetched.total)
        if counted.least is None or fetched.nothing:
            return
        identified = self._source.identify(fetched.records)
        ids = [record.external_id for record in identified.records]
        shown = counted.shown - self._distinct.repeats(ids)
        if shown < counted.least:
            raise Inconclusive(
                f"is said to be the last, but only {shown} of {counted.least} records were shown"
            )

    # Reading on

    async def _resume(self, start: ListingState) -> _Reached:
        try:
            return await self._reach(start, refused=_REFUSED)
        except _REFUSED as error:
            answered = f"answered {error.status}" if error.status else "it leads elsewhere"
            raise CursorRefused(
                f"{self._source.name}: the stored page position cannot be followed ({answered}); "
                "the window begins again",
                status=error.status,
                operation=self._source.name,
            ) from None

    async def _reach(
        self, state: ListingState, *, refused: tuple[type[AtsError], ...] = ()
    ) -> _Reached:
        """The page there, or the next one that can be read, with what was rescued of the others.

        An error in `refused` is raised at once.
        """
        rescued: list[bytes | memoryview] = []
        has_rescued = False
        first: AtsError | None = None
        for bad in range(_PASSED_OVER_IN_A_ROW + 1):
            fetched = NOTHING
            try:
                fetched = await self._fetch(state)
            except refused:
                raise
            except self._bad as caught:
                error: AtsError = caught
            else:
                if fetched.doubt is None:
                    return self._arrived(state, fetched, rescued)
                rescued += fetched.records
                has_rescued = True
                error = fetched.doubt
            first = first or error
            following = self._after_bad_page(state)
            is_outage = fetched.doubt is None and not await self._is_answering(
                error, state, following
            )
            if is_outage:
                break
            if following is None or bad == _PASSED_OVER_IN_A_ROW:
                first = self._unreadable(first)
                break
            self._note(state, error)
            state = following
        return _Reached(state, Fetched(records=rescued) if has_rescued else NOTHING, first)

    async def _fetch(self, state: ListingState) -> Fetched:
        if state.ended:
            return NOTHING
        return await self._source.fetch_page(
            self._window, state, lambda fetched: self._check(state, fetched)
        )

    def _arrived(
        self, state: ListingState, fetched: Fetched, rescued: Sequence[bytes | memoryview]
    ) -> _Reached:
        self._latest = fetched
        self._largest_page = max(self._largest_page, len(fetched.records))
        return _Reached(
            state, replace(fetched, records=[*rescued, *fetched.records]) if rescued else fetched
        )

    def _after_bad_page(self, state: ListingState) -> ListingState | None:
        """The state after a bad page or scope; None where nothing can be passed over."""
        if state.ended:
            return None
        if self._scopes is not None:
            return replace(self._next_scope(state) or replace(state, ended=True), partial=True)
        return self._source.passed_over(state, self._latest, self._largest_page)

    async def _is_answering(
        self, error: AtsError, bad_state: ListingState, following: ListingState | None
    ) -> bool:
        """True if the page is bad, and not the ATS away: it answers another request.

        A scroll is not asked about: its other pages cannot be requested.
        """
        if not isinstance(error, Unavailable | BrokenAnswer):
            return True
        if self._source.scrolls:
            return False
        first = ListingState(scope=self._scopes[0] if self._scopes else None)
        for state in (following, first):
            if state is None or state.ended or state.where == bad_state.where:
                continue
            try:
                # Any page will do: only that the ATS answers counts.
                await self._source.fetch_page(self._window, state, lambda _: None, again=False)
            except AtsError:
                continue
            return True
        return False

    def _note(self, state: ListingState, error: AtsError) -> None:
        name, reason = self._source.name, str(error).removeprefix(f"{self._source.name}: ")
        if state.scope is not None:
            self._source.issues.note("scope", f"{name} of {state.scope}", reason)
        else:
            at = "".join(f" {key} {number}" for key, number in state.page_key.items())
            self._source.issues.note("page", f"{name}{at or ', first page'}", reason)

    def _unreadable(self, error: AtsError) -> AtsError:
        """Turns an outage into an error of the page: the stored position would lead here again."""
        if not isinstance(error, Unavailable):
            return error
        message = f"{error}; other pages can be read, this one cannot be passed over"
        return UnreadablePage(message, status=error.status, operation=self._source.name)


async def walk(source: AtsList, window: Window, position: Position | None) -> AsyncIterator[Page]:
    """Yields every page of a walk over a list."""
    start = ListingState.of(position) if position is not None else ListingState()
    scopes = None
    if source.spec.scopes is not None:
        loaded = await source.load_scopes(source.spec.scopes)
        scopes = sorted(each for each in loaded.ids if each >= (start.scope or ""))
        start = replace(start, partial=start.partial or loaded.odd > 0)
        if start.scope is None:
            first = scopes[0] if scopes else None
            start = replace(start, scope=first, ended=first is None)
    iterator = PageIterator(source, window, scopes=scopes)
    async with aclosing(iterator.run(start, resumed=position is not None)) as pages:
        async for page in pages:
            yield page


def parts_of(page: Page, most: int = PART) -> Iterator[Page]:
    """Yields the page in parts of so many records at most; all but the last one are continued."""
    records, end = page.records, 0
    for end in range(most, len(records), most):
        yield Page(
            records[end - most : end],
            None,
            last=False,
            expected_total=page.expected_total,
            is_continued=True,
        )
    yield replace(page, records=records[end:]) if end else page
