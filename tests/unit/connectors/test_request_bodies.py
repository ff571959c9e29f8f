"""Cursors inside objects of a body, and texts with braces of their own, as GraphQL APIs want them."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from config.problems import ConfigError
from connectors.definition import load_definition_text
from connectors.definition.placeholders import fill, fill_text, names_in
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

QUERY = "query($after: String) {{ candidates(first: 2, after: $after) {{ nodes {{id}} }}}}"
SENT = "query($after: String) { candidates(first: 2, after: $after) { nodes {id} }}"
GRAPHQL = f'{{post: /graphql, body: {{query: "{QUERY}", variables: {{first: 2}}}}}}'


def page(number: int, **around: Any) -> web.Response:
    return web.json_response({"rows": [{"id": number, "name": "N"}], **around})


async def bodies_of_a_walk(text: str, answers: list[dict[str, Any]], **window: Any) -> list[Any]:
    """The bodies that were sent until the answers ran out."""

    async def answer(request: web.Request) -> web.Response:
        number = len(ats.asked)
        return page(number, **answers[number - 1])

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text)
        found = await ids_of(connector, **window)
        await connector.close()

    assert found == [str(n + 1) for n in range(len(answers))]
    return [json.loads(body) for body in ats.bodies]


async def test_a_cursor_goes_into_an_object_of_the_body_and_leaves_the_rest_as_it_is() -> None:
    text = definition_text(
        request=GRAPHQL,
        pagination="{kind: cursor, parameter: variables.after, send_in: body, at: next}",
    )

    bodies = await bodies_of_a_walk(text, [{"next": "x"}, {"next": None}])

    assert bodies == [
        {"query": SENT, "variables": {"first": 2}},
        {"query": SENT, "variables": {"first": 2, "after": "x"}},
    ]


@pytest.mark.parametrize(
    ("parameter", "body", "sent"),
    [
        ("paging.cursor", "{}", {"paging": {"cursor": "x"}}),
        ("a.b.c", "{a: {b: {}}}", {"a": {"b": {"c": "x"}}}),
        ("a.b.c", "{a: {z: 1}}", {"a": {"z": 1, "b": {"c": "x"}}}),
        ("a.b", "{a: null}", {"a": {"b": "x"}}),
        ("a.b", "{a: {b: first}}", {"a": {"b": "x"}}),
        ("'\"page.cursor\"'", "{}", {"page.cursor": "x"}),
        ("'\"a.b\".c'", "{a.b: {d: 1}}", {"a.b": {"d": 1, "c": "x"}}),
        ("cursor", "{limit: 2}", {"limit": 2, "cursor": "x"}),
        ("a.1", "{a: [p, q]}", {"a": ["p", "x"]}),
        (
            "a.0.v.0",
            "{a: [{n: id, v: ['0']}, {n: b}]}",
            {"a": [{"n": "id", "v": ["x"]}, {"n": "b"}]},
        ),
    ],
)
async def test_a_dot_leads_into_an_object_and_a_quoted_name_keeps_its_own(
    parameter: str, body: str, sent: Any
) -> None:
    text = definition_text(
        request=f"{{post: /search, body: {body}}}",
        pagination=f"{{kind: cursor, parameter: {parameter}, send_in: body, at: next}}",
    )

    bodies = await bodies_of_a_walk(text, [{"next": "x"}, {}])

    assert bodies[1] == sent


@pytest.mark.parametrize(
    ("pagination", "second"),
    [
        ("{kind: page, parameter: paging.page, send_in: body, pages: pages}", {"page": 2}),
        ("{kind: offset, parameter: paging.offset, send_in: body, total: pages}", {"offset": 1}),
    ],
)
async def test_numbers_of_pages_and_offsets_go_into_objects_too(
    pagination: str, second: dict[str, int]
) -> None:
    text = definition_text(
        request="{post: /search, body: {paging: {size: 1}}}", pagination=pagination
    )

    bodies = await bodies_of_a_walk(text, [{"pages": 2}, {"pages": 2}])

    assert bodies[1] == {"paging": {"size": 1, **second}}


async def test_a_filter_and_a_sync_token_are_merged_into_the_objects_of_the_body() -> None:
    filtered = definition_text(
        request="{post: /search, body: {variables: {first: 2}}}",
        cursor="{kind: updated_at, field: at, format: date, "
        'body: {variables: {filter: {since: "{from}"}}}}',
    )
    synced = definition_text(
        request="{post: /search, body: {variables: {first: 2}}}",
        cursor="{kind: sync_token, parameter: variables.token, at: token}",
    )

    since = await bodies_of_a_walk(filtered, [{}], cursor={"updated_at": "2026-11-01T00:00:00Z"})
    token = await bodies_of_a_walk(synced, [{"token": "t2"}], cursor={"token": "t1"})

    assert since == [{"variables": {"first": 2, "filter": {"since": "2026-11-01"}}}]
    assert token == [{"variables": {"first": 2, "token": "t1"}}]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{id}}", "{id}"),
        ("{{{id}}}", "{7}"),
        ("{id}{{}}", "7{}"),
        ("{{ a {{ b }}}}", "{ a { b }}"),
        ('{{"id": {id}}}', '{"id": 7}'),
        ("no braces", "no braces"),
    ],
)
def test_a_brace_that_is_written_twice_is_one_brace(text: str, filled: str) -> None:
    def value(name: str) -> object:
        return {"id": 7}.get(name)

    assert fill_text(text, value) == filled
    assert fill({"query": text}, value) == {"query": filled}


def test_an_escaped_name_is_no_placeholder() -> None:
    assert [use.name for use in names_in(["{{id}}", "{{{scope}}}", "{ids}"])] == ["scope", "ids"]


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_definition_text(text, path=Path("tiny.yaml"))
    return [problem.message for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("query { candidates { id } }", "{"),
        ("{ id }", "{ id }"),
        ("{{ id }", "}"),
        ("{ id }}", "{ id }"),
        ("{\\n id\\n name\\n}", "{\n id\n name\n}"),
        ("} {", "}"),
        ("{" + "x " * 60 + "}", "{"),
    ],
)
def test_a_single_brace_is_refused_and_the_message_says_how_to_write_it(
    query: str, shown: str
) -> None:
    text = definition_text(request=f'{{post: /graphql, body: {{query: "{query}"}}}}')

    [found] = complaints(text)

    assert found == (
        f"{shown} is no placeholder; write {{name}}, {{name:int}} or {{name:number}}, and each "
        "brace that belongs to the text itself twice: {{ or }}"
    )


@pytest.mark.parametrize(
    ("parameter", "body", "message"),
    [
        ("variables.after", "{variables: none}", "variables is no object in the request's body"),
        ("a.b.c", "{a: {b: [1]}}", "a.b is no object in the request's body"),
        ("a.1.b", "{a: [{b: first}]}", "a is no object in the request's body"),
        (
            "variables..after",
            "{}",
            'must be names with dots between, such as variables.after or "a.b".after',
        ),
        (
            ".after",
            "{}",
            'must be names with dots between, such as variables.after or "a.b".after',
        ),
    ],
)
def test_a_dotted_name_that_leads_nowhere_is_refused_when_the_definition_is_loaded(
    parameter: str, body: str, message: str
) -> None:
    pagination = f"{{kind: cursor, parameter: {parameter}, send_in: body, at: next}}"
    text = definition_text(request=f"{{post: /p, body: {body}}}", pagination=pagination)

    assert complaints(text) == [message]


async def test_a_brace_in_a_path_and_in_a_query_arrives_as_it_is_meant() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"rows": [], "q": request.query.get("q"), "path": request.path})

    async with tiny_ats(answer) as ats:
        request = '{get: "/people/{{all}}", query: {q: "{{a}}"}}'
        connector = tiny_connector(ats, definition_text(request=request))
        await ids_of(connector)
        await connector.close()

    assert ats.asked == ["GET /people/%7Ball%7D?q=%7Ba%7D"]
