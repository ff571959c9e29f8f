"""One list of a connector: its pages for polls, and its rows for lookups."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.definition.compiled_paths import compile_path
from connectors.definition.cursors import SyncTokenCursor, UpdatedAtCursor
from connectors.definition.pagination import OffsetPagination, PagePagination
from connectors.errors import NotFound
from connectors.http.decoding import FAILURES, decode
from connectors.http.error_classifier import Kind
from connectors.http.parts import Parts
from connectors.http.requests import Draft
from connectors.read.cursor import CLOCK_DOUBT, change_filter, next_cursor
from connectors.read.digests import Digest, whole_digest
from connectors.read.identify import (
    IdentifiedRecords,
    identify_records,
    key_reader,
    scoped,
    with_scope,
)
from connectors.read.listing_state import NOTHING, Fetched, ListingState
from connectors.read.page_cycles import PagesRead
from connectors.read.page_loader import Check, PageLoader, with_parameters
from connectors.read.pagination import Inconclusive, PageAnswer, PageKey, number_at, passed_over
from connectors.times import http_date, read_time, worth_reading
from connectors.values import Page, Window


class Scopes(msgspec.Struct, frozen=True):
    """The records of a lookup list for each of which another list is walked."""

    ids: list[str]
    """In the order of the lookup list."""
    odd: int = 0
    """Rows of the lookup list without a usable id: what belongs to them cannot be read."""


LoadScopes = Callable[[str], Awaitable[Scopes]]
"""From a lookup list's name to the scopes as they are now."""


class AtsList:
    """Reads one list of one connector."""

    def __init__(
        self,
        loader: PageLoader,
        parts: Parts,
        *,
        load_scopes: LoadScopes,
        digest_of: Digest | None,
    ) -> None:
        """Compile what pages are read with; without `digest_of`, records have no digests."""
        self.name = loader.name
        self.spec = spec = loader.spec
        self.issues = loader.issues
        self.load_scopes = load_scopes
        self.draft = loader.draft
        self._loader = loader
        self._clock = parts.clock
        self._timed = spec.cursor if isinstance(spec.cursor, UpdatedAtCursor) else None
        self._zone = parts.requests.zone(self._timed.time_zone if self._timed else None)
        time_at = self._timed.field if self._timed else None
        self._read_keys = key_reader([spec.id] if time_at is None else [spec.id, time_at])
        self._digest_of = digest_of
        self.scrolls = loader.scrolls
        """True: the ATS keeps the position, and each request moves it."""
        self.is_numbered = isinstance(spec.pagination, PagePagination | OffsetPagination)
        """True: positions are numbers, so that a page can be passed over."""

    async def fetch_page(
        self, window: Window, state: ListingState, check: Check, *, again: bool = True
    ) -> Fetched:
        """Loads a page; the request is repeated while the answer proves too little.

        A page whose records are good, but whose end is not, is returned with its `doubt`.
        """
        kind: Kind = "page" if state.page_key else "list"
        if self.spec.scopes is None:
            kind = "page" if state.page else "list"
        more = change_filter(self.spec.cursor, window, now=self._clock.now(), zone=self._zone)
        first = with_parameters(self.draft({"scope": state.scope}), more.query, more.body)
        try:
            fetched = await self._loader.load(
                first,
                state.page_key,
                kind=kind,
                check=check,
                again=again,
                takes_null=not window.is_full and not state.page_key,
            )
        except NotFound:
            # Its owner may have gone since the walk began; then so have its records.
            scopes = self.spec.scopes
            if scopes is None or state.scope in (await self.load_scopes(scopes)).ids:
                raise
            return NOTHING
        if state.scope is None:
            return fetched
        records = [with_scope(raw, state.scope) for raw in fetched.records]
        return replace(fetched, records=records)

    async def rows(self, draft: Draft, *, most: int | None = None) -> list[Any] | None:
        """Reads every record of a short list, parsed; None as soon as there are more than `most`."""
        found: list[Any] = []
        page_key: PageKey = {}
        read = PagesRead(self.name)
        while True:
            fetched = await self._loader.load(draft, page_key, kind="lookup")
            if fetched.doubt is not None:
                raise fetched.doubt
            found += self._parsed(fetched.records)
            if most is not None and len(found) > most:
                return None
            if fetched.following is None:
                return found
            ids = [record.external_id for record in self.identify(fetched.records).records]
            read.note(page_key, ids or [whole_digest(raw).hex() for raw in fetched.records])
            page_key = fetched.following

    def _parsed(self, raws: Sequence[bytes | memoryview]) -> list[Any]:
        """Returns the rows of a page without the odd ones; in a list of names they are texts."""
        rows: list[Any] = []
        for raw in raws:
            try:
                rows.append(decode(raw, lambda why: self.issues.note("body", self.name, why)))
            except FAILURES:
                self.issues.note("row", self.name, "a row that is no JSON was left out")
        kept: list[Any] = [row for row in rows if isinstance(row, dict)]
        kept = kept or [row for row in rows if isinstance(row, str)]
        if odd := len(rows) - len(kept):
            self.issues.note("row", self.name, "a row that is no object was left out", odd)
        return kept

    def identify(self, raws: Sequence[bytes | memoryview]) -> IdentifiedRecords:
        """Returns the records, each with its id and digest."""
        identified = identify_records(raws, self._read_keys, self._digest_of)
        return scoped(identified) if self.spec.scopes else identified

    def after(
        self, state: ListingState, fetched: Fetched, identified: IdentifiedRecords
    ) -> ListingState:
        """Returns the state with this page after it."""
        return replace(
            state,
            page=state.page + 1,
            seen=self._latest_time(identified, state.seen),
            started=state.started or self._vendor_time(fetched.headers),
            counted=state.counted.page(len(fetched.records), fetched.total),
        )

    def passed_over(self, state: ListingState, latest: Fetched, most: int) -> ListingState | None:
        """Returns the state after an unreadable page; None where pages have no numbers."""
        answer = PageAnswer(latest.around, latest.headers, len(latest.records))
        try:
            page_key = passed_over(self.spec.pagination, state.page_key, answer, most)
        except Inconclusive:
            return None
        if page_key is None:
            return replace(state, partial=True, ended=True)
        return replace(state, partial=True, page=state.page + 1, page_key=page_key)

    def page(
        self,
        state: ListingState,
        following: ListingState,
        fetched: Fetched,
        identified: IdentifiedRecords,
    ) -> Page:
        """Returns a page that others follow, with its position unless that brings another page."""
        stays = following.where == state.where
        return Page(
            identified.records,
            None if self.scrolls or stays else following.position(),
            last=False,
            failed=identified.failed,
            expected_total=number_at(self.spec.total, fetched.around),
        )

    def last_page(
        self,
        window: Window,
        state: ListingState,
        fetched: Fetched,
        identified: IdentifiedRecords,
    ) -> Page:
        """Returns the last page, with the next poll's cursor unless a page was passed over."""
        cursor = next_cursor(
            self.spec.cursor,
            window,
            seen=state.seen,
            started=state.started or self._vendor_time(fetched.headers),
            token=self._sync_token(fetched),
        )
        return Page(
            identified.records,
            None,
            last=True,
            next_cursor=None if state.partial else cursor,
            complete=window.is_full and self.spec.absence_is_deletion and not state.partial,
            failed=identified.failed,
            expected_total=number_at(self.spec.total, fetched.around),
            partial=state.partial,
        )

    def _latest_time(self, identified: IdentifiedRecords, seen: datetime | None) -> datetime | None:
        if self._timed is None:
            return seen
        format_name = self._timed.field_format or self._timed.format
        for value in worth_reading(identified.times):
            try:
                moment = read_time(value, format_name, self._zone)
            except ValueError:
                continue
            if moment is not None and (seen is None or moment > seen):
                seen = moment
        return seen

    def _vendor_time(self, headers: Mapping[str, str]) -> datetime:
        return http_date(headers.get("Date")) or self._clock.now() - CLOCK_DOUBT

    def _sync_token(self, fetched: Fetched) -> object:
        cursor = self.spec.cursor
        if not isinstance(cursor, SyncTokenCursor):
            return None
        token = compile_path(cursor.at)(fetched.around)
        return token if isinstance(token, str) or type(token) is int else None
