"""Reads that decide go to the primary with read concern majority, whatever the URI says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import create_simulator
from tests.support.ats_sync import Workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
OVERRULED = (
    "readPreference=secondaryPreferred&readPreferenceTags=dc:ny&maxStalenessSeconds=120"
    "&readConcernLevel=local&w=1&journal=false&wTimeoutMS=1&retryWrites=false&retryReads=false"
)
READS = ("find", "aggregate", "count", "distinct")
WRITES = ("insert", "update", "delete", "findAndModify", "createIndexes")
MADE_BY_TESTS = "ats-sync"


@asynccontextmanager
async def profiled(mongo: TestMongo) -> AsyncIterator[list[dict[str, Any]]]:
    """Every command of the daemon on both databases, as the server saw it."""
    seen: list[dict[str, Any]] = []
    databases = (mongo.db, mongo.clearview_db)
    for database in databases:
        await database.create_collection("system.profile", capped=True, size=64 * 1024 * 1024)
        await database.command("profile", 2)
    try:
        yield seen
    finally:
        for database in databases:
            await database.command("profile", 0)
            rows = database["system.profile"].find({"appName": MADE_BY_TESTS}, {"command": 1})
            seen += [row["command"] async for row in rows]


async def test_every_read_and_write_asks_for_a_majority(mongo: TestMongo, tmp_path: Path) -> None:
    simulator = create_simulator("lever", candidates=10, unlimited=True)
    await simulator.start()
    bench = Workbench(mongo, tmp_path, {"lever": simulator})
    bench.write_config()
    uri = f"{mongo.uri}&{OVERRULED}"
    try:
        async with profiled(mongo) as commands:
            code, printed = await bench.run(
                *("run", "--once", "--config", str(bench.config)), ATS_SYNC_MONGODB_URI=uri
            )
    finally:
        await simulator.stop()

    assert code == 0, printed[-2000:]
    reads = [c for c in commands if any(name in c for name in READS)]
    writes = [c for c in commands if any(name in c for name in WRITES)]
    assert len(reads) > 10
    assert len(writes) > 10
    assert {c.get("readConcern", {}).get("level") for c in reads} == {"majority"}
    assert {str(c.get("writeConcern", {}).get("w")) for c in writes} == {"majority"}
    assert {c.get("$readPreference", {}).get("mode", "primary") for c in commands} == {"primary"}
    assert all("txnNumber" in c for c in writes if "insert" in c)
