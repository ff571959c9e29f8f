"""The test databases are real: what the daemon relies on works, and what is broken on purpose heals."""

import asyncio
import gc
import socket
import time
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.pool_options import PoolOptions
from pymongo.pool_shared import _async_create_connection

from tests.support.mongo import ReplicaSet, TestMongo
from tests.support.network import LeftTheMachine

pytestmark = pytest.mark.mongo


async def test_change_streams_and_transactions_work(mongo: TestMongo) -> None:
    await mongo.db.create_collection("words")
    async with await mongo.db.words.watch() as stream:
        async with mongo.client.start_session() as session, await session.start_transaction():
            await mongo.db.words.insert_one({"_id": "one"}, session=session)
            await mongo.db.words.insert_one({"_id": "two"}, session=session)

        seen = [(await stream.next())["documentKey"]["_id"] for _ in range(2)]

    assert seen == ["one", "two"]


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_databases_of_its_own(mongo: TestMongo, turn: int) -> None:
    assert await mongo.db.words.count_documents({}) == 0
    assert await mongo.clearview_db.words.count_documents({}) == 0

    await mongo.db.words.insert_one({"turn": turn})
    await mongo.clearview_db.words.insert_one({"turn": turn})


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_a_test_cannot_reach_another_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe, pytest.raises(LeftTheMachine):
        probe.connect((address, 80))


def test_a_test_cannot_ask_for_the_address_of_another_machine() -> None:
    with pytest.raises(LeftTheMachine):
        socket.getaddrinfo("example.com", 80)


@pytest.mark.fault
@pytest.mark.slow
async def test_a_three_node_set_survives_stepdown_kill_and_freeze(replica_set: ReplicaSet) -> None:
    async with AsyncMongoClient[dict[str, Any]](
        replica_set.uri, serverSelectionTimeoutMS=30_000
    ) as client:
        await client.t.words.insert_one({"_id": 1})
        stepped = await replica_set.step_down()
        assert await replica_set.primary() is not stepped
        await client.t.words.insert_one({"_id": 2})

        killed = await replica_set.primary()
        await killed.kill()
        assert await replica_set.primary() is not killed
        await client.t.words.insert_one({"_id": 3})
        await killed.start()

        frozen = await replica_set.primary()
        frozen.freeze()
        began = time.monotonic()
        assert await replica_set.primary() is not frozen
        frozen.thaw()

        assert time.monotonic() - began < 30
        assert await client.t.words.count_documents({}) == 3


async def test_a_socket_that_the_driver_leaves_where_connecting_is_cancelled_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = asyncio.Event()

    async def connect(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    connecting = asyncio.create_task(_async_create_connection(("127.0.0.1", 1), PoolOptions()))
    await begun.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    del connecting
    gc.collect()  # a socket that is left open now fails this test
