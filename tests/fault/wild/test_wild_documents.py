"""Odd documents, rules and settings of ClearView's MongoDB, and what the operator sees of each."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from bson.binary import Binary

from connectors.simulator.commands import run_command
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.odd_documents import ODD, raw_document
from tests.support.waiting import until
from tests.support.wild import wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]
HEALTHY = "ashby"
NEXT = {"new": "screening", "reviewing": "screening", "screening": "interview"}
ALLOWED = "allowed are new, reviewing, screening, assessment, interview, background_check, "


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, [HEALTHY], candidates=120) as opened:
        yield opened


# What someone writes beside a status that is fine: the status is pushed.
BESIDE = [
    ("stage.moved_at", "the year 275760"),
    ("stage", "the year 275760"),
    ("stage.name", "the year -2"),
    ("notes", "invalid UTF-8"),
    ("rejection_reason", "binary"),
    ("custom_fields", "a list of documents"),
    ("blob", "3 MB"),
    # An import sets it to a UUID, which marks its own writes.
    ("import_id", "null"),
    ("import_id", "a number"),
    ("import_id", "another word"),
]
# What someone writes as the status: state and reason of the push, and what the operator reads.
AS_STATUS = {
    "another word": ("dead", "not_canonical", f"'on_hold' is no canonical status; {ALLOWED}"),
    "a decimal": ("dead", "not_canonical", f"the status is no canonical status; {ALLOWED}"),
    "invalid UTF-8": ("dead", "not_canonical", f"the status is no canonical status; {ALLOWED}"),
    "the year 275760": ("dead", "wrong_type", f"status is of type date; {ALLOWED}"),
    "a list": ("dead", "wrong_type", f"status is of type array; {ALLOWED}"),
    "binary": ("dead", "wrong_type", f"status is of type binData; {ALLOWED}"),
    "3 MB": ("dead", "wrong_type", "status is of type string of more than 4096 bytes"),
    "null": ("skipped", "no_status", "the write left the application without a status"),
}


async def test_odd_changes_neither_stop_the_stream_nor_outlive_a_restart(bench: Workbench) -> None:
    async with bench.daemon() as daemon:
        port = int(msgspec.json.decode(await daemon.heard("http_listening"))["port"])
        await daemon.heard("import_poll_finished")
        rows = iter([row for row in await bench.documents("applications") if row["status"] in NEXT])
        pushed = {}
        for field, name in BESIDE:
            row = next(rows)
            pushed[row["external_id"]] = NEXT[row["status"]]
            await set_fields(bench, row, {"status": NEXT[row["status"]], field: ODD[name]})
        odd = {name: next(rows) for name in AS_STATUS}
        for name, row in odd.items():
            await set_fields(bench, row, {"status": ODD[name]})
        await at_the_ats(bench, pushed | await healthy_change(bench, next(rows)))

        assert await asyncio.to_thread(ready, port) == 200

    async with bench.daemon():
        await at_the_ats(bench, await healthy_change(bench, next(rows)))

    assert not any("Traceback" in line or "exception" in line for line in daemon.lines)
    for name, row in odd.items():
        [push] = await bench.own["status_outbox"].find({"application_id": row["_id"]}).to_list()
        state, reason, words = AS_STATUS[name]
        assert (push["state"], push["reason"]) == (state, reason), name
        assert words in push["last_error"], name
    alerts = await bench.documents("alerts")
    assert [(alert["kind"], alert["integration"]) for alert in alerts] == [
        ("dead_letters", HEALTHY)
    ]


async def set_fields(bench: Workbench, row: dict[str, Any], fields: dict[str, Any]) -> None:
    await bench.mongo.clearview_db["applications"].update_one(
        {"external_id": row["external_id"]}, raw_document({"$set": fields})
    )


async def healthy_change(bench: Workbench, row: dict[str, Any]) -> dict[str, str]:
    await set_fields(bench, row, {"status": NEXT[row["status"]]})
    return {row["external_id"]: NEXT[row["status"]]}


async def at_the_ats(bench: Workbench, statuses: dict[str, str]) -> None:
    async def arrived() -> bool:
        held = bench.simulators[HEALTHY].truth().applications
        return all(held[key]["status"] == wanted for key, wanted in statuses.items())

    await until(arrived, within=60)


def ready(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        return int(answer.status)


async def test_an_import_goes_on_whatever_clearview_holds_as_a_status(bench: Workbench) -> None:
    simulator = bench.simulators[HEALTHY]
    assert (await bench.run_once())[0] == 0
    rows = [row for row in await bench.documents("applications") if row["status"] in NEXT]
    unset, *others = rows[: len(ODD) + 1]
    await bench.clearview["applications"].update_one(
        {"_id": unset["_id"]}, {"$unset": {"status": "", "stage": "", "candidate_id": ""}}
    )
    for row, value in zip(others, ODD.values(), strict=True):
        await bench.clearview["applications"].update_one(
            {"_id": row["_id"]}, raw_document({"$set": {"status": value, "import_id": row["_id"]}})
        )
    before = simulator.truth().applications
    for row in (unset, *others):
        run_command(simulator, {"kind": "move", "application": row["external_id"]})
    after = simulator.truth().applications
    moved = {k: a["status"] for k, a in after.items() if a["status"] != before[k]["status"]}

    code, printed = await bench.run_once()

    assert code == 0, printed[-2000:]
    assert len(moved) > len(ODD) / 3
    rows = await bench.clearview["applications"].find(
        {"external_id": {"$in": list(moved)}}, {"_id": 0, "external_id": 1, "status": 1}
    ).to_list()  # fmt: skip
    assert {row["external_id"]: row["status"] for row in rows} == moved


async def test_a_record_that_clearviews_own_rules_refuse_fails_by_itself(
    mongo: TestMongo, tmp_path: Path
) -> None:
    people = {"1": "Ada", "2": "Ada", "3": "Bob", "4": "Cleo"}

    async def answer(_: web.Request) -> web.StreamResponse:
        rows = [{"id": key, "name": name} for key, name in people.items()]
        return web.json_response({"rows": rows})

    async with wild_bench(mongo, tmp_path, answer) as wild:
        hostile = wild.bench.id_of("hostile")
        await wild.bench.clearview["candidates"].create_index(
            "first_name",
            unique=True,
            name="one_of_each_name",
            partialFilterExpression={"integration_id": Binary.from_uuid(hostile)},
        )
        created, failed = await logged_by_a_run(wild.bench)
        assert (created, failed) == ({"1", "3", "4"}, {"2"})

        people |= {"3": "Ada", "4": "Dora"}
        updated, failed = await logged_by_a_run(wild.bench)
        assert (updated, failed - {"2"}) == ({"4"}, {"3"})

        found = {key: row["first_name"] for key, row in (await wild.people()).items()}
        assert found == {"1": "Ada", "3": "Bob", "4": "Dora"}
        rows = await wild.bench.documents("failed_records")
        assert {row["external_id"]: row["error_message"] for row in rows} == dict.fromkeys(
            ("2", "3"),
            "refused by a unique index on first_name: another document has the same values",
        )
        await wild.assert_neighbour_is_whole()
        doctor, said = await wild.bench.run("doctor", "--config", str(wild.bench.config))
        assert "one_of_each_name on (first_name)" in " ".join(said.split()), doctor


async def logged_by_a_run(bench: Workbench) -> tuple[set[str], set[str]]:
    """Run once: whom the log calls Success, and whom Failed."""
    await bench.own["candidates_import_log"].delete_many({})
    _, printed = await bench.run_once()
    assert "Traceback" not in printed, printed[-3000:]
    assert "mongodb_away" not in printed
    rows = await bench.own["candidates_import_log"].find(
        {"ats_integration_id": bench.id_of("hostile")}
    ).to_list()  # fmt: skip
    of = {status: {r["external_id"] for r in rows if r["status"] == status} for status in
          ("Success", "Failed")}  # fmt: skip
    return of["Success"], of["Failed"]


# Wrong addresses: what `validate` says without connecting.
WRONG_URIS = {
    "mongodb://db.c4nary.example/?replicaSet=rs0&retryWrite=true": "did you mean retryWrites?",
    "mongodb://ada:c4nary@x@db.c4nary.example/?replicaSet=rs0": "the password is not encoded",
    "mongodb://db.c4nary.example/?tlsInsecure=true": "tlsInsecure is refused: ",
    "mongodb://a.c4nary,b.c4nary/?directConnection=true": "directConnection is refused with",
    "mongodb://db.c4nary.example:notaport/c4nary": "the host has a port that is no number",
}


async def test_a_wrong_address_is_refused_before_anything_starts(bench: Workbench) -> None:
    for uri, words in WRONG_URIS.items():
        for command in ("validate", "run"):
            code, printed = await bench.run(
                command, "--config", str(bench.config), ATS_SYNC_MONGODB_URI=uri
            )
            assert code == 2
            assert "environment  ATS_SYNC_MONGODB_URI: " in printed
            assert words in printed
            assert "c4nary" not in printed
            if command == "validate" and uri.endswith("true"):
                break


async def test_an_index_in_the_way_of_the_start_is_a_sentence(bench: Workbench) -> None:
    await bench.clearview["applications"].create_index([("team", 1)], name="candidate")

    code, printed = await bench.run_once()

    said = " ".join(printed.split())
    assert code == 1
    assert "Traceback" not in printed
    assert "applications has other keys (team) than the daemon needs (candidate_id)" in said
    assert 'applications.dropIndex("candidate")' in said
