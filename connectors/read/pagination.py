"""Steps from one page's answer to the request for the next. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard
from urllib.parse import quote

import msgspec
import weblinking
from yarl import URL

from connectors.definition.bodies import body_entry
from connectors.definition.compiled_paths import compile_path
from connectors.definition.pagination import (
    CursorPagination,
    LinkPagination,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)

PageKey = Mapping[str, Any]
"""The page number, offset, cursor or address that the request for a page needs; `{}` for the first."""


LARGEST_NUMBER = 2**63 - 1
"""A position with a larger number could not be stored."""


class Inconclusive(ValueError):
    """A page says neither where the next one is nor that it is the last."""


class PageRequest(msgspec.Struct, frozen=True):
    """The parts of a page's request that differ from the first page's."""

    query: Mapping[str, str]
    body: Mapping[str, Any]
    url: str | None = None
    """Followed as it is, instead of everything else; `connectors.http.addresses` judges it."""
    alone: bool = False
    """The cursor replaces all other parameters."""
    path: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Values of placeholders in the path."""


class PageAnswer(msgspec.Struct, frozen=True):
    """The parts of an answer that say where the next page is."""

    body: Any
    headers: Mapping[str, str]
    count: int
    nothing: bool = False
    """True: a rule of the definition says that this answer means "nothing there"."""


def page_request(pagination: Pagination, page_key: PageKey) -> PageRequest:
    """Returns how to request a page."""
    match pagination:
        case PagePagination():
            return _parameter(pagination, page_key.get("page", pagination.first))
        case OffsetPagination():
            return _parameter(pagination, page_key.get("offset", 0))
        case CursorPagination() if "cursor" in page_key:
            return _parameter(pagination, page_key["cursor"], alone=pagination.alone)
        case LinkPagination() | NextUrlPagination() if "url" in page_key:
            return PageRequest({}, {}, url=page_key["url"])
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


def next_page_key(pagination: Pagination, page_key: PageKey, answer: PageAnswer) -> PageKey | None:
    """Returns the key of the next page; None after the last. Only an explicit end is one.

    Raises:
        Inconclusive: the answer does not say, or contradicts itself.
    """
    if answer.nothing:
        return None
    found: PageKey | None = None
    match pagination:
        case NoPagination():
            pass
        case PagePagination():
            found = _next_page(pagination, page_key.get("page", pagination.first), answer)
        case OffsetPagination():
            found = _next_offset(pagination, page_key.get("offset", 0) + answer.count, answer)
        case CursorPagination():
            found = _next_cursor(pagination, answer)
        case LinkPagination():
            url = link(answer.headers, pagination.rel)
            found = None if url is None else {"url": url}
        case NextUrlPagination():
            found = _next_url(pagination, answer)
    return found


def passed_over(
    pagination: Pagination, page_key: PageKey, latest: PageAnswer, most: int
) -> PageKey | None:
    """Returns the key after a page that cannot be read; None where that was the last.

    `latest` is the last answer that could be read, `most` the number of records of a full page.

    Raises:
        Inconclusive: positions do not count, so that no page can be passed over.
    """
    if isinstance(pagination, PagePagination):
        page = page_key.get("page", pagination.first)
        pages = number_at(pagination.pages, latest.body)
        known_last = pages is not None and page - pagination.first + 1 >= pages
        return None if known_last else {"page": page + 1}
    if isinstance(pagination, OffsetPagination) and most:
        offset = page_key.get("offset", 0) + most
        total = number_at(pagination.total, latest.body)
        return None if total is not None and offset >= total else {"offset": offset}
    raise Inconclusive("the position of the page after it is not known")


def number_at(path: str | None, body: Any) -> int | None:
    """Returns the number of records or pages that a page says there are; None where it says none."""
    found = compile_path(path)(body) if path else None
    return found if is_count(found) else None


def is_count(value: Any) -> TypeGuard[int]:
    """True for a number of records or pages."""
    return type(value) is int and 0 <= value <= LARGEST_NUMBER


def _next_page(pagination: PagePagination, page: int, answer: PageAnswer) -> PageKey | None:
    more = _says_more(pagination, answer)
    if more is None and pagination.pages is not None:
        pages = _count(pagination.pages, answer)
        if answer.count and pages <= 0:
            raise Inconclusive(f"has records although `{pagination.pages}` is {pages}")
        more = page - pagination.first + 1 < pages
    return {"page": page + 1} if _goes_on(more, answer) else None


def _next_offset(pagination: OffsetPagination, offset: int, answer: PageAnswer) -> PageKey | None:
    more = _says_more(pagination, answer)
    if more is None and pagination.total is not None:
        more = offset < _count(pagination.total, answer)
    return {"offset": offset} if _goes_on(more, answer) else None


def _goes_on(more: bool | None, answer: PageAnswer) -> bool:
    """Without a marker an empty page is the end; with one it must not contradict the marker."""
    if more and not answer.count:
        raise Inconclusive("is an empty page although the answer says that there are more records")
    return answer.count > 0 if more is None else more


def _says_more(pagination: PagePagination | OffsetPagination, answer: PageAnswer) -> bool | None:
    """Returns what a marker in the answer says; None where the definition has none."""
    if pagination.more is not None:
        return _flag(pagination.more, answer)
    if pagination.done is not None:
        return not _flag(pagination.done, answer)
    return None


def _flag(path: str, answer: PageAnswer) -> bool:
    found = compile_path(path)(answer.body)
    if not isinstance(found, bool):
        raise Inconclusive(f"has {_called(found)} at `{path}`, where true or false marks the end")
    return found


def _count(path: str, answer: PageAnswer) -> int:
    found = compile_path(path)(answer.body)
    if not is_count(found):
        raise Inconclusive(f"has {_called(found)} at `{path}`, where a number marks the end")
    return found


def _next_cursor(pagination: CursorPagination, answer: PageAnswer) -> PageKey | None:
    if pagination.scroll and not answer.count:
        return None
    more = None if pagination.more is None else _flag(pagination.more, answer)
    if more is False:
        return None
    if pagination.header is not None:
        cursor: Any = answer.headers.get(pagination.header)
        where = f"header {pagination.header}"
    else:
        cursor, where = compile_path(pagination.at or "@")(answer.body), f"`{pagination.at}`"
    is_number = type(cursor) is int and abs(cursor) <= LARGEST_NUMBER
    if is_number or (isinstance(cursor, str) and cursor.strip()):
        return {"cursor": cursor}
    if more or not (cursor is None or cursor == ""):
        raise Inconclusive(f"has {_called(cursor)} at {where}, where the next page's cursor is due")
    return None


def _next_url(pagination: NextUrlPagination, answer: PageAnswer) -> PageKey | None:
    url = compile_path(pagination.at)(answer.body)
    if url is None or url == "":
        return None
    if not isinstance(url, str) or not url.strip():
        where = f"`{pagination.at}`, where the next page's address is due"
        raise Inconclusive(f"has {_called(url)} at {where}")
    return {"url": url}


def _called(value: Any) -> str:
    """The kind of a value, without its content."""
    if value is None or value == "":
        return "nothing"
    if type(value) is int and abs(value) > LARGEST_NUMBER:
        return "a number of more than 64 bits"
    if type(value) is int and value < 0:
        return "a negative number"
    return _KINDS.get(type(value), "another value")


_KINDS: dict[type, str] = {
    bool: "true or false", int: "a number", float: "a fraction", str: "a text", list: "a list",
    dict: "an object",
}  # fmt: skip


_RELATION = re.compile(r"\brel\s*=[^,;]*", re.IGNORECASE)


def link(headers: Mapping[str, str], rel: str) -> str | None:
    """The target of the `Link` header with this relation.

    Raises:
        Inconclusive: there is a header, and it cannot be read.
    """
    getall = getattr(headers, "getall", None)
    lines = getall("Link", []) if getall else [headers.get("Link", "")]
    links = _own_links(lines)
    found = weblinking.find(links, rel)
    if found is not None and found.uri.strip():
        if _targets(links, rel) > {found.uri}:
            raise Inconclusive(f"has a Link header with several addresses for `{rel}`")
        return found.uri
    if any(not each.get("rel") for each in links):
        raise Inconclusive("has a Link header that does not say what its link is (no `rel`)")
    word = re.compile(rf"(?<![\w./-]){re.escape(rel)}(?![\w./-])", re.IGNORECASE)
    named = any(word.search(each[0]) for each in _RELATION.finditer(",".join(lines)))
    if named or (any(line.strip(" ,") for line in lines) and not weblinking.parse(lines)):
        raise Inconclusive("has a Link header that cannot be read")
    return None


def _targets(links: Iterable[weblinking.Link], rel: str) -> set[str]:
    words = ((each.uri, (each.get("rel") or "").casefold().split()) for each in links)
    return {uri for uri, relations in words if rel.casefold() in relations}


def _own_links(lines: Iterable[str]) -> list[weblinking.Link]:
    """Links of the answer itself; some vendors write single quotes, which RFC 8288 does not know."""
    links = [link for link in weblinking.parse(lines) if link.get("anchor") is None]
    return [
        weblinking.Link(link.uri, {"rel": (link.get("rel") or "").strip("'")}) for link in links
    ]


def carried(url: URL, first: URL, names: list[str]) -> URL:
    """The address with those parameters of the first request that it lacks."""
    missing = {name: first.query[name] for name in names if name in first.query}
    return url.update_query({k: v for k, v in missing.items() if k not in url.query})
