"""MongoDB is stopped under a running daemon, and comes back."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from connectors.simulator import create_simulator
from daemon.store.embedded.server import start_embedded
from models.ids import integration_id
from tests.support.ats_sync import Workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.timeout(180)]


def readiness(port: int) -> tuple[int, list[str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status, []
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["reasons"]
    except TimeoutError:
        return 0, ["it did not answer within 10 s"]


async def becomes(port: int, code: int) -> list[str]:
    found, reasons = 0, [""]
    try:
        async with asyncio.timeout(90):
            while True:
                found, reasons = await asyncio.to_thread(readiness, port)
                if found == code:
                    return reasons
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"never {code}; it was {found} at last: {reasons}") from None


async def test_the_daemon_waits_for_mongodb_and_goes_on_where_it_was(tmp_path: Path) -> None:
    server = await start_embedded(tmp_path / "mongo", cache_gb=0.25)
    client = AsyncMongoClient[dict[str, Any]](server.uri, tz_aware=True)
    mongo = TestMongo(server.uri, "ats_sync", "clearview", client)
    simulator = create_simulator("lever", candidates=40, unlimited=True)
    await simulator.start()
    bench = Workbench(mongo, tmp_path, {"lever": simulator})
    bench.write_config()
    try:
        async with bench.daemon() as daemon:
            port = int(json.loads(await daemon.heard("http_listening"))["port"])
            await daemon.heard("import_poll_finished")
            await becomes(port, 200)

            await server.stop()
            reasons = await becomes(port, 503)
            server = await start_embedded(tmp_path / "mongo", port=server.port, cache_gb=0.25)
            await becomes(port, 200)

            application = await bench.clearview["applications"].find_one(
                {"integration_id": integration_id("lever"), "status": "screening"}
            )
            assert application is not None
            await bench.clearview["applications"].update_one(
                {"_id": application["_id"]}, {"$set": {"status": "interview"}}
            )
            await daemon.heard("status_push_ended", within=60)

        held = simulator.truth().applications[application["external_id"]]
        assert any("mongodb" in reason.lower() for reason in reasons), reasons
        assert held["status"] == "interview"
        assert len([write for write in simulator.writes if write.effect]) == 1
    finally:
        await client.close()
        await simulator.stop()
        await server.stop()
