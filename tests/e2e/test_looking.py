"""`plan`, `verify` and `poll` as processes: what they show, what they leave alone, how they exit."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, ["lever"], candidates=12) as opened:
        yield opened


async def test_looking_at_an_empty_mongodb_leaves_it_empty(bench: Workbench) -> None:
    planned, said = await bench.run("plan", "--config", str(bench.config))
    verified, _ = await bench.run("verify", "lever", "--config", str(bench.config))

    assert (planned, verified) == (0, 1), said
    assert "created" in said
    assert await bench.own.list_collection_names() == []
    assert await bench.clearview.list_collection_names() == []


async def test_a_plan_shows_the_push_of_a_status_that_changed_while_no_daemon_ran(
    bench: Workbench,
) -> None:
    await bench.run_once()
    [moved, *_] = [
        row for row in await bench.documents("applications", "lever") if row["status"] != "offer"
    ]
    await bench.clearview["applications"].update_one(
        {"_id": moved["_id"]}, {"$set": {"status": "offer"}}
    )

    code, said = await bench.run("plan", "lever", "--json", "--config", str(bench.config))

    assert code == 0, said
    [push] = json.loads(said)["pushes"]
    assert (push["application"], push["status"]) == (moved["external_id"], "offer")
    assert push["requests"] or push["reason"]
    assert await bench.documents("status_outbox") == []


async def test_a_sweep_that_may_not_delete_what_is_gone_exits_with_1(bench: Workbench) -> None:
    await bench.run_once()
    lever = bench.simulators["lever"]
    for person in list(lever.world.people.values())[:6]:
        lever.actions.delete_person(person)

    sweep = ("poll", "lever", "--sweep", "--config", str(bench.config))
    code, said = await bench.run(*sweep)
    code_again, document = await bench.run(*sweep, "--json")

    assert (code, code_again) == (1, 1)
    assert "deletions stopped" in said
    shown = json.loads(document[document.index("{\n") :])
    assert (shown["integration"], shown["deleted"]) == ("lever", 0)
    assert shown["deletions_stopped"]


async def test_a_poll_behind_a_killed_daemon_takes_its_place(bench: Workbench) -> None:
    async with bench.daemon() as daemon:
        await until(lambda: _polled_once(bench))
        await daemon.stop(signal.SIGKILL)

    async with asyncio.timeout(60):
        code, said = await bench.run("poll", "lever", "--sweep", "--config", str(bench.config))
        verified, compared = await bench.run("verify", "lever", "--config", str(bench.config))

    assert code == 0, said
    assert "polling it here" in said
    assert verified == 0, compared
    [settings] = await bench.own["ats_integration_settings"].find().to_list()
    assert settings["request"] is None


async def _polled_once(bench: Workbench) -> bool:
    return bool(await bench.own["sync_runs"].find_one({"outcome": "success"}))


async def test_a_poll_beside_a_daemon_shows_what_the_daemon_imported(bench: Workbench) -> None:
    async with bench.daemon():
        await until(lambda: _polled_once(bench))
        code, said = await bench.run("poll", "lever", "--sweep", "--config", str(bench.config))

    assert code == 0, said
    assert "it was asked to poll now" in said
    assert "14 seen, 14 unchanged" in said


async def test_a_poll_of_a_paused_integration_says_so_at_once(bench: Workbench) -> None:
    async with bench.daemon():
        await until(lambda: _polled_once(bench))
        await bench.run("integrations", "pause", "lever", "--config", str(bench.config))

        async with asyncio.timeout(30):
            code, said = await bench.run("poll", "lever", "--config", str(bench.config))

    assert code == 1
    assert "lever is paused" in said
    assert "ats-sync integrations resume lever" in said
