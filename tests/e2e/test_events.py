"""Events of the command `ats-sync`: a sink comes and goes with the file, and each log row arrives once."""

import json
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from bson.timestamp import Timestamp

from tests.support.ats_sync import Workbench, workbench
from tests.support.event_sinks import SECRET, WebhookReceiver
from tests.support.killing import EVERY_POINT
from tests.support.log_writer import broken_promises
from tests.support.mongo import TestMongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
LOGS = ("candidates_import_log", "application_status_update_log")


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=["ashby"], candidates=60) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, dict[str, Any]]]:
    found = WebhookReceiver()
    async with TestServer(found.app()) as server:
        url = str(server.make_url("/hook"))
        yield found, {"kind": "http", "url": url, "secret": SECRET}


async def logged(bench: Workbench, collection: str) -> set[str]:
    return {str(row["_id"]) async for row in bench.own[collection].find({}, {"_id": 1})}


async def move_one(bench: Workbench, status: str) -> None:
    applications = bench.clearview["applications"]
    row = await applications.find_one({"status": "screening", "deleted_at": None})
    assert row is not None
    await applications.update_one({"_id": row["_id"]}, {"$set": {"status": status}})


async def moved_back_or_on(bench: Workbench) -> bool:
    """However often it is called, someone is left to move, once applications are imported."""
    applications = bench.clearview["applications"]
    one = {"status": {"$in": ["screening", "interview"]}, "deleted_at": None}
    row = await applications.find_one(one, sort=[("updated_at", 1)])
    if row is None:
        return False
    other = "interview" if row["status"] == "screening" else "screening"
    change = {"status": other, "updated_at": datetime.now(UTC)}
    await applications.update_one({"_id": row["_id"]}, {"$set": change})
    return True


async def test_a_sink_that_the_file_names_gets_what_follows_until_it_is_taken_out_again(
    bench: Workbench, receiver: tuple[WebhookReceiver, dict[str, Any]]
) -> None:
    got, entry = receiver
    checkpoints, name = bench.own["checkpoints"], f"events:http:{entry['url']}"
    async with bench.daemon() as daemon:
        await until(lambda: has_imported(bench), within=30)
        bench.write_config(events=[entry])

        async def begun() -> bool:
            return await checkpoints.find_one({"_id": name}) is not None

        await until(begun, within=30)
        await move_one(bench, "interview")

        async def arrived() -> bool:
            return "clearview.ats.application.pushed" in [e["type"] for e in got.events]

        await until(arrived, within=30)
        bench.write_config()

        async def ended() -> bool:
            lease = await bench.own["leases"].find_one({"_id": name})
            return lease is not None and lease["owner"] is None

        await until(ended, within=30)
        count = len(got.events)
        await move_one(bench, "interview")

        async def pushed_again() -> bool:
            rows = bench.own["application_status_update_log"]
            return await rows.count_documents({"outcome": "Success"}) == 2

        await until(pushed_again, within=30)
        assert await daemon.stop() == 0

    assert got.problems == []
    assert len(got.events) == count
    assert {e["id"] for e in got.events if ".application." in e["type"]} <= await logged(
        bench, "application_status_update_log"
    )


async def has_imported(bench: Workbench) -> bool:
    found = await bench.own["sync_runs"].find_one({"job": "import_poll", "outcome": "success"})
    return found is not None


async def test_run_once_publishes_what_it_has_logged(
    bench: Workbench, receiver: tuple[WebhookReceiver, dict[str, Any]]
) -> None:
    got, entry = receiver
    bench.write_config(events=[entry])
    code, said = await bench.run_once()
    first = await logged(bench, "candidates_import_log")
    assert code == 0, said
    await move_one(bench, "interview")
    code, said = await bench.run_once()

    assert code == 0, said
    assert got.problems == []
    ids = [e["id"] for e in got.events]
    assert len(first) >= 60
    assert first <= set(ids)
    assert len(ids) == len(set(ids))
    assert [e["type"] for e in got.events if "application" in e["type"]] == [
        "clearview.ats.application.pushed"
    ]
    shown = json.loads((await bench.run("status", "--json", "--config", str(bench.config)))[1])
    assert [one["sink"] for one in shown["events"]] == [f"http:{entry['url']}"]


KILLS = 50 if EVERY_POINT else 5


@pytest.mark.slow
@pytest.mark.timeout(120 + 12 * KILLS)
async def test_a_daemon_that_is_killed_again_and_again_publishes_all_that_it_has_logged(
    bench: Workbench, receiver: tuple[WebhookReceiver, dict[str, Any]]
) -> None:
    got, entry = receiver
    bench.write_config(events=[entry])
    since = (await bench.mongo.client.admin.command("ping"))["operationTime"]
    for number in range(KILLS):
        async with bench.daemon() as daemon:
            # Killed in the middle of its first import, and later in pushes and events.
            await until(partial(has_received, got, min(12 * number, 60)), within=40)
            if number > 2:
                before = await count_of_pushes(bench)
                await until(lambda: moved_back_or_on(bench), within=40)
                if number % 3:  # and else at once, while the daemon starts
                    await until(partial(has_pushed, bench, before + 1), within=40)
            await daemon.stop(signal.SIGKILL)

    async def all_published() -> bool:
        rows = await published_rows(bench)
        return len(rows) > 60 and rows <= {event["id"] for event in got.events}

    async with bench.daemon() as daemon:
        await daemon.heard("daemon_started")  # before it, a signal ends it at once
        await until(lambda: has_pushed(bench, 2), within=40)
        await until(all_published, within=40)
        assert await daemon.stop() == 0

    assert got.problems == []
    assert broken_promises(got.bodies, await written_since(bench, since)) == []


async def has_received(got: WebhookReceiver, count: int) -> bool:
    return len({event["id"] for event in got.events}) >= count


async def has_pushed(bench: Workbench, count: int) -> bool:
    return await count_of_pushes(bench) >= count


async def count_of_pushes(bench: Workbench) -> int:
    rows = bench.own["application_status_update_log"]
    return await rows.count_documents({"outcome": "Success"})


async def published_rows(bench: Workbench) -> set[str]:
    """The ids of all rows that are events."""
    found = set()
    for collection, query in (
        ("candidates_import_log", {"status": "Success"}),
        ("application_status_update_log", {"outcome": {"$in": ["Success", "Failed"]}}),
    ):
        rows = bench.own[collection].find(query, {"_id": 1})
        found |= {str(row["_id"]) async for row in rows}
    return found


async def written_since(bench: Workbench, moment: Timestamp) -> dict[str, list[str]]:
    """The same ids by candidate, in the order in which the server wrote the rows."""
    found: dict[str, list[str]] = defaultdict(list)
    left = await published_rows(bench)
    rows = [{"$match": {"operationType": "insert", "ns.coll": {"$in": LOGS}}}]
    async with await bench.own.watch(rows, start_at_operation_time=moment) as stream:
        while left:
            row = (await stream.next())["fullDocument"]
            if (one := str(row["_id"])) in left:
                left.remove(one)
                found[str(row["candidate_id"])].append(one)
    return found


async def test_a_sink_that_is_away_fails_a_single_run_and_doctor_names_it(
    bench: Workbench, receiver: tuple[WebhookReceiver, dict[str, Any]]
) -> None:
    _, entry = receiver
    away = entry | {"url": "http://127.0.0.1:9/hook"}
    bench.write_config(events=[away, entry])
    code, said = await bench.run("doctor", "--config", str(bench.config), "--json")
    found = {one["subject"]: one["verdict"] for one in json.loads(said)}

    assert code == 1
    assert found[f"http:{entry['url']}"] == "ok"
    assert found["http:http://127.0.0.1:9/hook"] == "bad"


async def test_without_a_sink_neither_a_stream_nor_the_driver_is_opened(bench: Workbench) -> None:
    bench.forked = False
    code, said = await bench.run(
        "run", "--once", "--config", str(bench.config), PYTHONPROFILEIMPORTTIME="1"
    )

    assert code == 0, said[-2000:]
    assert "daemon.events.relay" in said
    assert "aio_pika" not in said
    assert not [c for c in await bench.own["checkpoints"].distinct("_id") if c[:7] == "events:"]
