"""Walks a list page by page: request, slice, tell records apart, go on. One page is read ahead."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from yarl import URL

from connectors.answers import Kind
from connectors.base import Page, Position, RawRecord, Window
from connectors.clock import Clock
from connectors.cursor import CLOCK_DOUBT, asked, next_cursor
from connectors.definition.bodies import merged
from connectors.definition.lists import (
    CursorPagination,
    List,
    NextUrlPagination,
    OffsetPagination,
    PagePagination,
    SyncTokenCursor,
    UpdatedAtCursor,
)
from connectors.errors import BrokenAnswer, CursorRefused, NotFound, UnexpectedPayload
from connectors.pagination import (
    PageAnswer,
    Place,
    carried,
    next_place,
    on_page,
    page_request,
    path_marks,
)
from connectors.paths import compile_path
from connectors.records import (
    Print,
    Sliced,
    Told,
    probe,
    scoped,
    slicer,
    tell_apart,
    whole_print,
    with_scope,
)
from connectors.repeats import PagesRead
from connectors.requests import Draft, Drafts
from connectors.times import http_date, read_time, worth_reading
from connectors.transport import Transport
from models.times import iso


class _State(msgspec.Struct, frozen=True):
    """How far a walk got; its JSON form is the position that the daemon stores."""

    place: Mapping[str, Any]
    page: int = 0
    seen: datetime | None = None
    started: datetime | None = None
    scope: str | None = None

    def position(self) -> Position:
        """As plain JSON."""
        scoped = {} if self.scope is None else {"scope": self.scope}
        return scoped | {
            "place": dict(self.place),
            "page": self.page,
            "seen": iso(self.seen) if self.seen else None,
            "started": iso(self.started) if self.started else None,
        }

    @classmethod
    def of(cls, position: Position) -> "_State":
        """From what `position` gave."""
        try:
            return cls(
                position["place"],
                int(position["page"]),
                read_time(position["seen"]),
                read_time(position["started"]),
                position.get("scope"),
            )
        except (KeyError, ValueError, TypeError):
            raise CursorRefused("the stored page position cannot be read") from None


class _Fetched(msgspec.Struct, frozen=True):
    around: Any
    records: Sequence[bytes | memoryview]
    headers: Mapping[str, str]
    url: URL


_NOTHING = _Fetched(None, (), {}, URL())
LoadScopes = Callable[[str], Awaitable[list[str]]]
"""From a lookup list's name to the ids of its records, in their order."""

_REPEATS = 3
"""A record may come twice, and a small page then looks like the one before; not so often."""


class _Repeats(msgspec.Struct, frozen=True):
    ids: list[str]
    times: int


class Listing:
    """One list of one connector."""

    def __init__(
        self,
        name: str,
        spec: List,
        *,
        drafts: Drafts,
        transport: Transport,
        clock: Clock,
        load_scopes: LoadScopes,
        digest_of: Print = whole_print,
    ) -> None:
        """Compile what pages are read with."""
        self.name = name
        self.spec = spec
        self._drafts = drafts
        self._transport = transport
        self._clock = clock
        self._load_scopes = load_scopes
        around = [*_around(spec), *transport.verdicts.paths]
        self._slice = slicer(spec.records, around)
        cursor = spec.cursor
        self._timed = cursor if isinstance(cursor, UpdatedAtCursor) else None
        self._zone = drafts.zone(self._timed.time_zone if self._timed else None)
        times = [self._timed.field] if self._timed else []
        self._probe = probe([spec.id, *times])
        always = spec.detail is not None and spec.detail.when == "always"
        self._digest_of = None if always else digest_of
        self._scrolls = isinstance(spec.pagination, CursorPagination) and spec.pagination.scroll
        """The ATS keeps the place: a page is had only once, and no walk can go on later."""

    async def pages(self, window: Window, position: Position | None) -> AsyncIterator[Page]:
        """Every page of a walk."""
        state = _State.of(position) if position is not None else _State({})
        scopes = await self._scopes(state.scope)
        state = replace(state, scope=scopes[0]) if state.scope is None else state
        read = PagesRead(self.name)
        fetched = await self._fetch_at(window, state)
        earlier = _Repeats([], 0)
        while True:
            page, following = self._page(window, state, fetched, scopes)
            earlier = self._refuse_repetition(page, earlier)
            if following is None:
                yield page
                return
            read.note([state.scope, state.place], _ids(page.records, fetched))
            ahead = asyncio.create_task(
                self._fetch_at(window, following), name=f"page of {self.name}"
            )
            try:
                yield page
                fetched = await ahead
            finally:
                ahead.cancel()
                await asyncio.wait([ahead])
            state = following

    async def _scopes(self, reached: str | None) -> list[str | None]:
        """What the list is walked for: the scopes not yet done, or once for all."""
        if self.spec.scopes is None:
            return [None]
        known = await self._load_scopes(self.spec.scopes)
        left = sorted(each for each in known if reached is None or each >= reached)
        return [*left] or [None]

    async def _fetch_at(self, window: Window, state: _State) -> _Fetched:
        if self.spec.scopes is None:
            first = self._first_draft(window)
            return await self._fetch(first, state.place, kind="page" if state.page else "list")
        if state.scope is None:
            return _NOTHING
        first = self._first_draft(window, state.scope)
        try:
            kind: Kind = "page" if state.place else "list"
            fetched = await self._fetch(first, state.place, kind=kind)
        except NotFound:
            # Its owner may have gone since the walk began; then so have its records.
            if state.scope in await self._load_scopes(self.spec.scopes):
                raise
            return _NOTHING
        records = [with_scope(raw, state.scope) for raw in fetched.records]
        return replace(fetched, records=records)

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
            found += [msgspec.json.decode(raw) for raw in fetched.records]
            if most is not None and len(found) > most:
                return None
            following = self._next(place, fetched) if pagination else None
            if following is None:
                return found
            read.note(place, _ids(self._told(fetched.records).records, fetched))
            place = following

    def _refuse_repetition(self, page: Page, earlier: _Repeats) -> _Repeats:
        """Some positions change although the page does not: then only its records tell."""
        ids = [record.external_id for record in page.records]
        repeats = _Repeats(ids, earlier.times + 1 if ids and ids == earlier.ids else 0)
        if repeats.times >= _REPEATS:
            message = f"{self.name}: the ATS sends the same page again and again"
            raise BrokenAnswer(message, operation=self.name)
        return repeats

    def _first_draft(self, window: Window, scope: str | None = None) -> Draft:
        draft = self.draft({"scope": scope})
        more = asked(self.spec.cursor, window, now=self._clock.now(), zone=self._zone)
        return _with(draft, more.query, more.body)

    async def _fetch(self, first: Draft, place: Place, *, kind: Kind) -> _Fetched:
        request = self._page_draft(first, place).outgoing()
        # Whoever asks a scroll once more gets the page after the one whose answer was lost.
        again = not (place and self._scrolls)
        good = await self._transport.read(request, kind, self._parse, again=again)
        sliced = good.payload or Sliced(None, ())
        if sliced.records is None:
            raise UnexpectedPayload(
                f"{self.name}: the answer has no list at `{self.spec.records}`",
                operation=self.name,
            )
        return _Fetched(sliced.around, sliced.records, good.headers, good.url)

    def _parse(self, body: bytes) -> tuple[Any, Sliced]:
        sliced = self._slice(body)
        return sliced.around, sliced

    def _page_draft(self, first: Draft, place: Place) -> Draft:
        wanted = page_request(self.spec.pagination, place)
        if wanted.url is not None:
            keeps = getattr(self.spec.pagination, "keep_origin", False)
            url = self._drafts.follow(wanted.url, first, keep_origin=keeps)
            if isinstance(self.spec.pagination, NextUrlPagination):
                url = carried(url, first.url, self.spec.pagination.carry)
            return replace(first, url=url)
        if wanted.alone:
            in_body = isinstance(first.body, dict)
            first = replace(first, url=first.url.with_query(None), body={} if in_body else None)
        if wanted.path:
            return replace(first, url=on_page(first.url, wanted.path))
        return _with(first, wanted.query, wanted.body)

    def _next(self, place: Place, fetched: _Fetched) -> Place | None:
        answer = PageAnswer(fetched.around, fetched.headers, len(fetched.records))
        return next_place(self.spec.pagination, place, answer)

    def _page(
        self,
        window: Window,
        state: _State,
        fetched: _Fetched,
        scopes: Sequence[str | None],
    ) -> tuple[Page, _State | None]:
        told = self._told(fetched.records)
        seen = self._latest(told, state.seen)
        started = state.started or self._vendor_time(fetched.headers)
        reached = replace(state, page=state.page + 1, seen=seen, started=started)
        following = self._following(reached, fetched, scopes)
        if following is not None:
            page = Page(
                told.records,
                self._position(state, following),
                last=False,
                failed=told.failed,
                expected_total=self._total(fetched),
            )
            return page, following
        return self._last_page(window, told, seen, started, fetched), None

    def _position(self, state: _State, following: _State) -> Position | None:
        """Where a later run may go on; the same cursor for another page would pass over one."""
        stays = (following.scope, following.place) == (state.scope, state.place)
        return None if self._scrolls or stays else following.position()

    def _following(
        self, state: _State, fetched: _Fetched, scopes: Sequence[str | None]
    ) -> _State | None:
        """The next page, or the next scope's first one."""
        place = None if fetched is _NOTHING else self._next(state.place, fetched)
        if place is not None:
            return replace(state, place=place)
        later = [each for each in scopes if each is not None and each > (state.scope or "")]
        return replace(state, place={}, scope=later[0]) if later else None

    def _last_page(
        self,
        window: Window,
        told: Told,
        seen: datetime | None,
        started: datetime,
        fetched: _Fetched,
    ) -> Page:
        cursor = next_cursor(
            self.spec.cursor, window, seen=seen, started=started, token=self._token(fetched)
        )
        return Page(
            told.records,
            None,
            last=True,
            next_cursor=cursor,
            complete=window.is_full and self.spec.absence_is_deletion,
            failed=told.failed,
            expected_total=self._total(fetched),
        )

    def _latest(self, told: Told, seen: datetime | None) -> datetime | None:
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

    def _token(self, fetched: _Fetched) -> object:
        cursor = self.spec.cursor
        if not isinstance(cursor, SyncTokenCursor):
            return None
        return compile_path(cursor.at)(fetched.around)

    def _total(self, fetched: _Fetched) -> int | None:
        if self.spec.total is None:
            return None
        total = compile_path(self.spec.total)(fetched.around)
        return total if isinstance(total, int) else None

    def tell(self, raws: list[bytes]) -> list[RawRecord]:
        """Records that were read by id, as a page would have held them."""
        return self._told(raws).records

    def _told(self, raws: Sequence[bytes | memoryview]) -> Told:
        told = tell_apart(raws, self._probe, self._digest_of)
        return scoped(told) if self.spec.scopes else told


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


def _ids(records: Sequence[RawRecord], fetched: _Fetched) -> list[str]:
    """What a page is told by: bytes may differ each time, as signed addresses do."""
    ids = [record.external_id for record in records]
    return ids or [whole_print(raw).hex() for raw in fetched.records]
