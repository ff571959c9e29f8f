"""SIGKILL before and after every write of an erasure: the next one completes it."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymongo import monitoring

from daemon.core.erasure import ErasureReceipt
from daemon.erasing.requests import PersonRequest
from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from tests.support.canary import (
    APPLICATION,
    EMAIL,
    PERSON,
    CanaryConnector,
    an_ats,
    documents,
    fill,
    traces,
)
from tests.support.erasing import erasing
from tests.support.importing import ImportBench
from tests.support.mongo import TestMongo, stored_names
from tests.support.moving_clock import MovingClock

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow]
WRITES = frozenset({"insert", "update", "delete", "findAndModify"})
BY_EMAIL = PersonRequest(email=EMAIL)


@dataclass
class Killer(monitoring.CommandListener):
    """Kills its own process before or after the n-th write."""

    moment: str
    at: int
    counted: dict[str, int] = field(default_factory=lambda: {"before": 0, "after": 0})

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._count("before", event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._count("after", event.command_name)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A command that failed wrote nothing."""

    def _count(self, moment: str, command: str) -> None:
        self.counted[moment] += command in WRITES
        if (moment, self.counted[moment]) == (self.moment, self.at):
            os.kill(os.getpid(), signal.SIGKILL)


async def erase(mongo: Mongo) -> ErasureReceipt | None:
    its = erasing(mongo, MovingClock())
    requests = its.requests()
    return await requests.erase(BY_EMAIL)


async def sweep(mongo: Mongo) -> None:
    """A sweep with the policy `erase`, of an ATS that no longer has the person."""
    bench = ImportBench(mongo, CanaryConnector(an_ats()), MovingClock())
    bench.ruled(max_percent=100.0, deletions="erase")
    bench.connector.ats.drop("candidates", PERSON)
    bench.connector.ats.drop("applications", APPLICATION)
    await erasing(mongo, MovingClock()).erasures.finish_interrupted()
    await bench.poll(sweep=True)


def run_until_killed(
    work: Callable[[Mongo], Awaitable[Any]],
    uri: str,
    database: str,
    clearview: str,
    moment: str,
    at: int,
) -> None:
    monitoring.register(Killer(moment, at))

    async def run() -> None:
        mongo = await open_mongo(
            uri, database=database, clearview_database=clearview, prepare=False
        )
        await work(mongo)
        await mongo.close()

    asyncio.run(run())


async def filled(mongo: Mongo) -> ImportBench:
    for database in (mongo.own, mongo.clearview):
        for name in await stored_names(database):
            await database[name].delete_many({})
    bench = ImportBench(mongo, CanaryConnector(an_ats()), MovingClock())
    bench.ruled(max_percent=100.0)
    await fill(bench)
    return bench


def comparable(receipt: ErasureReceipt | None) -> Any:
    """The hashes differ: each of these databases has a key of its own."""
    assert receipt is not None
    return (receipt.state, receipt.counts, receipt.candidates, len(receipt.hashes))


@pytest.mark.timeout(300)
async def test_a_kill_between_any_two_writes_is_completed_by_the_next_erasure(
    opened: Mongo, prepared_mongo: TestMongo
) -> None:
    await filled(opened)
    expected = comparable(await erase(opened))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    where = (prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview)
    killed = 0
    for moment in ("before", "after"):
        for at in range(1, 100):
            bench = await filled(opened)
            child = processes.Process(target=run_until_killed, args=(erase, *where, moment, at))
            child.start()
            await asyncio.to_thread(child.join)
            if child.exitcode == 0:
                break
            assert child.exitcode == -signal.SIGKILL
            killed += 1

            receipt = await erase(opened)
            await bench.poll(sweep=True)

            assert await traces(opened) == [], (moment, at)
            assert comparable(receipt) == expected, (moment, at)
            assert len([1 for name, _ in await documents(opened) if name == "erasures"]) == 1
    assert killed >= 30


EVERY = 3
"""A sweep makes many writes: each third is enough, in both moments."""


@pytest.mark.timeout(300)
async def test_a_killed_sweep_that_erases_is_completed_by_the_next_start(
    opened: Mongo, prepared_mongo: TestMongo
) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    where = (prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview)
    killed = 0
    for first, moment in enumerate(("before", "after"), 1):
        for at in range(first, 200, EVERY):
            await filled(opened)
            child = processes.Process(target=run_until_killed, args=(sweep, *where, moment, at))
            child.start()
            await asyncio.to_thread(child.join)
            if child.exitcode == 0:
                break
            assert child.exitcode == -signal.SIGKILL
            killed += 1

            await sweep(opened)
            await sweep(opened)

            assert await traces(opened) == [], (moment, at)
            receipts = await opened.own.erasures.find().to_list()
            assert {row["state"] for row in receipts} == {"finished"}, (moment, at)
            assert await opened.clearview.candidates.count_documents({}) == 1
    assert killed >= 10
