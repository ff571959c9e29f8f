"""Signals at odd moments, and a MongoDB that goes away: each end comes in time and says why."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from pymongo import AsyncMongoClient

from daemon.store.embedded.server import EmbeddedMongo, start_embedded
from tests.support.ats_sync import RunningDaemon, Workbench
from tests.support.mongo import TestMongo
from tests.support.tiny_ats import definition_text, tiny_ats

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]
GRACE_S = 8.0
NOWHERE = "mongodb://127.0.0.1:1/?replicaSet=rs0"
RUN, ONCE, POLL = ("run",), ("run", "--once"), ("poll", "hangs")


@dataclass(frozen=True, slots=True)
class Ends:
    """How a command ends: a row of the tables below."""

    exit_code: int
    says: str


class Bench(Workbench):
    """One integration, whose ATS takes a request and never answers."""

    embedded = False

    def environment(self) -> dict[str, str]:
        found = Workbench.environment(self)
        if self.embedded:
            del found["ATS_SYNC_MONGODB_URI"], found["ATS_SYNC_DATABASE"]
        return found

    async def begin(self, command: tuple[str, ...], **environment: str) -> RunningDaemon:
        return RunningDaemon(
            await self.start(*command, "--config", str(self.config), **environment)
        )

    async def mongod(self) -> psutil.Process:
        """The embedded one, once it runs."""
        owner = self.folder / "data" / "mongodb.owner"
        async with asyncio.timeout(60):
            while True:
                words = owner.read_text().split() if owner.exists() else []
                if len(words) == 2 and words[1] != "0":
                    return psutil.Process(int(words[1]))
                await asyncio.sleep(0.02)


@asynccontextmanager
async def hanging(mongo: TestMongo, folder: Path) -> AsyncIterator[tuple[Bench, asyncio.Event]]:
    """The bench, and an event that is set once the ATS was asked something."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def answer(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await over.wait()
        return web.Response(status=503)

    (folder / "connectors").mkdir()
    (folder / "connectors" / "tiny.yaml").write_text(definition_text())
    async with tiny_ats(answer) as ats:
        bench = Bench(mongo, folder)
        bench.others["hangs"] = {
            "connector": "tiny",
            "endpoint": ats.url,
            "credentials": {"key": "secret-key"},
        }
        bench.write_config(connector_paths=[str(folder / "connectors")])
        try:
            yield bench, asked
        finally:
            over.set()


async def assert_ends(running: RunningDaemon, act: Callable[[], object], expected: Ends) -> None:
    """It does so within the grace period."""
    began = time.monotonic()
    act()
    said, _ = await asyncio.wait_for(running.process.communicate(), 30)
    took = time.monotonic() - began
    lines = [*running.lines, *said.decode().splitlines()]

    assert (running.process.returncode, took < GRACE_S + 1) == (expected.exit_code, True), lines
    assert any(expected.says in line for line in lines), lines
    assert not any("Traceback" in line for line in lines), lines


@pytest.mark.parametrize("cluster", ["the service's own", "ClearView's"])
async def test_sigterm_while_mongodb_is_looked_for(
    mongo: TestMongo, tmp_path: Path, cluster: str
) -> None:
    async with hanging(mongo, tmp_path) as (bench, _):
        environment = {}
        if cluster == "ClearView's":
            bench.write_config(
                connector_paths=[str(tmp_path / "connectors")],
                clearview={"mongodb": {"uri": NOWHERE}},
            )
        else:
            environment["ATS_SYNC_MONGODB_URI"] = NOWHERE
        running = await bench.begin(RUN, **environment)
        await running.heard("mongodb_opening", within=60)

        await assert_ends(
            running,
            running.process.terminate,
            Ends(0, "a signal came while MongoDB was being looked for"),
        )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (RUN, Ends(0, "shutdown_finished")),
        (ONCE, Ends(1, "interrupted; the next run goes on from here")),
        (POLL, Ends(1, "interrupted by a signal")),
    ],
)
async def test_sigterm_while_the_ats_hangs_leaves_no_lease_and_no_open_run(
    mongo: TestMongo, tmp_path: Path, command: tuple[str, ...], expected: Ends
) -> None:
    async with hanging(mongo, tmp_path) as (bench, asked):
        running = await bench.begin(command)
        async with asyncio.timeout(60):
            await asked.wait()

        await assert_ends(running, running.process.terminate, expected)

        assert await bench.own["leases"].count_documents({"owner": {"$ne": None}}) == 0
        [run] = await bench.documents("sync_runs")
        assert run["outcome"] == "interrupted"


@pytest.mark.parametrize("command", [RUN, ONCE, POLL], ids=" ".join)
async def test_an_embedded_mongod_that_is_killed_is_named_as_the_cause(
    mongo: TestMongo, tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with hanging(mongo, tmp_path) as (bench, asked):
        bench.embedded = True
        running = await bench.begin(command)
        async with asyncio.timeout(60):
            await asked.wait()
        mongod = await bench.mongod()

        await assert_ends(
            running, mongod.kill, Ends(1, "The embedded MongoDB was killed from outside (signal 9")
        )

        assert not (tmp_path / "data" / "mongodb.owner").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "frozen"])
async def test_sigterm_while_mongodb_is_away(tmp_path: Path, number: signal.Signals) -> None:
    async with server(tmp_path) as (away, mongo), hanging(mongo, tmp_path) as (bench, asked):
        running = await bench.begin(RUN)
        await running.heard("http_listening", within=60)
        async with asyncio.timeout(60):
            await asked.wait()
        os.kill(away.pid, number)

        await assert_ends(
            running,
            running.process.terminate,
            Ends(0, "MongoDB does not answer: leases run out by themselves"),
        )


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[tuple[EmbeddedMongo, TestMongo]]:
    """A MongoDB that no other test needs."""
    running = await start_embedded(folder / "server", cache_gb=0.25)
    client = AsyncMongoClient[dict[str, Any]](running.uri, tz_aware=True)
    try:
        yield running, TestMongo(running.uri, "ats_sync", "clearview", client)
    finally:
        await client.close()
        with suppress(ProcessLookupError):
            running.guard.kill()
        await running.stop()
