"""Scrolls: the ATS keeps the position of a walk, and the same cursor brings another page each time."""

from collections.abc import Sequence
from itertools import cycle

import pytest
from aiohttp import web

from connectors.errors import BrokenAnswer, Unavailable
from connectors.values import Page, Window
from tests.support.tiny_ats import Answer, definition_text, ids_of, tiny_ats, tiny_connector

TOKEN = "DnF1ZXJ5"
PLAIN = "{kind: cursor, parameter: scroll_id, send_in: body, at: scroll_id}"
SCROLL = "{kind: cursor, parameter: scroll_id, send_in: body, at: scroll_id, scroll: true}"
FLAGGED = "{kind: cursor, parameter: scroll_id, send_in: body, at: scroll_id, more: more}"


def scroll_text(pagination: str) -> str:
    return definition_text(request="{post: /scroll, body: {size: 2}}", pagination=pagination)


def page(ids: Sequence[int], token: str | None = TOKEN, **around: object) -> web.Response:
    rows = [{"id": n, "name": f"N{n}"} for n in ids]
    return web.json_response({"rows": rows, "scroll_id": token, **around})


async def walked(pagination: str, answer: Answer) -> list[str]:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, scroll_text(pagination))
        try:
            return await ids_of(connector)
        finally:
            await connector.close()


def in_turn(*answers: web.Response) -> Answer:
    left = iter(answers)

    async def answer(request: web.Request) -> web.Response:
        return next(left)

    return answer


@pytest.mark.parametrize(
    ("pagination", "answers"),
    [
        (SCROLL, [page([1, 2]), page([3, 4]), page([5]), page([])]),
        (SCROLL, [page([1, 2]), page([3, 4]), page([5], token=None)]),
        (SCROLL, [page([1, 2], "a"), page([3, 4], "b"), page([5], "b"), page([], "c")]),
        (PLAIN, [page([1, 2]), page([3, 4]), page([5], token=None)]),
        (PLAIN, [page([1, 2]), page([3, 4]), page([5]), page([], token="")]),
        (FLAGGED, [page([1, 2], more=True), page([3, 4], more=True), page([5], more=False)]),
    ],
)
async def test_the_same_cursor_on_every_page_is_no_loop(
    pagination: str, answers: list[web.Response]
) -> None:
    assert await walked(pagination, in_turn(*answers)) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    "pagination",
    [
        "{kind: next_url, at: next}",
        "{kind: link_header}",
        "{kind: cursor, parameter: after, header: X-Next}",
    ],
)
async def test_the_same_address_or_header_may_bring_another_page_each_time_too(
    pagination: str,
) -> None:
    async def answer(request: web.Request) -> web.Response:
        at = len(ats.asked)
        following = "/scroll/abc" if at < 4 else None
        headers = {"Link": f'<{following}>; rel="next"', "X-Next": "abc"} if following else {}
        body = {"rows": [{"id": at, "name": "N"}], "next": following}
        return web.json_response(body, headers=headers)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination=pagination))
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "answers",
    [
        [([1, 2], "same")],
        [([1], "a"), ([2], "b")],
        [([1], "a"), ([2], "b"), ([3], "c")],
        [([], "same")],
    ],
    ids=["one page", "two pages in turn", "three pages in turn", "an empty page"],
)
async def test_the_same_page_at_the_same_position_is_a_loop_and_is_refused(
    answers: list[tuple[list[int], str]],
) -> None:
    served = cycle(answers)

    async def answer(request: web.Request) -> web.Response:
        return page(*next(served))

    with pytest.raises(BrokenAnswer, match=r"already read; .* needs `scroll: true`"):
        await walked(PLAIN, answer)


async def test_a_lookup_list_may_scroll_as_well() -> None:
    lists = f"""\
  stages: {{holds: lookup, request: {{post: /scroll, body: {{}}}}, records: rows,
           pagination: {SCROLL}}}
"""
    served = iter([page([1, 2]), page([3]), page([])])

    async def answer(request: web.Request) -> web.Response:
        return next(served) if request.path == "/scroll" else page([], token=None)

    text = definition_text(lists=lists, more="writes: {stages: {list: stages}}")
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text)
        stages = await connector.stages()
        await connector.close()

    assert [stage.external_id for stage in stages] == ["1", "2", "3"]


async def test_a_page_of_a_scroll_whose_answer_was_lost_is_not_requested_again() -> None:
    """The ATS has moved on: the next answer would be the page after the one that was lost."""

    async def answer(request: web.Request) -> web.Response:
        first = len(ats.asked) == 1
        return page([1]) if first else web.Response(status=503)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, scroll_text(SCROLL))
        with pytest.raises(Unavailable):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) == 2


async def test_a_scroll_begins_like_any_list_and_waits_when_rate_limited() -> None:
    busy = web.Response(status=429, headers={"Retry-After": "1"})
    answers = [web.Response(status=503), page([1]), busy, page([2]), page([])]

    assert await walked(SCROLL, in_turn(*answers)) == ["1", "2"]


@pytest.mark.parametrize("pagination", [PLAIN, SCROLL])
async def test_no_later_run_goes_on_in_the_middle_of_a_scroll(pagination: str) -> None:
    served = in_turn(page([1]), page([2]), page([3]), page([4], token=None))
    async with tiny_ats(served) as ats:
        connector = tiny_connector(ats, scroll_text(pagination))
        pages: list[Page] = [each async for each in connector.pages("people", Window())]
        await connector.close()

    assert [each.position for each in pages[1:]] == [None, None, None]
    assert pages[-1].last
