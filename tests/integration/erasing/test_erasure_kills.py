"""SIGKILL before and after every write of an erasure: the next one completes it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

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
from tests.support.killing import deaths
from tests.support.mongo import TestMongo, stored_names
from tests.support.moving_clock import MovingClock

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow]
BY_EMAIL = PersonRequest(email=EMAIL)


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


async def alone(
    work: Callable[[Mongo], Awaitable[Any]], uri: str, database: str, clearview: str
) -> None:
    """The work with a connection of its own, in a process that is killed."""
    mongo = await open_mongo(uri, database=database, clearview_database=clearview, prepare=False)
    await work(mongo)
    await mongo.close()


async def filled(mongo: Mongo, unrestricted: Mongo) -> ImportBench:
    for database in (unrestricted.own, unrestricted.clearview):
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
    opened: Mongo, unrestricted: Mongo, prepared_mongo: TestMongo
) -> None:
    bench = await filled(opened, unrestricted)
    expected = comparable(await erase(opened))

    async def begin() -> None:
        nonlocal bench
        bench = await filled(opened, unrestricted)

    where = (prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview)
    killed = 0
    async for moment in deaths(begin, alone, erase, *where):
        killed += 1

        receipt = await erase(opened)
        await bench.poll(sweep=True)

        assert await traces(opened) == [], moment
        assert comparable(receipt) == expected, moment
        assert len([1 for name, _ in await documents(opened) if name == "erasures"]) == 1
    assert killed >= 8


@pytest.mark.timeout(300)
async def test_a_killed_sweep_that_erases_is_completed_by_the_next_start(
    opened: Mongo, unrestricted: Mongo, prepared_mongo: TestMongo
) -> None:
    where = (prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview)
    killed = 0
    async for moment in deaths(
        partial(filled, opened, unrestricted), alone, sweep, *where, every=8
    ):
        killed += 1

        await sweep(opened)
        await sweep(opened)

        assert await traces(opened) == [], moment
        receipts = await opened.own.erasures.find().to_list()
        assert {row["state"] for row in receipts} == {"finished"}, moment
        assert await opened.clearview.candidates.count_documents({}) == 1
    assert killed >= 4
