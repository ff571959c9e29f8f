"""MongoDB goes away, elects another primary, or forgets: nothing is lost and nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from connectors.errors import RateLimited
from daemon.runtime.supervision import Backoff, supervise
from models.status import ApplicationStatus
from models.times import utc_now
from tests.support.mongo import Member, ReplicaSet, TestMongo, direct_client, free_ports
from tests.support.push_world import PushWorld, push_world
from tests.support.waiting import until

S = ApplicationStatus
pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(150)]
QUICKLY = Backoff(base=timedelta(seconds=0.2), cap=timedelta(seconds=1))
NAMES = [f"a{i}" for i in range(40)]


@asynccontextmanager
async def supervised(world: PushWorld) -> AsyncIterator[None]:
    """Both halves as the daemon runs them: what fails is started again."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for name, run in (
            ("intake", world.daemon.intake.run),
            ("delivery", world.daemon.delivery.run),
        ):
            tasks.create_task(supervise(name, run, QUICKLY, stop=stop))
        try:
            yield
        finally:
            stop.set()


async def all_logged(world: PushWorld, count: int) -> bool:
    log = world.mongo.own["application_status_update_log"]
    return await log.count_documents({}) >= count


async def change_all(world: PushWorld, status: str) -> None:
    for name in NAMES:
        await world.set_status(name, status)


@pytest.mark.parametrize("fault", ["step_down", "kill_primary"])
async def test_an_election_loses_and_repeats_nothing(replica_set: ReplicaSet, fault: str) -> None:
    async with push_world(replica_set.uri, "ats_sync", "clearview", prepare=True) as world:
        await world.add(*NAMES)
        await world.settle()
        async with supervised(world):
            await change_all(world, "screening")
            if fault == "step_down":
                await replica_set.step_down()
            else:
                await (await replica_set.primary()).kill()
            await change_all(world, "interview")
            await until(partial(all_logged, world, 2 * len(NAMES)), within=60, every=0.3)

        for name in NAMES:
            assert world.ats.order_of(name) == [S.SCREENING, S.INTERVIEW]
        assert {row["outcome"] for row in await world.log()} == {"Success"}


async def test_a_set_that_was_stopped_and_started_is_waited_for(replica_set: ReplicaSet) -> None:
    async with push_world(replica_set.uri, "ats_sync", "clearview", prepare=True) as world:
        await world.add(*NAMES)
        await world.settle()
        async with supervised(world):
            await change_all(world, "screening")
            for member in replica_set.members:
                await member.kill()
            for member in replica_set.members:
                await member.start()
            await replica_set.primary()
            await change_all(world, "interview")
            await until(partial(all_logged, world, 2 * len(NAMES)), within=60, every=0.3)

        for name in NAMES:
            assert world.ats.order_of(name) == [S.SCREENING, S.INTERVIEW]


async def test_a_uri_that_reads_from_a_late_secondary_loses_no_change(
    replica_set: ReplicaSet,
) -> None:
    """The URI asks for secondaries, and one of them has applied nothing since before the changes."""
    uri = f"{replica_set.uri}&readPreference=secondaryPreferred&readConcernLevel=local&w=1"
    primary = await replica_set.primary()
    late = next(member for member in replica_set.members if member is not primary)
    async with (
        push_world(uri, "ats_sync", "clearview", prepare=True) as world,
        direct_client(late) as secondary,
    ):
        await world.add(*NAMES)
        await world.settle()
        await secondary.admin.command("configureFailPoint", "rsSyncApplyStop", mode="alwaysOn")
        try:
            async with supervised(world):
                await change_all(world, "screening")
                await change_all(world, "interview")
                await until(partial(all_logged, world, 2 * len(NAMES)), within=60, every=0.3)
            on_secondary = await secondary["ats_sync"][
                "application_status_update_log"
            ].count_documents({})
        finally:
            await secondary.admin.command("configureFailPoint", "rsSyncApplyStop", mode="off")

        assert on_secondary == 0
        for name in NAMES:
            assert world.ats.order_of(name) == [S.SCREENING, S.INTERVIEW]
        assert {row["outcome"] for row in await world.log()} == {"Success"}


async def test_a_storm_of_rate_limits_ends_with_everything_sent_once(
    prepared_mongo: TestMongo,
) -> None:
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview
    ) as world:
        await world.add(*NAMES)
        await world.settle()
        await change_all(world, "screening")
        await change_all(world, "interview")
        for _ in range(12):
            until_then = world.clock.now() + timedelta(seconds=30)
            world.ats.faults.extend([RateLimited("429", until=until_then)] * 5)
            await world.settle()
            world.clock.ahead += timedelta(seconds=31)
        world.ats.faults.clear()
        await world.settle()

        for name in NAMES:
            assert world.ats.order_of(name) == [S.SCREENING, S.INTERVIEW]
        assert {row["attempts"] for row in await world.log()} == {1}


async def test_an_oplog_that_rolled_over_is_repaired_and_the_alert_says_so(tmp_path: Path) -> None:
    """Sixteen megabytes of history, and far more written while the daemon is down."""
    async with (
        forgetful_server(tmp_path) as uri,
        push_world(uri, "own", "clearview", prepare=True) as world,
    ):
        await world.add(*NAMES)
        await world.settle()
        await change_all(world, "interview")
        rolled = await roll_over(world)
        world.restart()
        await world.settle()

        assert rolled
        assert {tuple(world.ats.order_of(name)) for name in NAMES} == {(S.INTERVIEW,)}
        [alert] = [a for a in world.alerts.raised if a.kind.value == "stream_position_lost"]
        assert alert.details["repaired"] == len(NAMES)


class ForgetfulMember(Member):
    """A server that keeps sixteen megabytes of history."""

    def _command(self) -> list[str]:
        command = super()._command()
        command[command.index("--oplogSize") + 1] = "16"
        return [*command, "--syncdelay", "1"]  # history goes only after a checkpoint


@asynccontextmanager
async def forgetful_server(folder: Path) -> AsyncIterator[str]:
    [port] = free_ports(1)
    member = ForgetfulMember(port, folder, "forgetful")
    await member.start()
    try:
        async with direct_client(member) as client:
            await client.admin.command(
                "replSetInitiate",
                {"_id": "forgetful", "members": [{"_id": 0, "host": member.host}]},
            )
        replica_set = ReplicaSet("forgetful", [member])
        await replica_set.primary()
        yield replica_set.uri
    finally:
        await member.stop()


async def roll_over(world: PushWorld) -> bool:
    """Write until the oldest entry is younger than the changes; True if that came to be."""
    began = utc_now()
    noise = world.mongo.clearview.client["noise"]["big"]
    oplog = world.mongo.client["local"]["oplog.rs"]
    for _ in range(600):
        await noise.insert_many([{"blob": "x" * 1_000_000} for _ in range(4)])
        oldest = await oplog.find_one({}, {"ts": 1}, sort=[("$natural", 1)])
        if oldest is not None and oldest["ts"].as_datetime() > began:
            return True
    return False
