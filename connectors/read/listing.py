"""One list of a connector: requests its pages, cuts them into records, judges what each proves."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.clock import Clock
from connectors.connector import Page, Position, Window
from connectors.definition.bodies import merged
from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import (
    CursorPagination,
    List,
    NextUrlPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    SyncTokenCursor,
    UpdatedAtCursor,
)
from connectors.errors import BrokenAnswer, Misdirected, NotFound
from connectors.http.decoding import FAILURES, decode
from connectors.http.error_classifier import Kind
from connectors.http.requests import Draft, RequestBuilder
from connectors.http.transport import SuccessResponse, Transport
from connectors.read.cursor import CLOCK_DOUBT, asked, next_cursor
from connectors.read.issues import IssueLog
from connectors.read.page_cycles import PagesRead
from connectors.read.pagination import (
    Inconclusive,
    PageAnswer,
    Place,
    carried,
    next_place,
    on_page,
    page_request,
    passed_over,
    path_marks,
)
from connectors.read.records import (
    IdentifiedRecords,
    Print,
    SplitPage,
    identify_records,
    probe,
    scoped,
    split_page,
    whole_print,
    with_scope,
)
from connectors.read.walk import Check, Walk
from connectors.read.walk_state import NOTHING, Fetched, WalkState
from connectors.times import http_date, read_time, worth_reading


class Scopes(msgspec.Struct, frozen=True):
    """What a list is walked for."""

    ids: list[str]
    """Ids of the lookup list's records, in their order."""
    odd: int = 0
    """Rows of the lookup list without a usable id: what belongs to them cannot be read."""


LoadScopes = Callable[[str], Awaitable[Scopes]]
"""From a lookup list's name to the scopes as they are now."""


class _Unproved(BrokenAnswer):
    """A page whose records are good and whose end is not; it is asked for again."""

    def __init__(self, page: Fetched) -> None:
        super().__init__(str(page.doubt))
        self.page = page


class Listing:
    """One list of one connector."""

    def __init__(
        self,
        name: str,
        spec: List,
        *,
        drafts: RequestBuilder,
        transport: Transport,
        clock: Clock,
        load_scopes: LoadScopes,
        issues: IssueLog,
        digest_of: Print = whole_print,
    ) -> None:
        """Compile what pages are read with."""
        self.name = name
        self.spec = spec
        self._drafts = drafts
        self._transport = transport
        self._clock = clock
        self._load_scopes = load_scopes
        self._issues = issues
        around = [*_around(spec), *transport.verdicts.paths]
        self._slice = split_page(spec.records, around)
        cursor = spec.cursor
        self._timed = cursor if isinstance(cursor, UpdatedAtCursor) else None
        self._zone = drafts.zone(self._timed.time_zone if self._timed else None)
        times = [self._timed.field] if self._timed else []
        self._probe = probe([spec.id, *times])
        always = spec.detail is not None and spec.detail.when == "always"
        self._digest_of = None if always else digest_of
        pagination = spec.pagination
        self.scrolls = isinstance(pagination, CursorPagination) and pagination.scroll
        """The ATS keeps the place: a page is had only once, and no walk can go on later."""
        self.counts = isinstance(pagination, PagePagination | OffsetPagination)
        self._keeps_origin = getattr(pagination, "keep_origin", False)
        self._tells_ends = _tells_ends(pagination)
        self._counted_at = spec.total or getattr(pagination, "total", None)

    async def pages(self, window: Window, position: Position | None) -> AsyncIterator[Page]:
        """Every page of a walk."""
        start = WalkState.of(position) if position is not None else WalkState()
        scopes = None
        if self.spec.scopes is not None:
            loaded = await self._load_scopes(self.spec.scopes)
            scopes = sorted(each for each in loaded.ids if each >= (start.scope or ""))
            start = _first_scope(start, scopes, partial=loaded.odd > 0)
        walk = Walk(self, window, scopes=scopes, issues=self._issues)
        async with aclosing(walk.run(start, resumed=position is not None)) as pages:
            async for page in pages:
                yield page

    async def fetch_page(
        self, window: Window, state: WalkState, check: Check, *, again: bool = True
    ) -> Fetched:
        """The page there; the answer is asked for again while it proves too little."""
        kind: Kind = "page" if state.place else "list"
        if self.spec.scopes is None:
            kind = "page" if state.page else "list"
        first = self._first_draft(window, state.scope)
        takes_null = not window.is_full and not state.place
        try:
            fetched = await self._fetch(
                first, state.place, kind=kind, check=check, again=again, takes_null=takes_null
            )
        except NotFound:
            # Its owner may have gone since the walk began; then so have its records.
            if self.spec.scopes is None or await self._is_listed(state.scope):
                raise
            return NOTHING
        if state.scope is None:
            return fetched
        records = [with_scope(raw, state.scope) for raw in fetched.records]
        return replace(fetched, records=records)

    async def _is_listed(self, scope: str | None) -> bool:
        return scope in (await self._load_scopes(self.spec.scopes or "")).ids

    def draft(self, extra: Mapping[str, object] | None = None) -> Draft:
        """The list's request, filled but for what differs from page to page."""
        marks = path_marks(self.spec.pagination)
        return self._drafts.draft(self.spec.request, self.name, {**(extra or {}), **marks})

    async def rows(
        self, draft: Draft, pagination: bool = True, *, most: int | None = None
    ) -> list[Any] | None:
        """Every record of a short list, parsed; None as soon as there are more than `most`."""
        found: list[Any] = []
        place: Place = {}
        read = PagesRead(self.name)
        while True:
            fetched = await self._fetch(draft, place, kind="lookup")
            if fetched.doubt is not None and pagination:
                raise fetched.doubt
            found += self._parsed(fetched.records)
            if most is not None and len(found) > most:
                return None
            if fetched.following is None or not pagination:
                return found
            told = self.identify(fetched)
            ids = [record.external_id for record in told.records]
            read.note(place, ids or [whole_print(raw).hex() for raw in fetched.records])
            place = fetched.following

    def _parsed(self, raws: Sequence[bytes | memoryview]) -> list[Any]:
        """The rows of a page without the odd ones; a list of bare names has no objects at all."""
        rows: list[Any] = []
        for raw in raws:
            try:
                rows.append(decode(raw, self._note_repair))
            except FAILURES:
                self._issues.note("row", self.name, "a row that is no JSON was left out")
        kept: list[Any] = [row for row in rows if isinstance(row, dict)]
        kept = kept or [row for row in rows if isinstance(row, str)]
        if odd := len(rows) - len(kept):
            self._issues.note("row", self.name, "a row that is no object was left out", odd)
        return kept

    def _note_repair(self, reason: str) -> None:
        self._issues.note("body", self.name, reason)

    def _first_draft(self, window: Window, scope: str | None = None) -> Draft:
        draft = self.draft({"scope": scope})
        more = asked(self.spec.cursor, window, now=self._clock.now(), zone=self._zone)
        return _with(draft, more.query, more.body)

    async def _fetch(
        self,
        first: Draft,
        place: Place,
        *,
        kind: Kind,
        check: Check | None = None,
        again: bool = True,
        takes_null: bool = False,
    ) -> Fetched:
        """One page. `takes_null`: null in place of the list cannot be taken for an end here."""

        def judged(good: SuccessResponse[SplitPage]) -> Fetched:
            return self._judged(good, place, check, takes_null=takes_null)

        def accept(good: SuccessResponse[SplitPage]) -> None:
            page = judged(good)
            if isinstance(page.doubt, BrokenAnswer):
                raise _Unproved(page)

        request = self._page_draft(first, place).outgoing()
        # Whoever asks a scroll once more gets the page after the one whose answer was lost.
        again = again and not (place and self.scrolls)
        try:
            good = await self._transport.read(
                request, kind, self._parse, again=again, accept=accept
            )
        except _Unproved as unproved:
            return unproved.page
        for repair in good.payload.repairs if good.payload else ():
            self._note_repair(repair)
        return judged(good)

    def _judged(
        self,
        good: SuccessResponse[SplitPage],
        place: Place,
        check: Check | None,
        *,
        takes_null: bool,
    ) -> Fetched:
        """The page, with what it proves of the next one.

        Raises:
            BrokenAnswer: it has no list of records.
        """
        sliced = good.payload or SplitPage(None, ())
        is_empty = sliced.is_null and (takes_null or self._tells_ends)
        if sliced.records is None or (sliced.is_null and not is_empty):
            message = f"{self.name}: the answer has no list at `{self.spec.records}`"
            raise BrokenAnswer(message, operation=self.name)
        page = Fetched(
            sliced.around,
            sliced.records,
            good.headers,
            good.url,
            nothing=good.skipped,
            total=self._total(self._counted_at, sliced.around),
        )
        try:
            page = replace(page, following=self._next(place, page))
            if check is not None:
                check(page)
        except Inconclusive as error:
            doubt = BrokenAnswer(f"{self.name}: the answer {error}", operation=self.name)
            return replace(page, following=None, doubt=doubt)
        except Misdirected as error:
            return replace(page, following=None, doubt=error)
        return page

    def _next(self, place: Place, page: Fetched) -> Place | None:
        """Where the next page is; an address is judged before anybody can store it."""
        answer = PageAnswer(page.around, page.headers, len(page.records), page.nothing)
        following = next_place(self.spec.pagination, place, answer)
        if following is None or "url" not in following:
            return following
        here = Draft(self.name, "GET", page.url.with_query(None), {}, None, {})
        url = self._drafts.follow(following["url"], here, keep_origin=self._keeps_origin)
        return {"url": str(url)}

    def _parse(self, body: bytes) -> tuple[Any, SplitPage]:
        sliced = self._slice(body)
        return sliced.around, sliced

    def _page_draft(self, first: Draft, place: Place) -> Draft:
        wanted = page_request(self.spec.pagination, place)
        if wanted.url is not None:
            url = self._drafts.follow(wanted.url, first, keep_origin=self._keeps_origin)
            if isinstance(self.spec.pagination, NextUrlPagination):
                url = carried(url, first.url, self.spec.pagination.carry)
            return replace(first, url=url)
        if wanted.alone:
            in_body = isinstance(first.body, dict)
            first = replace(first, url=first.url.with_query(None), body={} if in_body else None)
        if wanted.path:
            return replace(first, url=on_page(first.url, wanted.path))
        return _with(first, wanted.query, wanted.body)

    def after(self, state: WalkState, fetched: Fetched, told: IdentifiedRecords) -> WalkState:
        """The state with this page after it."""
        return replace(
            state,
            page=state.page + 1,
            seen=self._latest(told, state.seen),
            started=state.started or self._vendor_time(fetched.headers),
            counted=state.counted.page(len(fetched.records), fetched.total),
        )

    def passed_over(self, state: WalkState, latest: Fetched, most: int) -> WalkState | None:
        """The state after a page that cannot be read; None where pages are not counted."""
        answer = PageAnswer(latest.around, latest.headers, len(latest.records))
        try:
            place = passed_over(self.spec.pagination, state.place, answer, most)
        except Inconclusive:
            return None
        if place is None:
            return replace(state, partial=True, ended=True)
        return replace(state, partial=True, page=state.page + 1, place=place)

    def page(
        self, state: WalkState, following: WalkState, fetched: Fetched, told: IdentifiedRecords
    ) -> Page:
        """A page that others follow; it can be resumed unless the same position brings another."""
        stays = following.where == state.where
        return Page(
            told.records,
            None if self.scrolls or stays else following.position(),
            last=False,
            failed=told.failed,
            expected_total=self._total(self.spec.total, fetched.around),
        )

    def last_page(
        self, window: Window, state: WalkState, fetched: Fetched, told: IdentifiedRecords
    ) -> Page:
        """The last page, with the cursor of the next poll unless something was passed over."""
        cursor = next_cursor(
            self.spec.cursor,
            window,
            seen=state.seen,
            started=state.started or self._vendor_time(fetched.headers),
            token=self._token(fetched),
        )
        return Page(
            told.records,
            None,
            last=True,
            next_cursor=None if state.partial else cursor,
            complete=window.is_full and self.spec.absence_is_deletion and not state.partial,
            failed=told.failed,
            expected_total=self._total(self.spec.total, fetched.around),
            partial=state.partial,
        )

    def _latest(self, told: IdentifiedRecords, seen: datetime | None) -> datetime | None:
        if self._timed is None:
            return seen
        format_name = self._timed.field_format or self._timed.format
        for value in worth_reading(told.times):
            try:
                moment = read_time(value, format_name, self._zone)
            except ValueError:
                continue
            if moment is not None and (seen is None or moment > seen):
                seen = moment
        return seen

    def _vendor_time(self, headers: Mapping[str, str]) -> datetime:
        return http_date(headers.get("Date")) or self._clock.now() - CLOCK_DOUBT

    def _token(self, fetched: Fetched) -> object:
        cursor = self.spec.cursor
        if not isinstance(cursor, SyncTokenCursor):
            return None
        token = compile_path(cursor.at)(fetched.around)
        return token if isinstance(token, str) or type(token) is int else None

    @staticmethod
    def _total(path: str | None, around: Any) -> int | None:
        total = compile_path(path)(around) if path else None
        return total if type(total) is int and total >= 0 else None

    def tell(self, raws: list[bytes]) -> IdentifiedRecords:
        """Records that were read by id, as a page would have held them."""
        return self._told(raws)

    def identify(self, fetched: Fetched) -> IdentifiedRecords:
        """The page's records, each with its id."""
        return self._told(fetched.records)

    def _told(self, raws: Sequence[bytes | memoryview]) -> IdentifiedRecords:
        told = identify_records(raws, self._probe, self._digest_of)
        return scoped(told) if self.spec.scopes else told


def _first_scope(start: WalkState, scopes: Sequence[str], *, partial: bool) -> WalkState:
    if start.scope is None and not scopes:
        return replace(start, ended=True, partial=partial)
    return replace(
        start,
        scope=start.scope if start.scope is not None else scopes[0],
        partial=start.partial or partial,
    )


def _tells_ends(pagination: Pagination) -> bool:
    """True if answers say by a marker whether they are the last, so that empty ones prove it."""
    if isinstance(pagination, PagePagination):
        return bool(pagination.more or pagination.done or pagination.pages)
    if isinstance(pagination, OffsetPagination):
        return bool(pagination.more or pagination.done or pagination.total)
    return isinstance(pagination, CursorPagination) and pagination.more is not None


def _around(spec: List) -> list[str]:
    """Everything that is read from a page besides its records."""
    pagination = spec.pagination
    found: list[str | None] = [spec.total]
    match pagination:
        case PagePagination():
            found += [pagination.more, pagination.done, pagination.pages]
        case OffsetPagination():
            found += [pagination.more, pagination.done, pagination.total]
        case CursorPagination():
            found += [pagination.more, pagination.at]
        case NextUrlPagination():
            found.append(pagination.at)
        case _:
            pass
    if isinstance(spec.cursor, SyncTokenCursor):
        found.append(spec.cursor.at)
    return [path for path in found if path]


def _with(draft: Draft, query: Mapping[str, str], body: Mapping[str, Any]) -> Draft:
    if query:
        draft = replace(draft, url=draft.url.update_query(query))
    if body:
        draft = replace(draft, body=merged(draft.body or {}, body))
    return draft
