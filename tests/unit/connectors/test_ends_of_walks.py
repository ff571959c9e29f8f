"""Which answers end a walk, and which are broken: asked for again, and then the walk ends with an error."""

import json
from typing import Any

import pytest
from aiohttp import web

from connectors.errors import AtsError, BrokenAnswer, Misdirected
from connectors.values import Page, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

ROWS = [{"id": n} for n in range(1, 10)]
PAGE_FLAG = "{kind: page, parameter: page, more: has_more}"
PAGE_DONE = "{kind: page, parameter: page, done: last}"
PAGES = "{kind: page, parameter: page, pages: pages}"
EMPTY_PAGE = "{kind: page, parameter: page}"
OFFSET = "{kind: offset, parameter: offset, total: total}"
OFFSET_EMPTY = "{kind: offset, parameter: offset}"
CURSOR = "{kind: cursor, parameter: c, at: next}"
CURSOR_FLAG = "{kind: cursor, parameter: c, at: next, more: has_more}"
CURSOR_HEADER = "{kind: cursor, parameter: c, header: X-Next}"
NEXT_URL = "{kind: next_url, at: paging.next}"
LINK = "{kind: link_header}"
NOTHING_204 = "errors: {rules: [{status: [204], then: skip}]}"


def rows(*numbers: int, link: str | None = None, **more: Any) -> web.Response:
    headers = {} if link is None else {"Link": link}
    return web.json_response({"rows": [ROWS[n - 1] for n in numbers], **more}, headers=headers)


def text(body: str, kind: str = "application/json", status: int = 200) -> web.Response:
    return web.Response(text=body, content_type=kind, status=status)


Answers = list[web.Response]
"""The first, the second, ... request; the last one is sent again and again."""


async def walk(pagination: str, answers: Answers, **definition: Any) -> tuple[list[Page], Any, int]:
    """The pages, the error that ended the walk, and how often the ATS was asked."""
    bodies = [(a.status, dict(a.headers), a.body) for a in answers]

    async def answer(request: web.Request) -> web.Response:
        status, headers, body = bodies[min(len(ats.asked), len(bodies)) - 1]
        return web.Response(status=status, headers=headers, body=body)

    window = definition.pop("window", Window())
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination=pagination, **definition))
        pages: list[Page] = []
        error: AtsError | None = None
        try:
            async for page in connector.pages("people", window):
                pages.append(page)  # noqa: PERF401 (what came before an error counts)
        except AtsError as found:
            error = found
        await connector.close()
    return pages, error, len(ats.asked)


def is_partial(pages: list[Page], error: AtsError | None) -> bool:
    """It ended with the error, or passed over the page that could not be read."""
    proves = any(page.complete or page.next_cursor for page in pages)
    return not proves and (isinstance(error, BrokenAnswer) or pages[-1].partial)


def ids(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


@pytest.mark.parametrize(
    ("pagination", "answers", "shown"),
    [
        ("{kind: none}", [rows(1, 2)], 2),
        ("{kind: none}", [rows()], 0),
        (PAGE_FLAG, [rows(1, has_more=True), rows(2, has_more=False)], 2),
        (PAGE_FLAG, [rows(1, has_more=True), rows(has_more=False)], 1),
        (PAGE_DONE, [rows(1, last=False), rows(2, last=True)], 2),
        (PAGES, [rows(1, pages=2), rows(2, pages=2)], 2),
        (PAGES, [rows(pages=0)], 0),
        (PAGES, [text('{"rows": null, "pages": 0}')], 0),
        (EMPTY_PAGE, [rows(1), rows()], 1),
        (OFFSET, [rows(1, 2, total=3), rows(3, total=3)], 3),
        (OFFSET, [rows(1, 2, total=3), rows(total=2)], 2),  # one was deleted meanwhile
        (OFFSET_EMPTY, [rows(1), rows()], 1),
        (CURSOR, [rows(1, next="a"), rows(2, next=None)], 2),
        (CURSOR, [rows(1, next=7), rows(2)], 2),
        (CURSOR, [rows(1, next="a"), rows(next="b"), rows(2, next="")], 2),  # a filtered page
        (CURSOR_FLAG, [rows(1, next="a", has_more=True), rows(2, next="b", has_more=False)], 2),
        (CURSOR_FLAG, [text('{"rows": null, "has_more": false}')], 0),
        (CURSOR_HEADER, [rows(1)], 1),
        (NEXT_URL, [rows(1, paging={"next": "/people?p=2"}), rows(2, paging={})], 2),
        (NEXT_URL, [rows(1, paging={"next": "?p=2"}), rows(2)], 2),
        (LINK, [rows(1, link='</people?p=2>; rel="next"'), rows(2, link='</people>; rel="first"')], 2),
    ],
)  # fmt: skip
async def test_an_explicit_end_completes_a_walk(
    pagination: str, answers: Answers, shown: int
) -> None:
    pages, error, asked = await walk(pagination, answers)

    assert error is None
    assert len(ids(pages)) == shown
    assert pages[-1].complete
    assert asked == len(answers)


@pytest.mark.parametrize("pagination", [PAGE_FLAG, EMPTY_PAGE, OFFSET, CURSOR_FLAG, NEXT_URL, LINK])
async def test_204_completes_a_walk_where_the_definition_says_so(pagination: str) -> None:
    pages, error, asked = await walk(pagination, [text("", status=204)], more=NOTHING_204)

    assert (error, ids(pages), pages[-1].complete, asked) == (None, [], True, 1)


GOOD = rows(1, has_more=True, last=False, pages=3, total=9, next="a", paging={"next": "/people?p=2"},
            link='</people?p=2>; rel="next"')  # fmt: skip
KINDS = [PAGE_FLAG, PAGE_DONE, PAGES, EMPTY_PAGE, OFFSET, OFFSET_EMPTY, CURSOR, CURSOR_FLAG,
         NEXT_URL, LINK]  # fmt: skip


@pytest.mark.parametrize("pagination", KINDS)
@pytest.mark.parametrize(
    "broken",
    [
        text(""),
        text("", status=204),
        text("   "),
        text("<html>Please log in</html>", "text/html"),
        text('{"error": "later"}'),
        text('{"rows": {}}'),
        text('"rows"'),
        text("null"),
        text('{"rows": [{"id": 2}'),
        text('{"rows": [{"id": 2}]} and more'),
        text('{"rows": [], "has_more": false, "total": 1, "next": null}', status=202),
        text('{"rows": [], "has_more": false, "total": 1, "next": null}', status=206),
        text('{"rows": [], "has_more": false, "total": 1, "next": null}', status=207),
        text('{"rows": [], "has_more": false, "total": 1, "next": null}', status=208),
    ],
    ids=[
        "no bytes",
        "204",
        "blank",
        "web page",
        "no list",
        "object",
        "text",
        "null",
        "cut",
        "tail",
        "202",
        "206",
        "207",
        "208",
    ],
)
async def test_an_answer_that_is_no_page_ends_no_walk(
    pagination: str, broken: web.Response
) -> None:
    pages, error, asked = await walk(pagination, [GOOD, broken])

    assert isinstance(error, BrokenAnswer)
    assert ids(pages) == ["1"]
    assert not any(page.last or page.complete or page.next_cursor for page in pages)
    assert asked >= 6


@pytest.mark.parametrize(
    ("pagination", "odd", "says"),
    [
        (PAGE_FLAG, {"has_more": None}, "nothing at `has_more`"),
        (PAGE_FLAG, {}, "nothing at `has_more`"),
        (PAGE_FLAG, {"has_more": "no"}, "a text at `has_more`"),
        (PAGE_FLAG, {"has_more": 0}, "a number at `has_more`"),
        (PAGE_FLAG, {"has_more": []}, "a list at `has_more`"),
        (PAGE_DONE, {"last": None}, "nothing at `last`"),
        (PAGE_DONE, {"last": 1}, "a number at `last`"),
        (PAGES, {"pages": None}, "nothing at `pages`"),
        (PAGES, {"pages": "2"}, "a text at `pages`"),
        (PAGES, {"pages": True}, "true or false at `pages`"),
        (PAGES, {"pages": 2.0}, "a fraction at `pages`"),
        (PAGES, {"pages": 0}, "although `pages` is 0"),
        (OFFSET, {}, "nothing at `total`"),
        (OFFSET, {"total": "3"}, "a text at `total`"),
        (OFFSET, {"total": -1}, "a negative number at `total`"),
        (CURSOR, {"next": False}, "true or false at `next`"),
        (CURSOR, {"next": {"after": 1}}, "an object at `next`"),
        (CURSOR, {"next": ["a"]}, "a list at `next`"),
        (CURSOR, {"next": 1.5}, "a fraction at `next`"),
        (CURSOR, {"next": " "}, "a text at `next`"),
        (CURSOR_FLAG, {"next": "b", "has_more": None}, "nothing at `has_more`"),
        (CURSOR_FLAG, {"next": None, "has_more": True}, "nothing at `next`"),
        (CURSOR_FLAG, {"next": "", "has_more": True}, "nothing at `next`"),
        (NEXT_URL, {"paging": {"next": 2}}, "a number at `paging.next`"),
        (NEXT_URL, {"paging": {"next": {"href": "/p"}}}, "an object at `paging.next`"),
        (NEXT_URL, {"paging": {"next": True}}, "true or false at `paging.next`"),
        (LINK, {"link": "garbage"}, "Link header that cannot be read"),
        (LINK, {"link": '<http://127.0.0.1/p; rel="next"'}, "Link header that cannot be read"),
        (LINK, {"link": "/people?p=2; rel=next"}, "Link header that cannot be read"),
        (LINK, {"link": "</people?p=2>"}, "does not say what its link is"),
        (LINK, {"link": '</people?p=2>; title="next"'}, "does not say what its link is"),
        (LINK, {"link": "</a>; rel=next, </b>; rel=next"}, "several addresses for `next`"),
        (LINK, {"link": '</a>; rel="next", </b>; rel="prev NEXT"'}, "several addresses"),
    ],
)  # fmt: skip
async def test_a_marker_that_cannot_be_read_ends_no_walk(
    pagination: str, odd: dict[str, Any], says: str
) -> None:
    pages, error, asked = await walk(pagination, [rows(1, 2, **odd)])

    assert isinstance(error, BrokenAnswer)
    assert says in str(error)
    assert ids(pages)[:2] == ["1", "2"]
    assert not any(page.last or page.position for page in pages)
    assert asked >= 5


@pytest.mark.parametrize(
    ("pagination", "empty"),
    [
        (PAGE_FLAG, {"has_more": True}),
        (PAGE_DONE, {"last": False}),
        (PAGES, {"pages": 4}),
        (OFFSET, {"total": 9}),
        (CURSOR_FLAG, {"has_more": True}),
        ("{kind: offset, parameter: o, more: has_more}", {"has_more": True}),
    ],
)
async def test_an_empty_page_that_promises_more_ends_no_walk(
    pagination: str, empty: dict[str, Any]
) -> None:
    full = rows(1, 2, 3, has_more=True, last=False, pages=4, total=9, next="a")

    pages, error, _ = await walk(pagination, [full, rows(**empty)])

    assert is_partial(pages, error)
    assert ids(pages) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "window", [Window(), Window(cursor={"updated_at": "2026-11-01T00:00:00Z"})]
)
@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ([rows(1, 2, 3, total=9)], 3),
        ([rows(1, 2, 3, total=6, next="a"), rows(3, 2, 1, total=6)], 3),
        ([rows(1, 2, total=4, next="a"), rows(3, total=5)], 3),
    ],
    ids=["three of nine", "the same three twice", "one was added, and one is missing"],
)
async def test_a_walk_that_shows_less_than_the_total_is_not_complete(
    answers: Answers, shown: int, window: Window
) -> None:
    pages, error, _ = await walk(
        CURSOR,
        answers,
        window=window,
        cursor='{kind: updated_at, field: u, query: {since: "{from}"}}',
        lists="    total: total",
    )

    assert isinstance(error, BrokenAnswer)
    assert f"only {shown} of" in str(error)
    assert len(set(ids(pages))) == shown
    assert not any(page.last for page in pages)


@pytest.mark.parametrize(
    "answers",
    [
        [rows(1, 2, total=4, next="a"), rows(3, total=3)],
        [rows(1, 2, total=4, next="a"), rows(3, 4, total=6)],
        [rows(1, 2, total=4, next="a"), rows(2, 3, 4, total=4)],
        [rows(1, 2, total=9, next="a"), rows(3, total=3, next="b"), rows(4, total=4)],
        [rows(1, 2, next="a"), rows(3)],
    ],
    ids=["one deleted", "two added behind", "one twice", "many deleted, one added", "no total"],
)
async def test_what_is_added_and_deleted_meanwhile_leaves_a_walk_complete(answers: Answers) -> None:
    pages, error, _ = await walk(CURSOR, answers, lists="    total: total")

    assert error is None
    assert pages[-1].complete


async def test_a_server_that_ignores_the_page_number_is_not_believed() -> None:
    for pagination in (EMPTY_PAGE, PAGES, OFFSET, OFFSET_EMPTY):
        pages, error, _ = await walk(pagination, [rows(1, 2, pages=2, total=4)])

        assert is_partial(pages, error), pagination
        assert set(ids(pages)) == {"1", "2"}


async def test_a_broken_answer_that_passes_costs_nothing() -> None:
    answers = [rows(1, has_more=True), text(""), rows(has_more=True), rows(2, has_more=False)]

    pages, error, asked = await walk(PAGE_FLAG, answers)

    assert (error, ids(pages), pages[-1].complete, asked) == (None, ["1", "2"], True, 4)


@pytest.mark.parametrize(
    "address",
    ["http://other.example/p", "//other.example/p", "http://[bad", "http://127.0.0.1:99999999/p",
     "ftp://127.0.0.1/p"],
)  # fmt: skip
@pytest.mark.parametrize("pagination", [NEXT_URL, LINK])
async def test_an_address_that_cannot_be_followed_is_never_a_position(
    pagination: str, address: str
) -> None:
    bad = rows(1, paging={"next": address}, link=f"<{address}>; rel=next")

    pages, error, asked = await walk(pagination, [bad])

    assert isinstance(error, Misdirected)
    assert ids(pages) == ["1"]
    assert pages[0].position is None
    assert asked == 1


@pytest.mark.parametrize(
    "header",
    [
        '</people?p=2>; rel="next"',
        '</people?p=1>; rel="prev", </people?p=2>; rel="next"',
        '</people?p=1>; title="a, b; <c>"; rel="prev", </people?p=2>; title="x, y"; rel="next"',
        "</people?p=2>; rel=next",
        '</people?p=2>; REL="NEXT"',
        '</people?p=2>; rel="prev next"',
        '</people?p=2>;title="say \\"hi, <you>\\"";rel=\'next\'',
        "<?p=2>; rel=next",
        " , </people?p=2> ;rel = next ; ,",
    ],
)
async def test_a_link_header_is_read_as_rfc_8288_has_it(header: str) -> None:
    pages, error, _ = await walk(LINK, [rows(1, link=header), rows(2)])

    assert error is None
    assert ids(pages) == ["1", "2"]


async def test_one_of_several_link_headers_has_the_next_page() -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(
            text=json.dumps({"rows": [ROWS[len(ats.asked)]]}), content_type="application/json"
        )
        if len(ats.asked) == 1:
            response.headers.add("Link", '</people>; rel="first"')
            response.headers.add("Link", '</people?p=2>; rel="next"')
        return response

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination=LINK))
        pages = [page async for page in connector.pages("people", Window())]
        await connector.close()

    assert ids(pages) == ["2", "3"]


async def test_only_204_can_be_declared_to_mean_that_nothing_is_there() -> None:
    rule = "errors: {rules: [{status: [200, 204], then: skip}]}"

    full, error, _ = await walk(CURSOR, [rows(1, 2)], more=rule)
    none, broken, _ = await walk(CURSOR, [text("")], more=rule)

    assert (ids(full), error) == (["1", "2"], None)
    assert none == []
    assert isinstance(broken, BrokenAnswer)
    assert "skip" not in str(broken)
