"""How one page leads to the next: pure steps from an answer to the next request."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from yarl import URL

from connectors.definition.bodies import body_entry
from connectors.definition.lists import (
    CursorPagination,
    LinkPagination,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from connectors.paths import compile_path

Place = Mapping[str, Any]
"""Where in a walk a page is: `{}` for the first, else what the request for it needs."""

_PATIENCE = 3
"""So many empty pages in a row are the end, whatever the answer says about more."""

_LINK = re.compile(r"<([^>]*)>\s*((?:;[^,<]*)*)")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)


class PageRequest(msgspec.Struct, frozen=True):
    """How the request for a page differs from that for the first one."""

    query: Mapping[str, str]
    body: Mapping[str, Any]
    url: str | None = None
    """Followed as it is, instead of everything else."""
    alone: bool = False
    """The cursor replaces all other parameters."""
    path: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What placeholders of the path stand for."""


class PageAnswer(msgspec.Struct, frozen=True):
    """What a page tells about the next."""

    body: Any
    headers: Mapping[str, str]
    count: int


def page_request(pagination: Pagination, place: Place) -> PageRequest:
    """What to send for the page at a place."""
    match pagination:
        case PagePagination():
            return _parameter(pagination, place.get("page", pagination.first))
        case OffsetPagination():
            return _parameter(pagination, place.get("offset", 0))
        case CursorPagination() if "cursor" in place:
            return _parameter(pagination, place["cursor"], alone=pagination.alone)
        case LinkPagination() | NextUrlPagination() if "url" in place:
            return PageRequest({}, {}, url=place["url"])
    return PageRequest({}, {})


def _parameter(
    pagination: PagePagination | OffsetPagination | CursorPagination,
    value: object,
    *,
    alone: bool = False,
) -> PageRequest:
    if pagination.send_in == "path":
        return PageRequest({}, {}, path={pagination.parameter: str(value)})
    if pagination.send_in == "body":
        return PageRequest({}, body_entry(pagination.parameter, value), alone=alone)
    return PageRequest({pagination.parameter: str(value)}, {}, alone=alone)


def path_marks(pagination: Pagination) -> dict[str, object]:
    """Values for placeholders of the path that are only known page by page; see `on_page`."""
    return {name: _mark_of(name) for name in page_request(pagination, {}).path}


def on_page(url: URL, values: Mapping[str, str]) -> URL:
    """The address with the marks of `path_marks` replaced."""
    text = str(url)
    for name, value in values.items():
        text = text.replace(quote(_mark_of(name), safe=""), quote(value, safe=""))
    return URL(text, encoded=True)


def _mark_of(name: str) -> str:
    return f"{{{name}}}"


def next_place(pagination: Pagination, place: Place, answer: PageAnswer) -> Place | None:
    """Where the next page is; None after the last. The number of records alone ends nothing."""
    match pagination:
        case NoPagination():
            return None
        case PagePagination():
            page = place.get("page", pagination.first)
            empty = 0 if answer.count else place.get("empty", 0) + 1
            goes_on = empty < _PATIENCE and _goes_on_by_page(pagination, page, answer)
            return {"page": page + 1, "empty": empty} if goes_on else None
        case OffsetPagination():
            offset = place.get("offset", 0) + answer.count
            return {"offset": offset} if _goes_on_by_offset(pagination, offset, answer) else None
        case CursorPagination():
            return _next_cursor(pagination, answer)
        case LinkPagination():
            url = link(answer.headers, pagination.rel)
        case NextUrlPagination():
            url = compile_path(pagination.at)(answer.body)
    return {"url": url} if isinstance(url, str) and url else None


def _told(pagination: PagePagination | OffsetPagination, answer: PageAnswer) -> bool | None:
    """What the answer itself says about going on."""
    if pagination.more is not None:
        return bool(compile_path(pagination.more)(answer.body))
    if pagination.done is not None:
        return not compile_path(pagination.done)(answer.body)
    return None


def _goes_on_by_page(pagination: PagePagination, page: int, answer: PageAnswer) -> bool:
    told = _told(pagination, answer)
    if told is not None:
        return told
    pages = compile_path(pagination.pages)(answer.body) if pagination.pages else None
    if isinstance(pages, int):
        return page - pagination.first + 1 < pages
    return answer.count > 0


def _goes_on_by_offset(pagination: OffsetPagination, offset: int, answer: PageAnswer) -> bool:
    told = _told(pagination, answer)
    if told is not None:
        return told and answer.count > 0
    total = compile_path(pagination.total)(answer.body) if pagination.total else None
    if isinstance(total, int):
        return offset < total and answer.count > 0
    return answer.count > 0


def _next_cursor(pagination: CursorPagination, answer: PageAnswer) -> Place | None:
    if pagination.more is not None and not compile_path(pagination.more)(answer.body):
        return None
    if pagination.header is not None:
        cursor: Any = answer.headers.get(pagination.header)
    else:
        cursor = compile_path(pagination.at or "@")(answer.body)
    if pagination.scroll and not answer.count:
        return None
    return None if cursor is None or cursor == "" else {"cursor": cursor}


def link(headers: Mapping[str, str], rel: str) -> str | None:
    """The target of the `Link` header with this relation."""
    getall = getattr(headers, "getall", None)
    lines = getall("Link", []) if getall else [headers.get("Link", "")]
    for match in _LINK.finditer(", ".join(lines)):
        found = _REL.search(match[2])
        if found and rel in (found[1] or found[2]).split():
            return match[1]
    return None


def carried(url: URL, first: URL, names: list[str]) -> URL:
    """The address with those parameters of the first request that it lacks."""
    missing = {name: first.query[name] for name in names if name in first.query}
    return url.update_query({k: v for k, v in missing.items() if k not in url.query})
