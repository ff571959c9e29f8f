"""A process that owns an embedded MongoDB: how both end together."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.mongo, pytest.mark.fault]

DAEMON = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from pymongo import AsyncMongoClient
from daemon.runtime.lifecycle import MARGIN, Watchdog, close_within, drain_share, serve
from daemon.runtime.logs import configure_logs
from daemon.runtime.task_group import run_until_stopped
from daemon.store.embedded.server import start_embedded

GRACE = timedelta(seconds=float(sys.argv[2]))

async def main(stop):
    mongo = await start_embedded(Path(sys.argv[1]), cache_gb=0.25)
    try:
        client = AsyncMongoClient(mongo.uri)
        try:
            await run_until_stopped(
                lambda tasks: start(tasks, client, mongo, stop), stop=stop, grace=drain_share(GRACE)
            )
        finally:
            await close_within(timedelta(seconds=1), "mongodb", client.close)
    finally:
        await mongo.stop()

async def start(tasks, client, mongo, stop):
    tasks.create_task(mongo.watch(stop), name="embedded-mongo")
    tasks.create_task(work(client, mongo, stop), name="worker")

async def work(client, mongo, stop):
    await client.t.words.insert_one({"_id": "before"})
    print(mongo.pid, flush=True)
    await stop.wait()
    await asyncio.sleep(0.3)
    await client.t.words.insert_one({"_id": "while draining"})
    print("drained", flush=True)

configure_logs(log_format="json")
try:
    sys.exit(serve(main, grace=GRACE, watchdog=Watchdog(GRACE + MARGIN)))
except Exception as error:
    print(type(error).__name__, flush=True)
    sys.exit(1)
"""


@asynccontextmanager
async def daemon(
    folder: Path, *, grace: float = 8
) -> AsyncIterator[tuple[subprocess.Popen[str], psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(folder), str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        mongod = psutil.Process(int(await asyncio.to_thread(process.stdout.readline)))
        try:
            yield process, mongod
        finally:
            process.kill()
            await ended(mongod, within=15)


async def ended(process: psutil.Process, *, within: float) -> None:
    deadline = time.monotonic() + within
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"{process} still runs"
        await asyncio.sleep(0.02)


async def output_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    return await asyncio.to_thread(process.communicate, timeout=30)


async def test_ctrl_c_drains_into_a_mongodb_that_still_runs_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with daemon(tmp_path) as (process, mongod):
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = await output_of(process)

        assert (process.returncode, out) == (0, "drained\n"), err
        assert time.monotonic() - began < 8
        assert not mongod.is_running()
        assert not (tmp_path / "mongodb.owner").exists()


async def test_a_mongodb_that_dies_ends_the_daemon_with_the_reason(tmp_path: Path) -> None:
    async with daemon(tmp_path) as (process, mongod):
        mongod.kill()
        out, _err = await output_of(process)

        assert process.returncode == 1
        assert out == "EmbeddedMongoError\n"


async def test_a_frozen_mongodb_cannot_keep_the_daemon_from_exiting(tmp_path: Path) -> None:
    async with daemon(tmp_path, grace=1) as (process, mongod):
        mongod.suspend()
        began = time.monotonic()
        process.terminate()
        await output_of(process)

        assert process.returncode == 75
        assert time.monotonic() - began < 4
    assert not mongod.is_running() or mongod.status() == psutil.STATUS_ZOMBIE
