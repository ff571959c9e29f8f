"""Walks over every kind of pagination, against servers that end pages the way vendors do."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from connectors.errors import (
    AuthRefused,
    BrokenAnswer,
    CursorRefused,
    Misdirected,
    RateLimited,
    Unavailable,
)
from connectors.registry import SharedLimits
from connectors.values import Page, Window
from tests.support.ats import QuickClock
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

PEOPLE = [{"id": n, "name": f"N{n}"} for n in range(1, 8)]


def rows(*numbers: int, **more: Any) -> web.Response:
    return web.json_response({"rows": [PEOPLE[n - 1] for n in numbers], **more})


async def test_pages_by_number_end_with_an_empty_page_and_never_with_a_short_one() -> None:
    pages = {"1": [1, 2, 3], "2": [4], "3": [5, 6]}

    async def answer(request: web.Request) -> web.Response:
        return rows(*pages.get(request.query["page"], []))

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination="{kind: page, parameter: page}"))
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1", "2", "3", "4", "5", "6"]


async def test_pages_by_number_end_where_the_answer_says_so() -> None:
    async def answer(request: web.Request) -> web.Response:
        number = int(request.query["p"])
        return rows(number + 1, pages=3)

    async with tiny_ats(answer) as ats:
        text = definition_text(pagination="{kind: page, parameter: p, first: 0, pages: pages}")
        connector = tiny_connector(ats, text)
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1", "2", "3"]
    assert ats.asked == ["GET /people?p=0", "GET /people?p=1", "GET /people?p=2"]


async def test_offsets_count_the_records_that_came() -> None:
    async def answer(request: web.Request) -> web.Response:
        at = int(request.query["offset"])
        return rows(*range(at + 1, min(at + 3, 7) + 1), total=7)

    async with tiny_ats(answer) as ats:
        text = definition_text(pagination="{kind: offset, parameter: offset, total: total}")
        connector = tiny_connector(ats, text)
        found = await ids_of(connector)
        await connector.close()

    assert found == [str(n) for n in range(1, 8)]
    assert len(ats.asked) == 3


async def test_a_cursor_in_a_header_may_be_the_only_parameter() -> None:
    async def answer(request: web.Request) -> web.Response:
        if "after" in request.query:
            return rows(3) if len(request.query) == 1 else web.Response(status=422)
        response = rows(1, 2)
        response.headers["X-Next"] = "c1"
        return response

    async with tiny_ats(answer) as ats:
        text = definition_text(
            request="{get: /people, query: {limit: 2}}",
            pagination="{kind: cursor, parameter: after, header: X-Next, alone: true}",
        )
        connector = tiny_connector(ats, text)
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1", "2", "3"]
    assert ats.asked == ["GET /people?limit=2", "GET /people?after=c1"]


async def test_a_cursor_goes_into_the_body_of_a_post() -> None:
    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        return rows(2) if body == {"limit": 1, "cursor": "x"} else rows(1, next="x")

    async with tiny_ats(answer) as ats:
        text = definition_text(
            request="{post: /people.list, body: {limit: 1}}",
            pagination="{kind: cursor, parameter: cursor, send_in: body, at: next}",
        )
        connector = tiny_connector(ats, text)
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1", "2"]


async def test_a_next_address_gets_the_filter_that_it_lost() -> None:
    async def answer(request: web.Request) -> web.Response:
        if "at" in request.query:
            return rows(2)
        return rows(1, next=f"http://{request.host}/people?at=2")

    async with tiny_ats(answer) as ats:
        text = definition_text(
            pagination="{kind: next_url, at: next, carry: [since]}",
            cursor='{kind: updated_at, field: updated, query: {since: "{from}"}, format: date}',
        )
        connector = tiny_connector(ats, text)
        found = await ids_of(connector, cursor={"updated_at": "2026-11-01T00:00:00.000Z"})
        await connector.close()

    assert found == ["1", "2"]
    assert ats.asked == ["GET /people?since=2026-11-01", "GET /people?at=2&since=2026-11-01"]


@pytest.mark.parametrize(
    "elsewhere",
    ["http://127.0.0.2:{port}/people", "https://127.0.0.1:{port}/people", "//other.example/p",
     "http://127.0.0.1:1/people", "http://user@127.0.0.1.example/people"],
)  # fmt: skip
async def test_a_next_address_on_another_origin_is_refused_and_nothing_is_sent(
    elsewhere: str,
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows(1, next=elsewhere.format(port=request.url.port))

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination="{kind: next_url, at: next}"))
        with pytest.raises(Misdirected):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) == 1


async def test_a_redirect_is_not_followed() -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        with pytest.raises(Misdirected, match="redirect"):
            await ids_of(connector)
        await connector.close()

    assert ats.asked == ["GET /people"]


async def test_a_next_page_that_was_already_read_ends_the_walk_with_an_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows(1, next="same")

    async with tiny_ats(answer) as ats:
        text = definition_text(pagination="{kind: cursor, parameter: c, at: next}")
        connector = tiny_connector(ats, text)
        with pytest.raises(BrokenAnswer, match="already read"):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) == 3


@pytest.mark.parametrize("body", ['{"error": "no"}', '{"rows": null}', '{"rows": {}}', "[]"])
async def test_an_answer_without_the_promised_list_is_no_empty_listing(body: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        with pytest.raises(BrokenAnswer, match="no list at `rows`"):
            await ids_of(connector)
        await connector.close()


@pytest.mark.parametrize("body", ["<html>down for maintenance</html>", '{"rows": [{"id": 1'])
async def test_an_answer_that_is_no_json_is_requested_again_and_then_fails(body: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        with pytest.raises(BrokenAnswer, match="expected JSON, got text/html") as raised:
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) == 5
    assert "maintenance" not in str(raised.value)


async def test_an_answer_that_is_far_too_large_is_cut_off() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await response.prepare(request)
        import zlib

        packer = zlib.compressobj(wbits=31)
        await response.write(packer.compress(b" " * 40_000_000) + packer.flush())
        return response

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        with pytest.raises(BrokenAnswer, match="larger than"):
            await ids_of(connector)
        await connector.close()


async def test_a_failing_page_is_requested_again() -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows(1) if len(ats.asked) > 2 else web.Response(status=503)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1"]


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows(1)

    async with tiny_ats(answer) as ats:
        pass
    connector = tiny_connector(ats, definition_text())

    with pytest.raises(Unavailable, match="refused the connection"):
        await ids_of(connector)
    await connector.close()


@pytest.mark.parametrize(("announced", "least"), [("7", 7.0), (None, 1.0)])
async def test_a_read_that_is_rate_limited_waits_and_goes_on(
    announced: str | None, least: float
) -> None:
    clock = QuickClock(scale=1.0)

    async def answer(request: web.Request) -> web.Response:
        if len(ats.asked) > 1:
            return rows(1)
        headers = {"Retry-After": "0.3"} if announced else {}
        return web.Response(status=429, headers=headers)

    async with tiny_ats(answer) as ats:
        text = definition_text(more="limits: {pause: 100ms}")
        connector = tiny_connector(ats, text, clock=clock)
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1"]
    assert sum(clock.slept) >= (0.3 if announced else 0.05)


async def test_status_200_with_an_error_body_is_an_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"ok": False, "code": "bad_key"})

    async with tiny_ats(answer) as ats:
        more = "errors: {ok_when: ok, code: code, rules: [{when: code == 'bad_key', then: auth}]}"
        connector = tiny_connector(ats, definition_text(more=more))
        with pytest.raises(AuthRefused, match=r"\(bad_key\)"):
            await ids_of(connector)
        await connector.close()


async def test_an_error_can_be_reported_by_a_header() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=400, headers={"X-Problem": "Stale position"})

    async with tiny_ats(answer) as ats:
        rule = "{status: [400], header: X-Problem, matches: stale, then: cursor}"
        connector = tiny_connector(ats, definition_text(more=f"errors: {{rules: [{rule}]}}"))
        with pytest.raises(CursorRefused):
            await ids_of(connector)
        await connector.close()


async def test_skip_means_that_there_is_nothing() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with tiny_ats(answer) as ats:
        more = "errors: {rules: [{status: [404], on: [list], then: skip}]}"
        connector = tiny_connector(ats, definition_text(more=more))
        found = await ids_of(connector)
        await connector.close()

    assert found == []


async def test_a_walk_resumes_after_the_page_that_was_kept() -> None:
    async def answer(request: web.Request) -> web.Response:
        at = int(request.query.get("c", "1"))
        return rows(at, next=str(at + 1) if at < 4 else None)

    async with tiny_ats(answer) as ats:
        text = definition_text(pagination="{kind: cursor, parameter: c, at: next}")
        connector = tiny_connector(ats, text)
        first: list[Page] = []
        async for page in connector.pages("people", Window()):
            first.append(page)
            if len(first) == 2:
                break
        kept = json.loads(json.dumps(first[-1].position))
        rest = [p async for p in connector.pages("people", Window(), position=kept)]
        await connector.close()

    assert [record.external_id for page in rest for record in page.records] == ["3", "4"]
    assert rest[-1].complete


async def test_a_position_that_cannot_be_read_begins_again() -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows(1)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        with pytest.raises(CursorRefused):
            [page async for page in connector.pages("people", Window(), position={"old": 1})]
        await connector.close()


async def test_the_next_page_is_fetched_while_the_last_one_is_worked_on() -> None:
    second_asked = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if "c" in request.query:
            second_asked.set()
            return rows(2)
        return rows(1, next="2")

    async with tiny_ats(answer) as ats:
        text = definition_text(pagination="{kind: cursor, parameter: c, at: next}")
        connector = tiny_connector(ats, text)
        pages = connector.pages("people", Window())
        await anext(pages)
        await asyncio.wait_for(second_asked.wait(), timeout=5)
        await pages.aclose()  # type: ignore[attr-defined]  # it is a generator
        await connector.close()


async def test_records_without_an_id_fail_and_stop_no_other() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [{"id": 1}, {"name": "x"}, 7, {"id": ""}, {"id": "b"}]})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        (page,) = [page async for page in connector.pages("people", Window())]
        await connector.close()

    assert [record.external_id for record in page.records] == ["1", "b"]
    assert len(page.failed) == 3


async def test_half_a_character_is_replaced_and_the_record_kept() -> None:
    async def answer(request: web.Request) -> web.Response:
        text = '{"rows": [{"id": 1, "name": "A\\ud800"}, {"id": 2, "name": "B"}]}'
        return web.Response(text=text, content_type="application/json")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        (page,) = [page async for page in connector.pages("people", Window())]
        mapped = await connector.map_records("people", page.records)
        await connector.close()

    names = [record.candidate["first_name"] for record in mapped]  # type: ignore[union-attr, index]  # both were mapped
    assert names == ["A\N{REPLACEMENT CHARACTER}", "B"]


async def test_the_cursor_moves_to_the_newest_change_and_an_idle_poll_stores_nothing() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(
            {"rows": [{"id": 1, "updated": "2026-11-01T10:00:00Z"}, {"id": 2, "updated": None}]}
        )

    async with tiny_ats(answer) as ats:
        text = definition_text(
            cursor='{kind: updated_at, field: updated, query: {since: "gte|{from}|lte|{to}"}}'
        )
        connector = tiny_connector(ats, text)
        (full,) = [page async for page in connector.pages("people", Window())]
        again = Window(cursor=full.next_cursor, overlap=timedelta(minutes=2))
        (idle,) = [page async for page in connector.pages("people", again)]
        await connector.close()

    assert full.next_cursor == {"updated_at": "2026-11-01T10:00:00.000Z"}
    assert full.complete
    assert idle.next_cursor is None
    assert not idle.complete
    assert "since=gte%7C2026-11-01T09:58:00.000Z%7Clte%7C" in ats.asked[1]


async def test_a_change_in_the_future_does_not_carry_the_cursor_along() -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.json_response({"rows": [{"id": 1, "updated": "2999-01-01T00:00:00Z"}]})
        response.headers["Date"] = "Sun, 01 Nov 2026 10:00:00 GMT"
        return response

    async with tiny_ats(answer) as ats:
        text = definition_text(
            cursor='{kind: updated_at, field: updated, query: {since: "{from}"}}'
        )
        connector = tiny_connector(ats, text)
        (page,) = [page async for page in connector.pages("people", Window())]
        await connector.close()

    assert page.next_cursor == {"updated_at": "2026-11-01T10:00:00.000Z"}


async def test_integrations_with_one_credential_share_its_budget() -> None:
    running, most = 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return rows(1)

    async with tiny_ats(answer) as ats:
        text = definition_text(more="limits: {budgets: [{kind: concurrency, at_once: 1}]}")
        shared_limits = SharedLimits()
        several = [tiny_connector(ats, text, shared_limits=shared_limits) for _ in range(4)]
        await asyncio.gather(*(ids_of(connector) for connector in several))
        for connector in several:
            await connector.close()

    assert most == 1


async def test_a_definition_with_other_limits_has_a_budget_of_its_own() -> None:
    running, most, enough = 0, 0, asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if most == 3:
            enough.set()
        await enough.wait()
        running -= 1
        return rows(1)

    async with tiny_ats(answer) as ats:
        shared_limits, limits = (
            SharedLimits(),
            "limits: {{budgets: [{{kind: concurrency, at_once: {}}}]}}",
        )
        before = tiny_connector(
            ats, definition_text(more=limits.format(1)), shared_limits=shared_limits
        )
        edited = definition_text(more=limits.format(8))
        after = [tiny_connector(ats, edited, shared_limits=shared_limits) for _ in range(2)]
        async with asyncio.timeout(10):
            await asyncio.gather(*(ids_of(connector) for connector in (before, *after)))
        for connector in (before, *after):
            await connector.close()

    assert most == 3


async def test_being_sent_back_for_ever_ends() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "120"})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(), clock=QuickClock())
        with pytest.raises(RateLimited):
            await ids_of(connector)
        await connector.close()

    assert 5 <= len(ats.asked) <= 12
