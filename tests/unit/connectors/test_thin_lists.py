"""Lists that show ids alone: records are read one by one, and no time in them says what changed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from config.problems import ConfigError
from connectors.definition import load_definition_text
from connectors.values import Mapped, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

CURSOR = '{kind: updated_at, query: {since: "{from}"}}'
FETCH = '    fetch: {request: {get: "/people/{id}"}, adds_id: true}\n'
ALWAYS = "    detail: {when: always}\n"


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_definition_text(text, path=Path("tiny.yaml"))
    return [problem.message for problem in caught.value.problems]


async def answer(request: web.Request) -> web.Response:
    if request.path == "/people":
        return web.json_response({"rows": [{"id": 7}]})
    return web.json_response({"name": "Ada"} if request.path == "/people/7" else {})


async def test_a_record_that_does_not_show_its_id_is_known_by_the_one_it_was_asked_for() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(cursor=CURSOR, lists=FETCH + ALWAYS))
        page = await anext(aiter(connector.pages("people", Window())))
        [mapped] = await connector.map_records("people", page.records)
        await connector.close()

    assert isinstance(mapped, Mapped)
    assert mapped.candidate is not None
    assert (mapped.candidate["external_id"], mapped.candidate["first_name"]) == ("7", "Ada")


async def test_without_a_time_in_records_the_next_poll_begins_where_this_one_began() -> None:
    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(cursor=CURSOR, lists=FETCH + ALWAYS))
        cursors: list[Any] = []
        for cursor in (None, {"updated_at": "2026-01-01T00:00:00.000Z"}):
            window = Window(cursor=cursor, overlap=timedelta(minutes=2))
            page = await anext(aiter(connector.pages("people", window)))
            cursors.append(page.next_cursor)
        await connector.close()

    assert all(each is not None and each["updated_at"] > "2026-01-01" for each in cursors)


@pytest.mark.parametrize("when", ["changed", "swept"])
def test_details_that_no_time_shows_to_have_changed_must_be_read_always(when: str) -> None:
    text = definition_text(cursor=CURSOR, lists=FETCH + f"    detail: {{when: {when}}}\n")

    assert complaints(text) == [
        "must be `always` where `cursor` has no `field`: changed records look unchanged"
    ]


def test_an_id_is_added_only_where_it_has_a_plain_name() -> None:
    text = definition_text(cursor=CURSOR, lists=FETCH + ALWAYS + "    id: self.id\n")

    assert complaints(text) == [
        "needs records that are read one by one, and an `id` that is a plain name"
    ]


def test_the_form_of_unlisted_stages_is_checked() -> None:
    more = 'writes: {stages: {unlisted: "["}}'

    [found] = complaints(definition_text(more=more))

    assert found.startswith("is no regular expression")
