"""One page, job, joined list or detail that always fails hides nothing else, and is named."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from connectors.connector import Connector
from connectors.errors import (
    AtsError,
    CursorRefused,
    Rejected,
    Unavailable,
    UnreadablePage,
)
from connectors.values import Mapped, MappingFailed, Page, ReadIssue, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

PAGES = "{kind: page, parameter: page, more: more}"
OFFSET = "{kind: offset, parameter: offset, total: total}"
CURSOR = "{kind: cursor, parameter: c, at: next}"


class Walked:
    """The pages of one walk, the error that ended it, and what the connector reports."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.error: AtsError | None = None
        self.issues: list[ReadIssue] = []
        self.asked: list[str] = []

    @property
    def ids(self) -> list[str]:
        return [record.external_id for page in self.pages for record in page.records]

    @property
    def named(self) -> list[str]:
        return [f"{issue.kind}: {issue.name}" for issue in self.issues]


async def walk(
    answer: Callable[[web.Request], web.Response],
    *,
    position: dict[str, Any] | None = None,
    **definition: Any,
) -> Walked:
    walked = Walked()

    async def serve(request: web.Request) -> web.Response:
        return answer(request)

    async with tiny_ats(serve) as ats:
        connector = tiny_connector(ats, definition_text(**definition))
        try:
            async for page in connector.pages("people", Window(), position=position):
                walked.pages.append(page)
        except AtsError as error:
            walked.error = error
        walked.issues = list(connector.take_issues())
        walked.asked = ats.asked
        await connector.close()
    return walked


def five_pages(bad: dict[int, web.Response]) -> Callable[[web.Request], web.Response]:
    """One record on each of five pages; `bad` are answers instead of a page."""

    def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("page", request.query.get("c", "1")))
        if page in bad:
            return web.Response(status=bad[page].status, body=bad[page].body)
        more = {"more": page < 5, "next": str(page + 1) if page < 5 else None}
        return web.json_response({"rows": [{"id": page}] if page <= 5 else [], **more})

    return answer


def status(code: int) -> web.Response:
    return web.Response(status=code)


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ({3: status(500)}, "1245"),
        ({1: status(500)}, "2345"),
        ({5: status(503)}, "1234"),
        ({2: status(500), 3: status(502)}, "145"),
        ({2: status(404)}, "1345"),
        ({4: status(422)}, "1235"),
        ({2: web.Response(text="<html>oops</html>")}, "1345"),
        ({2: web.Response(text="")}, "1345"),
        ({2: web.Response(text='{"rows": "none"}')}, "1345"),
        ({2: web.Response(text='{"rows": [], "more": true}')}, "1345"),
        ({2: web.Response(text='{"rows": [{"id": "2"}], "more": null}')}, "12345"),
    ],
    ids=["500", "the first", "the last", "two", "404", "422", "web page", "no bytes", "no list",
         "empty", "no marker"],
)  # fmt: skip
async def test_a_page_that_always_fails_hides_no_other_page(
    bad: dict[int, web.Response], shown: str
) -> None:
    walked = await walk(five_pages(bad), pagination=PAGES)

    assert "".join(walked.ids) == shown
    assert walked.error is None
    assert len(walked.named) == len(bad)
    assert all(name.startswith("page: people") for name in walked.named)
    assert all(issue.hides_records for issue in walked.issues)
    last = walked.pages[-1]
    assert (last.last, last.partial, last.complete, last.next_cursor) == (True, True, False, None)


async def test_a_page_of_offsets_is_passed_over_by_the_size_of_a_full_page() -> None:
    def answer(request: web.Request) -> web.Response:
        at = int(request.query["offset"])
        if at == 2:
            return status(500)
        return web.json_response(
            {"rows": [{"id": n} for n in range(at + 1, min(at + 2, 7) + 1)], "total": 7}
        )

    walked = await walk(answer, pagination=OFFSET)

    assert walked.error is None
    assert walked.ids == ["1", "2", "5", "6", "7"]
    assert walked.named == ["page: people offset 2"]
    assert "answered 500" in walked.issues[0].reason


async def test_many_bad_pages_in_a_row_are_no_exception() -> None:
    bad = {page: status(500) for page in (2, 3, 4, 5, 6, 7, 8)}

    walked = await walk(five_pages(bad), pagination=PAGES)

    assert isinstance(walked.error, UnreadablePage)
    assert walked.ids == ["1"]
    assert not walked.pages[-1].last


@pytest.mark.parametrize("pagination", [PAGES, CURSOR])
async def test_an_outage_is_no_bad_page_and_the_walk_can_go_on_later(pagination: str) -> None:
    asked = 0
    whole = five_pages({})

    def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return whole(request) if asked <= 2 else status(503)

    walked = await walk(answer, pagination=pagination)
    rest = await walk(whole, pagination=pagination, position=dict(walked.pages[-1].position or {}))

    assert type(walked.error) is Unavailable
    assert walked.issues == []
    assert rest.ids == ["3", "4", "5"]
    assert rest.pages[-1].complete


async def test_a_page_that_a_cursor_leads_to_cannot_be_passed_over() -> None:
    walked = await walk(five_pages({3: status(500)}), pagination=CURSOR)

    assert isinstance(walked.error, UnreadablePage)
    assert "answered 500" in str(walked.error)
    assert walked.ids == ["1", "2"]


SCOPED = """\
    scopes: jobs
    fetch: {request: {get: "/jobs/{scope}/people/{id}"}}
  jobs: {holds: lookup, request: {get: /jobs}, records: rows}
"""


@pytest.mark.parametrize("code", [502, 500, 403, 422])
@pytest.mark.parametrize("bad", [{"b"}, {"a"}, {"d"}, {"b", "c"}])
async def test_a_job_whose_list_always_fails_hides_no_other_job(code: int, bad: set[str]) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.path == "/jobs":
            return web.json_response({"rows": [{"id": name} for name in "abcd"]})
        scope = request.path.split("/")[2]
        if scope in bad:
            return status(code)
        return web.json_response({"rows": [{"id": 1}]})

    walked = await walk(answer, request='{get: "/jobs/{scope}/people"}', lists=SCOPED)

    assert walked.error is None
    assert set(walked.ids) == {f"{name}:1" for name in "abcd" if name not in bad}
    assert walked.named == [f"scope: people of {name}" for name in sorted(bad)]
    assert (walked.pages[-1].partial, walked.pages[-1].complete) == (True, False)


async def test_a_job_without_a_usable_id_is_named_and_the_walk_proves_nothing() -> None:
    def answer(request: web.Request) -> web.Response:
        if request.path == "/jobs":
            return web.json_response({"rows": [{"id": ""}, "ZQX", {"id": "a"}]})
        return web.json_response({"rows": [{"id": 1}]})

    walked = await walk(answer, request='{get: "/jobs/{scope}/people"}', lists=SCOPED)

    assert walked.ids == ["a:1"]
    assert walked.named == ["row: jobs", "scope: a row of jobs"]
    assert not walked.pages[-1].complete


@pytest.mark.parametrize("code", [400, 404, 410, 422])
@pytest.mark.parametrize("pagination", [CURSOR, PAGES, "{kind: next_url, at: next}"])
async def test_a_stored_position_that_the_ats_refuses_begins_the_window_again(
    code: int, pagination: str
) -> None:
    place = {"cursor": "old"} if pagination == CURSOR else {"page": 9}
    if "next_url" in pagination:
        place = {"url": "/people?page=9"}

    def answer(request: web.Request) -> web.Response:
        return status(code)

    walked = await walk(
        answer,
        pagination=pagination,
        position={"place": place, "page": 8, "seen": None, "started": None},
    )

    assert isinstance(walked.error, CursorRefused)
    assert f"answered {code}" in str(walked.error)
    assert len(walked.asked) == 1


@pytest.mark.parametrize(
    "position",
    [
        {"place": {"url": "http://other.example/p"}, "page": 2, "seen": None, "started": None},
        {"place": {"url": "http://[bad"}, "page": 2, "seen": None, "started": None},
        {"place": {"url": 7}, "page": 2, "seen": None, "started": None},
        {"place": None, "page": 2, "seen": None, "started": None},
        {"place": {}, "page": "x", "seen": None, "started": None},
        {"place": {}, "page": 1, "seen": "yesterday", "started": None},
        {"place": {}, "page": 1, "seen": None, "started": None, "counted": "many"},
        {},
    ],
)
async def test_a_stored_position_that_leads_nowhere_is_refused_before_anything_is_sent(
    position: dict[str, Any],
) -> None:
    walked = await walk(five_pages({}), pagination="{kind: next_url, at: next}", position=position)

    assert isinstance(walked.error, CursorRefused)
    assert walked.asked == []


async def test_a_walk_that_passed_over_a_page_stays_partial_when_it_is_resumed() -> None:
    first = await walk(five_pages({2: status(500)}), pagination=PAGES)
    rest = await walk(
        five_pages({}), pagination=PAGES, position=dict(first.pages[1].position or {})
    )

    assert first.pages[1].records[0].external_id == "3"
    assert rest.ids == ["4", "5"]
    assert (rest.pages[-1].partial, rest.pages[-1].complete) == (True, False)


JOINED = """\
    joins:
      source: {{list: sources, key: source_id, optional: {optional}{load}}}
  sources:
    holds: lookup
    request: {{get: /sources}}
    records: rows
    fetch: {{request: {{get: /sources, query: {{ids: "{{ids}}"}}}}, records: rows, batch: 50}}
"""


async def mapped_with(
    sources: web.Response, load: str, *, optional: str = "true"
) -> tuple[list[Any], list[ReadIssue]]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/sources":
            return web.Response(
                status=sources.status, body=sources.body, content_type="application/json"
            )
        return web.json_response({"rows": [{"id": 1, "name": "A", "source_id": 5}, {"id": 2}]})

    text = definition_text(lists=JOINED.format(load=load, optional=optional))
    text = text.replace("first_name: name", "first_name: name, source: joined.source.name")
    async with tiny_ats(answer) as ats:
        connector: Connector = tiny_connector(ats, text)
        try:
            await connector.prepare_mapping("people")
            pages = [page async for page in connector.pages("people", Window())]
            found = await connector.map_records("people", pages[0].records)
        finally:
            await connector.close()
        return list(found), list(connector.take_issues())


@pytest.mark.parametrize("load", ["", ", load: needed"])
@pytest.mark.parametrize(
    ("code", "provisional"),
    [(403, False), (404, False), (422, True), (400, True), (500, True), (302, True)],
)
async def test_an_optional_list_that_cannot_be_read_leaves_the_records(
    load: str, code: int, *, provisional: bool
) -> None:
    found, issues = await mapped_with(status(code), load)

    assert [(one.external_id, one.candidate["source"]) for one in found] == [
        ("1", None),
        ("2", None),
    ]
    assert [one.provisional for one in found] == [provisional, False]
    assert [(issue.kind, issue.name) for issue in issues] == [("join", "sources")]


@pytest.mark.parametrize("load", ["", ", load: needed"])
async def test_a_list_that_is_not_optional_still_ends_the_walk(load: str) -> None:
    with pytest.raises(Rejected):
        await mapped_with(status(422), load, optional="false")


@pytest.mark.parametrize("odd", ['"ZQX"', "7", "null", '["x"]', "true"])
@pytest.mark.parametrize("load", ["", ", load: needed"])
async def test_an_odd_row_of_a_joined_list_is_left_out_and_counted(odd: str, load: str) -> None:
    body = f'{{"rows": [{odd}, {{"id": 5, "name": "Fair"}}, {odd}]}}'

    found, issues = await mapped_with(web.Response(text=body), load)

    assert [one.candidate["source"] for one in found] == ["Fair", None]
    assert [(issue.kind, issue.count) for issue in issues] == [("row", 2)]


async def test_a_record_whose_details_always_fail_fails_alone() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/people":
            return web.json_response({"rows": [{"id": n} for n in (1, 2, 3, 4)]})
        number = request.path.rsplit("/", 1)[1]
        if number == "2":
            return status(500)
        body = {"error": "later"} if number == "3" else {"id": int(number), "name": "N"}
        return web.json_response(body)

    lists = '    fetch: {request: {get: "/people/{id}"}}\n    detail: {when: changed}\n'
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(lists=lists))
        pages = [page async for page in connector.pages("people", Window())]
        found = await connector.map_records("people", pages[0].records)
        by_id = await connector.fetch("people", ["1", "2", "3", ""])
        await connector.close()

    assert [type(one) for one in found] == [Mapped, MappingFailed, MappingFailed, Mapped]
    assert {key: row is not None for key, row in by_id.items()} == {"1": True, "": False}
