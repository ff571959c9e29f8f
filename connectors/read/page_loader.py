"""Requests one page of a list, splits it into records, and judges what it proves of the next one."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from connectors.definition.bodies import merged
from connectors.definition.cursors import SyncTokenCursor
from connectors.definition.lists import List
from connectors.definition.pagination import (
    CursorPagination,
    NextUrlPagination,
    Pagination,
)
from connectors.errors import BrokenAnswer, Misdirected
from connectors.http.answers import SuccessResponse
from connectors.http.error_classifier import Kind
from connectors.http.parts import Parts
from connectors.http.requests import Draft
from connectors.read.issues import IssueLog
from connectors.read.listing_state import Fetched
from connectors.read.page_split import SplitPage, page_splitter
from connectors.read.pagination import (
    Inconclusive,
    PageAnswer,
    PageKey,
    carried,
    next_page_key,
    number_at,
    on_page,
    page_request,
    path_marks,
)

_END_MARKERS = ("more", "done", "pages", "total")
Check = Callable[[Fetched], None]
"""Raises `Inconclusive` for a page that contradicts those before it."""


class _InconclusivePage(BrokenAnswer):
    """A page whose records are good and whose end is in doubt: it is requested again."""

    def __init__(self, page: Fetched) -> None:
        super().__init__(str(page.doubt))
        self.page = page


class PageLoader:
    """Loads the pages of one list."""

    def __init__(self, name: str, spec: List, parts: Parts, issues: IssueLog) -> None:
        self.name = name
        self.spec = spec
        self.issues = issues
        self._requests = parts.requests
        self._transport = parts.transport
        around = [*_paths_around(spec), *parts.transport.classifier.paths]
        self._split = page_splitter(spec.records, around)
        pagination = spec.pagination
        self.scrolls = isinstance(pagination, CursorPagination) and pagination.scroll
        """The ATS keeps the position: each page is shown once, and no walk can be resumed."""
        self._keeps_origin = getattr(pagination, "keep_origin", False)
        self._marks_ends = _marks_ends(pagination)
        self._total_at = spec.total or getattr(pagination, "total", None)

    def draft(self, extra: Mapping[str, object] | None = None) -> Draft:
        """Returns the list's request, filled but for what differs from page to page."""
        marks = path_marks(self.spec.pagination)
        return self._requests.draft(self.spec.request, self.name, {**(extra or {}), **marks})

    async def load(
        self,
        first: Draft,
        page_key: PageKey,
        *,
        kind: Kind,
        check: Check | None = None,
        again: bool = True,
        takes_null: bool = False,
    ) -> Fetched:
        """Loads a page; `first` is the request for the first one.

        With `takes_null`, null where the list is due is an empty page.
        """

        def judged(good: SuccessResponse[SplitPage]) -> Fetched:
            return self._judged(good, page_key, check, takes_null=takes_null)

        def accept(good: SuccessResponse[SplitPage]) -> None:
            page = judged(good)
            if isinstance(page.doubt, BrokenAnswer):
                raise _InconclusivePage(page)

        def parse(body: bytes) -> tuple[Any, SplitPage]:
            page = self._split(body)
            return page.around, page

        request = self._page_draft(first, page_key).outgoing()
        # A scroll that is requested again brings the page after the one whose answer was lost.
        again = again and not (page_key and self.scrolls)
        try:
            good = await self._transport.read(request, kind, parse, again=again, accept=accept)
        except _InconclusivePage as inconclusive:
            return inconclusive.page
        for repair in good.payload.repairs if good.payload else ():
            self.issues.note("body", self.name, repair)
        return judged(good)

    def _page_draft(self, first: Draft, page_key: PageKey) -> Draft:
        wanted = page_request(self.spec.pagination, page_key)
        if wanted.url is not None:
            url = self._requests.follow(wanted.url, first, keep_origin=self._keeps_origin)
            if isinstance(self.spec.pagination, NextUrlPagination):
                url = carried(url, first.url, self.spec.pagination.carry)
            return replace(first, url=url)
        if wanted.alone:
            in_body = isinstance(first.body, dict)
            first = replace(first, url=first.url.with_query(None), body={} if in_body else None)
        if wanted.path:
            return replace(first, url=on_page(first.url, wanted.path))
        return with_parameters(first, wanted.query, wanted.body)

    def _judged(
        self,
        good: SuccessResponse[SplitPage],
        page_key: PageKey,
        check: Check | None,
        *,
        takes_null: bool,
    ) -> Fetched:
        """Returns the page with what it proves of the next one.

        Raises:
            BrokenAnswer: it has no list of records.
        """
        split = good.payload or SplitPage(None, ())
        is_empty = split.is_null and (takes_null or self._marks_ends)
        if split.records is None or (split.is_null and not is_empty):
            message = f"{self.name}: the answer has no list at `{self.spec.records}`"
            raise BrokenAnswer(message, operation=self.name)
        page = Fetched(
            split.around,
            split.records,
            good.headers,
            good.url,
            nothing=good.skipped,
            total=number_at(self._total_at, split.around),
        )
        try:
            page = replace(page, following=self._following(page_key, page))
            if check is not None:
                check(page)
        except Inconclusive as error:
            doubt = BrokenAnswer(f"{self.name}: the answer {error}", operation=self.name)
            return replace(page, following=None, doubt=doubt)
        except Misdirected as error:
            return replace(page, following=None, doubt=error)
        return page

    def _following(self, page_key: PageKey, page: Fetched) -> PageKey | None:
        """Returns the key of the next page; an address is judged before it can be stored."""
        answer = PageAnswer(page.around, page.headers, len(page.records), page.nothing)
        following = next_page_key(self.spec.pagination, page_key, answer)
        if following is None or "url" not in following:
            return following
        here = Draft(self.name, method="GET", url=page.url.with_query(None))
        url = self._requests.follow(following["url"], here, keep_origin=self._keeps_origin)
        return {"url": str(url)}


def with_parameters(draft: Draft, query: Mapping[str, str], body: Mapping[str, Any]) -> Draft:
    """Returns the request with more parameters in its query and body."""
    if query:
        draft = replace(draft, url=draft.url.update_query(query))
    if body:
        draft = replace(draft, body=merged(draft.body or {}, body))
    return draft


def _marks_ends(pagination: Pagination) -> bool:
    """True where answers mark whether they are the last, so that empty ones prove it."""
    return any(getattr(pagination, name, None) for name in _END_MARKERS)


def _paths_around(spec: List) -> list[str]:
    """Returns every path that is read from a page besides its records."""
    found: list[str | None] = [spec.total]
    found += [getattr(spec.pagination, name, None) for name in (*_END_MARKERS, "at")]
    if isinstance(spec.cursor, SyncTokenCursor):
        found.append(spec.cursor.at)
    return [path for path in found if path]
