"""APIs that want more of a definition than most, and what the operator sees of each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.mongo import TestMongo
from tests.support.tiny_ats import definition_text
from tests.support.wild import Sees, WildBench, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]
FINE = Sees(exit_code=1, outcome="success")
"""The exit code is that of the whole command, in which one integration cannot be read to its end."""
ROWS = {
    "1": {"id": "1", "name": "Ada", "at": "2026-03-01 10:00:00"},
    "2": {"id": "2", "name": "Ben", "at": "2026-03-01 11:00:00"},
    "3": {"id": "3", "name": "Cleo", "at": "2026-03-01 12:00:00"},
}
EVERYBODY = set(ROWS)


def rows(*ids: str, **around: Any) -> web.Response:
    return web.json_response({"rows": [ROWS[each] for each in ids], **around})


async def graphql(request: web.Request) -> web.Response:
    body = await request.json()
    assert body["query"] == "query($after: String) { people(after: $after) { id name } }"
    after = int(body["variables"].get("after", 0)) + 1
    return rows(str(after), next=str(after) if after < 3 else None)


SCROLLED = iter([("1",), ("2",), ("3",), ()])


async def scroll(request: web.Request) -> web.Response:
    return rows(*next(SCROLLED), token="always-the-same")


async def loop(request: web.Request) -> web.Response:
    return rows("1", token="always-the-same")


async def proxied(request: web.Request) -> web.Response:
    """Behind a proxy that ends TLS: the address that it names is its own idea of where it is."""
    at = int(request.query.get("page", "1"))
    nxt = f"https://{request.url.host}:1/proxied?q=a b&page={at + 1}" if at < 3 else None
    return rows(str(at), next=nxt)


async def zoned(request: web.Request) -> web.Response:
    return rows("1", "2", "3")


async def keys(request: web.Request) -> web.Response:
    if request.path == "/teams":
        return web.json_response({"rows": [{"id": "a", "name": "Blue"}]})
    people = [{**ROWS[each], "team": "gone"} for each in ("1", "2")]
    return web.json_response({"rows": [*people, {**ROWS["3"], "team": "a"}]})


@dataclass(frozen=True)
class Case:
    """An API, the definition that it needs, and what comes of it."""

    answer: Callable[[web.Request], Awaitable[web.Response]]
    sees: Sees
    people: set[str]
    pagination: str = "{kind: none}"
    request: str = "{{get: /{name}}}"
    cursor: str = "{kind: none}"
    lists: str = ""
    joins: str = ""

    def definition(self, name: str) -> str:
        text = definition_text(
            request=self.request.format(name=name),
            pagination=self.pagination,
            cursor=self.cursor + (f"\n    joins: {self.joins}" if self.joins else ""),
            lists=self.lists,
            credentials="{key: {description: a key}}",
        )
        if self.joins:
            text = text.replace("first_name: name", "first_name: name, company: joined.team.name")
        return text.replace("connector: tiny", f"connector: {name}")


CASES = {
    "graphql": Case(
        graphql,
        FINE,
        EVERYBODY,
        request='{{post: /graphql, body: {{query: "query($after: String) {{{{ people(after: $after) '
        '{{{{ id name }}}} }}}}", variables: {{}}}}}}',
        pagination="{kind: cursor, parameter: variables.after, send_in: body, at: next}",
    ),
    "scroll": Case(
        scroll,
        FINE,
        EVERYBODY,
        pagination="{kind: cursor, parameter: token, at: token, scroll: true}",
    ),
    "loop": Case(
        loop,
        Sees(1, "partial", alerts=("import_incomplete",), says="already read"),
        {"1"},
        pagination="{kind: cursor, parameter: token, at: token}",
    ),
    "proxied": Case(
        proxied, FINE, EVERYBODY, pagination="{kind: next_url, at: next, keep_origin: true}"
    ),
    "zoned": Case(
        zoned,
        FINE,
        EVERYBODY,
        cursor='{kind: updated_at, field: at, query: {since: "{from}"}, format: iso_space, '
        "time_zone: Asia/Tokyo}",
    ),
    "keys": Case(
        keys,
        FINE,
        EVERYBODY,
        lists="  teams: {holds: lookup, request: {get: /teams}, records: rows}",
        joins="{team: {list: teams, key: team}}",
    ),
}


async def answer_all(request: web.Request) -> web.StreamResponse:
    name = request.path.strip("/").split("/")[0]
    return await CASES["keys" if name == "teams" else name].answer(request)


def add_cases(wild: WildBench, folder: Path) -> None:
    for name, case in CASES.items():
        (folder / "connectors" / f"{name}.yaml").write_text(case.definition(name))
        wild.bench.others[name] = {
            "connector": name,
            "endpoint": wild.ats.url,
            "credentials": {"key": "secret-key"},
            "poll": {"every": "10s"},
        }
    del wild.bench.others["hostile"]
    wild.bench.write_config(connector_paths=[str(folder / "connectors")])


async def people_of(wild: WildBench, name: str) -> set[str]:
    return {row["external_id"] for row in await wild.bench.documents("candidates", name)}


async def test_what_each_api_wants_can_be_said_and_is_imported(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async with wild_bench(mongo, tmp_path, answer_all) as wild:
        add_cases(wild, tmp_path)
        code, printed = await wild.run_once()

        seen = {name: await wild.sees(code, name) for name in CASES}
        people = {name: await people_of(wild, name) for name in CASES}
        [run] = await wild.bench.documents("sync_runs", "keys")
        checkpoint = await wild.bench.own["checkpoints"].find_one({"_id": "poll:zoned"})
        await wild.assert_neighbour_is_whole()

    for name, case in CASES.items():
        assert case.sees.says in seen[name].says, (name, seen[name], printed[-3000:])
        assert (seen[name].outcome, seen[name].alerts) == (case.sees.outcome, case.sees.alerts)
        assert people[name] == case.people, name
    assert run["details"]["issues"] == [
        {
            "kind": "key",
            "name": "teams",
            "reason": "has no record for a key that other records hold: what it would add is empty",
            "count": 2,
        }
    ]
    assert printed.count("teams: has no record for a key") == 1
    assert "2026-03-01T03:00:00.000Z" in str(checkpoint)
