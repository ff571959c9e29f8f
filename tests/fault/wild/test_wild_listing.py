"""Odd answers to a listing, and what the operator sees of each.

All rows of a table run in one process, each as an integration of its own beside a healthy one.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.mongo import TestMongo
from tests.support.tiny_ats import definition_text
from tests.support.wild import HOSTILE, Sees, WildBench, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]

PAGES = "{kind: page, parameter: page, more: has_more}"
CURSOR = "{kind: cursor, parameter: c, at: next}"
OFFSET = "{kind: offset, parameter: offset, total: total}"
LINK = "{kind: link_header}"
NEXT_URL = "{kind: next_url, at: next}"


def page(*ids: object, link: str = "", **more: Any) -> web.Response:
    rows = [{"id": each, "name": f"N{each}"} for each in ids]
    headers = {"Link": link} if link else None
    return web.json_response({"rows": rows, **more}, headers=headers)


def body(
    raw: bytes | str, kind: str = "application/json", status: int = 200, **headers: str
) -> web.Response:
    raw = raw.encode() if isinstance(raw, str) else raw
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=raw, headers={"Content-Type": kind, **named}, status=status)


@dataclass(frozen=True, slots=True)
class Row:
    """What the ATS answers on its pages, and what comes of it."""

    pages: dict[str, web.Response]
    """By page, cursor or offset; the empty text is the first."""
    people: set[str]
    """Who is in ClearView afterwards."""
    sees: Sees
    pagination: str = PAGES
    definition: str = ""
    details: Callable[[dict[str, Any]], bool] = lambda details: True
    """What else must hold of the run's details."""


GOOD = Sees(0, "success")
PARTIAL = Sees(1, "partial", ("import_incomplete",))


def names(*parts: str) -> Callable[[dict[str, Any]], bool]:
    """The run's details name these parts."""
    return lambda details: all(part in json.dumps(details, default=str) for part in parts)


def partial(says: str) -> Sees:
    return Sees(1, "partial", ("import_incomplete",), says=says)


FIRST = page(1, has_more=True, total=9, next="2")
ENDS = {
    "no-bytes": Row({"": FIRST, "2": body("")}, {"1"}, partial("without a body"), CURSOR),
    "web-page": Row({"": FIRST, "2": body("<html>hello", "text/html")}, {"1"}, partial("text/html"),
                    CURSOR),
    "has-more-and-empty": Row({"": page(has_more=True)}, set(), partial("empty page")),
    "three-of-nine": Row({"": page(1, 2, 3, total=9), "3": page(total=9)}, {"1", "2", "3"},
                         partial(""), OFFSET),
    "total-above": Row({"": page(1, 2, 3, total=9)}, {"1", "2", "3"}, partial("only 3 of 9"),
                       CURSOR, "    total: total\n"),
    "total-negative": Row({"": page(1, total=-1)}, {"1"}, partial("a negative number"), OFFSET),
    "total-beyond-64-bits": Row({"": page(1, total=10**30)}, {"1"},
                                partial("more than 64 bits at `total`"), OFFSET),
    "cursor-beyond-64-bits": Row({"": page(1, next=2**63)}, {"1"},
                                 partial("more than 64 bits at `next`"), CURSOR),
    "compressed-unasked": Row({"": FIRST, "2": body('{"rows": []}', Content_Encoding="br")},
                              {"1"}, partial("compressed in a way that was not asked"), CURSOR),
    "compressed-newly": Row({"": FIRST, "2": body('{"rows": []}', Content_Encoding="zstd")},
                            {"1"}, partial("compressed in a way that was not asked"), CURSOR),
    "compressed-not": Row({"": FIRST, "2": body('{"rows": []}', Content_Encoding="gzip")},
                          {"1"}, partial("not as its header says"), CURSOR),
    "json-cut": Row({"": FIRST, "2": body('{"rows": [{"id": 2}, {"id"')}, {"1"},
                    partial("may be cut short"), CURSOR),
    "marker-null": Row({"": page(1, has_more=None)}, {"1"}, partial("at `has_more`")),
    "token-list": Row({"": page(1, next=["a"])}, {"1"}, partial("a list at `next`"), CURSOR),
    "link-garbage": Row({"": page(1, link="next page: 2")}, {"1"}, partial("Link header"), LINK),
    "link-quoted-comma": Row(
        {"": page(1, link='<?c=0>; title="a, b"; rel="prev", <?c=2>; title="x;y"; rel=NEXT'),
         "2": page(2)}, {"1", "2"}, GOOD, LINK),
    "foreign-next": Row({"": page(1, next="http://other.example/p")}, {"1"},
                        partial("another host"), NEXT_URL),
    "token-circle": Row({"": page(1, next="2"), "2": page(2, next="3"), "3": page(3, next="2")},
                        {"1", "2", "3"}, partial(""), CURSOR),
    "total-shrinks": Row({"": page(1, 2, total=4), "2": page(3, total=2)}, {"1", "2", "3"},
                         GOOD, OFFSET),
    "partial-206": Row({"": FIRST, "2": body('{"rows": [{"id": 2}], "next": null}', status=206)},
                       {"1"}, partial("206"), CURSOR),
    "accepted-202": Row({"": FIRST, "2": body('{"rows": [], "next": null}', status=202)}, {"1"},
                        partial("202"), CURSOR),
    "next-userinfo": Row({"": page(1, next="http://key@127.0.0.1/p")}, {"1"}, partial(""), NEXT_URL),
    "link-twice": Row({"": page(1, link='<?c=2>; rel="next", <?c=3>; rel="next"'), "2": page(2), "3": page(3)},
                      {"1"}, partial("several addresses"), LINK),
    "link-no-rel": Row({"": page(1, link="<?c=2>")}, {"1"}, partial("no `rel`"), LINK),
}  # fmt: skip
PARTS = {
    "page-500": Row({"": page(1, has_more=True), "2": body("", status=500),
                     "3": page(3, has_more=False)}, {"1", "3"}, PARTIAL,
                    details=names("people page 2", "answered 500")),
    "cursor-500": Row({"": FIRST, "2": body("", status=500)}, {"1"}, partial("cannot be passed"),
                      CURSOR),
    "lone-c3": Row({"": body(b'{"rows": [{"id": 1, "name": "Ren\xc3"}], "has_more": false}')},
                   {"1"}, GOOD, details=names("body", "replaced")),
    "latin-1": Row({"": body('{"rows": [{"id": 1, "name": "Zo\xeb"}], "has_more": false}'
                             .encode("latin-1"), "application/json; charset=latin-1")}, {"1"}, GOOD),
    "line-break": Row({"": body('{"rows": [{"id": 1, "name": "a\nb"}], "has_more": false}')},
                      {"1"}, GOOD, details=names("body")),
    "deep-300": Row({"": body('{"rows": [{"id": 1}, {"id": 2, "name": %s}, {"id": 3}], '
                              '"has_more": false}' % ("[" * 300 + "]" * 300))}, {"1", "3"}, GOOD),
    "deep-100000": Row({"": body('{"rows": [{"id": 1}, {"id": 2, "x": %s}, {"id": 3}], '
                                 '"has_more": false}' % ("[" * 100_000 + "]" * 100_000))},
                       {"1", "3"}, GOOD),
    "no-id": Row({"": page("", None, " ", 4, True, "x" * 10_000, has_more=False)}, {"4"}, GOOD),
    "field-type": Row({"": body('{"rows": [{"id": 1, "name": {"en": "A"}}], "has_more": false}')},
                      {"1"}, GOOD, details=names("candidate.first_name")),
    "too-large": Row({"": body(json.dumps({"rows": [{"id": 1, "name": "x" * 2_000_000}, {"id": 2}],
                                           "has_more": False}))}, {"2"}, GOOD),
    "utf-16": Row({"": body('{"rows": [{"id": 1}], "has_more": false}'.encode("utf-16"))}, {"1"}, GOOD),
    "long-header": Row({"": body('{"rows": [{"id": 1}], "has_more": false}',
                                 Content_Security_Policy="default-src " + "x" * 30_000)}, {"1"}, GOOD),
    "nan": Row({"": body('{"rows": [{"id": 1, "name": NaN}, {"id": 2}], "has_more": false}')},
               {"1", "2"}, GOOD, details=names("body")),
    "nul": Row({"": body('{"rows": [{"id": 1, "name": "a\\u0000b"}, {"id": "2\\u0000"}], "has_more": false}')},
               {"1"}, GOOD),
    "id-with-line-break": Row({"": body('{"rows": [{"id": "1\\n2"}, {"id": 3}], "has_more": false}')}, {"3"}, GOOD),
    "odd-rows": Row({"": body('{"rows": [null, 7, "x", [], {"id": 5}], "has_more": false}')}, {"5"}, GOOD),
    "many-keys": Row({"": body(json.dumps({"rows": [{"id": 1, **{f"k{n}": n for n in range(60_000)}},
                                                    {"id": 2}], "has_more": False}))}, {"1", "2"}, GOOD),
    "gone-410": Row({"": FIRST, "2": body("", status=410)}, {"1"}, partial("410"), CURSOR),
}  # fmt: skip


@asynccontextmanager
async def wild(mongo: TestMongo, folder: Path, table: dict[str, Row]) -> AsyncIterator[WildBench]:
    """Each row as an integration of its name, by a definition of its own."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        asked = request.query.get("page") or request.query.get("c") or request.query.get("offset")
        found = table[name].pages.get("" if asked in (None, "0", "1") else asked)
        found = found or table[name].pages[""]
        return web.Response(status=found.status, body=found.body, headers=dict(found.headers))

    async with wild_bench(mongo, folder, answer) as bench:
        one = bench.bench.others.pop(HOSTILE)
        for name, row in table.items():
            text = definition_text(pagination=row.pagination, lists=row.definition)
            text = text.replace("connector: tiny", f"connector: {name}")
            (folder / "connectors" / f"{name}.yaml").write_text(text)
            own = {"connector": name, "endpoint": f"{bench.ats.url}/{name}"}
            bench.bench.others[name] = one | own
        bench.bench.write_config(connector_paths=[str(folder / "connectors")])
        yield bench


async def assert_sees(bench: WildBench, table: dict[str, Row]) -> None:
    """One run; the operator sees of each row what the table says, and of the neighbour all."""
    code, printed = await bench.run_once()
    wrong: dict[str, Any] = {}
    for name, row in table.items():
        seen = await bench.sees(code, name)
        of = {"ats_integration_id": bench.bench.id_of(name)}
        [run] = await bench.bench.own["sync_runs"].find(of).sort("started_at", -1).to_list(1)
        people = {each["external_id"] for each in await bench.bench.documents("candidates", name)}
        fits = (
            (seen.outcome, people) == (row.sees.outcome, row.people)
            and set(row.sees.alerts) <= set(seen.alerts)
            and row.sees.says in seen.says
            and seen.state == "active"
            and row.details(run["details"])
        )
        if not fits:
            wrong[name] = (seen, people, run["details"])
    assert wrong == {}, printed[-1500:]
    assert code == max(row.sees.exit_code for row in table.values())
    await bench.assert_neighbour_is_whole()


async def test_only_an_explicit_end_makes_a_run_a_success(mongo: TestMongo, tmp_path: Path) -> None:
    async with wild(mongo, tmp_path, ENDS) as bench:
        await assert_sees(bench, ENDS)


async def test_one_bad_page_body_record_or_field_hides_nothing_else(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async with wild(mongo, tmp_path, PARTS) as bench:
        await assert_sees(bench, PARTS)
        again = {name: replace(row, details=lambda _: True) for name, row in PARTS.items()}
        await assert_sees(bench, again)

        failed = await bench.bench.own["failed_records"].find().to_list()
        assert all(each["external_id"].strip() for each in failed)
        assert {each["external_id"] for each in failed} <= {"1", "2"}


async def test_who_is_hidden_by_a_broken_answer_is_not_deleted(
    mongo: TestMongo, tmp_path: Path
) -> None:
    whole = {
        "": page(1, has_more=True, next="2", total=2),
        "2": page(2, has_more=False, total=2),
    }
    broken = {
        "empty": ({"2": body("")}, CURSOR),
        "no-content": ({"2": body("", status=204)}, CURSOR),
        "promise": ({"2": page(has_more=True)}, PAGES),
        "nothing": ({"": page(has_more=True)}, PAGES),
        "short": ({"": page(1, total=2)}, CURSOR),
    }
    table = {
        name: Row(dict(whole), {"1", "2"}, GOOD, pagination, "    total: total\n")
        for name, (_, pagination) in broken.items()
    }
    async with wild(mongo, tmp_path, table) as bench:
        await assert_sees(bench, table)
        for name, (pages, _) in broken.items():
            table[name].pages.update(pages)

        await bench.run_once()

        for name in table:
            people = await bench.bench.documents("candidates", name)
            assert {each["external_id"]: each["deleted_at"] for each in people} == {
                "1": None,
                "2": None,
            }, name
            assert (await bench.sees(1, name)).outcome == "partial"
