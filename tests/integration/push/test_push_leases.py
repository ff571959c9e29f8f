"""Leases: one holder, a token that only grows, the server's clock, and a quick take-over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from daemon.runtime.clock import SystemClock
from daemon.runtime.leased_work import ORPHANED_LEASES_END_WITHIN, lease_soon
from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes, MongoLeases
from tests.support.push_world import MovedClock
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
KEY = "push:acme"
SHORT = LeaseTimes(ttl=timedelta(milliseconds=300), renew_every=timedelta(milliseconds=50))
STEADY = LeaseTimes(ttl=timedelta(seconds=3), renew_every=timedelta(milliseconds=50))
"""A busy machine may be late to renew."""


@pytest.fixture
def store(opened: Mongo) -> Mongo:
    return opened


@pytest.fixture
async def replicas(store: Mongo) -> AsyncIterator[tuple[MongoLeases, MongoLeases]]:
    async with two_replicas(store, SHORT) as two:
        yield two


@pytest.fixture
async def steady(store: Mongo) -> AsyncIterator[tuple[MongoLeases, MongoLeases]]:
    async with two_replicas(store, STEADY) as two:
        yield two


@asynccontextmanager
async def two_replicas(
    store: Mongo, times: LeaseTimes
) -> AsyncIterator[tuple[MongoLeases, MongoLeases]]:
    one, other = (MongoLeases(store, SystemClock(), times=times) for _ in range(2))
    yield one, other
    await one.close()
    await other.close()


async def test_only_one_of_many_gets_it(store: Mongo) -> None:
    many = [MongoLeases(store, SystemClock()) for _ in range(10)]

    leases = await asyncio.gather(*(each.acquire(KEY) for each in many))

    assert len([lease for lease in leases if lease is not None]) == 1
    for each in many:
        await each.close()


async def test_every_new_holder_has_a_greater_token(
    replicas: tuple[MongoLeases, MongoLeases],
) -> None:
    tokens = []
    for turn in range(6):
        lease = await replicas[turn % 2].acquire(KEY)
        assert lease is not None
        tokens.append(lease.token)
        await replicas[turn % 2].release(lease)

    assert tokens == sorted(set(tokens))


async def test_a_renewed_lease_is_kept_beyond_its_time(
    steady: tuple[MongoLeases, MongoLeases], store: Mongo
) -> None:
    holder, other = steady
    lease = await holder.acquire(KEY)
    assert lease is not None
    first = await store.own["leases"].find_one({"_id": KEY})
    assert first is not None
    stop = asyncio.Event()

    async def beyond_its_first_end() -> bool:
        [row] = await store.own["leases"].find({"_id": KEY}).to_list()
        return bool(row["expires_at"] > first["expires_at"] + STEADY.ttl)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(holder.run(stop))
        await until(beyond_its_first_end)
        kept = lease.still_held() and await other.acquire(KEY) is None
        stop.set()

    assert kept
    assert not lease.still_held()


async def test_a_silent_holder_is_succeeded_and_knows_it_by_its_own_clock(
    replicas: tuple[MongoLeases, MongoLeases],
) -> None:
    silent, successor = replicas
    lease = await silent.acquire(KEY)
    assert lease is not None

    async def taken_over() -> bool:
        return await successor.acquire(KEY) is not None

    await until(taken_over)

    assert not lease.still_held()


async def test_a_thousand_leases_are_renewed_in_one_write_and_lost_ones_are_recognized(
    store: Mongo, unrestricted: Mongo
) -> None:
    holder = MongoLeases(store, SystemClock())
    leases = [await holder.acquire(f"push:{n}") for n in range(20)]
    await store.own["leases"].update_one({"_id": "push:3"}, {"$set": {"owner": None}})
    before = {row["_id"]: row["expires_at"] for row in await store.own["leases"].find().to_list()}
    status = await unrestricted.client.admin.command("serverStatus")
    updates = status["metrics"]["commands"]["update"]["total"]

    await holder._renew_all()

    status = await unrestricted.client.admin.command("serverStatus")
    assert status["metrics"]["commands"]["update"]["total"] == updates + 1
    held = [lease.key for lease in leases if lease is not None and lease.still_held()]
    assert held == [f"push:{n}" for n in range(20) if n != 3]
    after = {row["_id"]: row["expires_at"] for row in await store.own["leases"].find().to_list()}
    assert {key for key, at in after.items() if at > before[key]} == set(held)
    await holder.close()


async def test_a_late_renewal_does_not_take_back_what_another_holds(
    replicas: tuple[MongoLeases, MongoLeases], store: Mongo
) -> None:
    silent, successor = replicas
    lease = await silent.acquire(KEY)
    assert lease is not None

    async def taken_over() -> bool:
        return await successor.acquire(KEY) is not None

    await until(taken_over)
    await silent._renew_all()
    await silent.release(lease)

    row = await store.own["leases"].find_one({"_id": KEY})
    assert row is not None
    assert row["owner"] == successor.owner


async def test_a_clients_clock_that_is_ahead_steals_nothing(store: Mongo) -> None:
    holder = MongoLeases(store, SystemClock())
    ahead = MovedClock()
    ahead.ahead = timedelta(hours=1)
    thief = MongoLeases(store, ahead)
    assert await holder.acquire(KEY) is not None

    assert await thief.acquire(KEY) is None
    await holder.close()
    await thief.close()


async def test_a_successor_ends_what_its_predecessor_left_open(
    replicas: tuple[MongoLeases, MongoLeases], store: Mongo
) -> None:
    """A transaction of a dead holder would block plain writes for a minute."""
    dead, successor = replicas
    assert await dead.acquire(KEY) is not None
    things = store.own["checkpoints"]
    await things.insert_one({"_id": 1, "value": {}, "updated_at": SystemClock().now()})
    await dead.session.start_transaction()
    await things.update_one({"_id": 1}, {"$set": {"by": "dead"}}, session=dead.session)

    async def taken_over() -> bool:
        return await successor.acquire(KEY) is not None

    await until(taken_over)
    async with asyncio.timeout(30):
        await things.update_one({"_id": 1}, {"$set": {"by": "successor"}})

    row = await things.find_one({"_id": 1})
    assert row is not None
    assert row["by"] == "successor"


async def test_a_holder_that_is_alive_is_not_waited_for_and_a_killed_one_is(
    steady: tuple[MongoLeases, MongoLeases],
) -> None:
    holder, other = steady
    lease = await holder.acquire(KEY)
    assert lease is not None
    done = asyncio.Event()
    renewing = asyncio.create_task(holder.run(done))

    async with asyncio.timeout(ORPHANED_LEASES_END_WITHIN.total_seconds() / 2):
        async with lease_soon(other, KEY) as while_alive:
            pass
    done.set()
    await renewing
    killed = await holder.acquire(KEY)
    async with lease_soon(other, KEY) as after_a_kill:
        pass

    assert while_alive is None
    assert killed is not None
    assert after_a_kill is not None
    assert after_a_kill.token > killed.token
