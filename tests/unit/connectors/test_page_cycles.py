"""A walk ends with an error where the ATS would let it go on for ever."""

import asyncio
from itertools import count, cycle

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BrokenAnswer
from connectors.read.page_cycles import PagesRead
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

NUMBERED = "{kind: page, parameter: page, more: more}"
CURSOR = "{kind: cursor, parameter: c, at: next}"
ENOUGH = 3_000


@pytest.mark.parametrize("pagination", [NUMBERED, CURSOR])
@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ([[{}]], "the same page again and again"),
        ([[None]], "the same page again and again"),
        ([[{"id": ""}], [{"name": "x"}]], "the same page again and again"),
        ([[{"id": 1}], [{"id": 2}], [{"id": 3}]], "the same page again and again"),
        ([[]], "empty pages? "),
    ],
    ids=["no-id", "null", "two-in-turn-without-ids", "three-in-turn", "empty"],
)
async def test_pages_that_come_again_under_new_positions_end_a_walk(
    pagination: str, pages: list[list[object]], says: str
) -> None:
    content, number = cycle(pages), count(1)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"rows": next(content), "more": True, "next": f"p{next(number)}"})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(pagination=pagination))
        with pytest.raises(BrokenAnswer, match=says):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) < ENOUGH


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 5))
def test_a_page_may_come_three_times_in_each_scope(marks: list[str], scopes: int) -> None:
    read, position = PagesRead("people"), count()
    pages = [each for at, each in enumerate(marks) if marks[:at].count(each) < 3]

    for scope in range(scopes):
        for each in pages:
            read.note({"page": next(position)}, [each], scope=str(scope))

    assert next(position) == scopes * len(pages)


async def test_a_lookup_list_that_ignores_the_page_number_ends() -> None:
    async def answer(request: web.Request) -> web.Response:
        is_lookup = request.path == "/stages"
        row = {"id": 1, "stage_id": "s1", "name": "N"}
        return web.json_response({"rows": [row], "more": is_lookup})

    lists = (
        "    joins:\n      stage: {list: stages, key: stage_id}\n"
        "  stages: {holds: lookup, request: {get: /stages}, records: rows, "
        f"pagination: {NUMBERED}}}\n"
    )
    async with tiny_ats(answer) as ats:
        text = definition_text(pagination=NUMBERED, lists=lists).replace(
            "id: id,", "id: id, title: joined.stage.name,"
        )
        connector = tiny_connector(ats, text)
        async with asyncio.timeout(20):
            with pytest.raises(BrokenAnswer, match="the same page again and again"):
                await connector.prepare_mapping("people")
        await connector.close()

    assert ats.asked.count("GET /stages") < ENOUGH
