"""kill -9 at any instant: every change takes effect once, in order, and is logged once."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from models.status import ApplicationStatus
from tests.support.killing import EVERY_POINT
from tests.support.mongo import TestMongo
from tests.support.push_ats import STAGES
from tests.support.push_process import served
from tests.support.push_world import PushWorld, push_world
from tests.support.waiting import until

S = ApplicationStatus
pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]
KILLS = 100 if EVERY_POINT else 40
CHANGES = 20 * KILLS
APPLICATIONS = 200
SEED = 20261123


@asynccontextmanager
async def nursery(world: PushWorld, port: int) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.push_process"),
        *(world.uri, world.mongo.database, world.mongo.clearview_database, str(port)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it has forked
        await process.wait()


async def start_daemon(process: Process) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"start\n")
    await process.stdin.drain()
    return int(await process.stdout.readline())


async def change_statuses(
    world: PushWorld, expected: dict[str, list[S]], chance: random.Random, pace: asyncio.Event
) -> None:
    """A recruiter who never stops for long."""
    names = list(expected)
    current = dict.fromkeys(names, S.NEW)
    for _ in range(CHANGES):
        name = chance.choice(names)
        status = chance.choice([s for s in STAGES if s is not current[name]])
        await world.set_status(name, status)
        current[name] = status
        expected[name].append(status)
        await asyncio.sleep(0 if pace.is_set() else chance.uniform(0, 0.07))


async def some_instant(world: PushWorld, chance: random.Random) -> None:
    """Mostly while it works, however long a busy machine takes to start it; else at any time."""
    if chance.random() < 0.75:
        before = len(world.ats.effects)
        with suppress(TimeoutError):
            await world.ats.until(lambda: len(world.ats.effects) > before, within=3)
        await asyncio.sleep(chance.uniform(0, 0.4))
    else:
        await asyncio.sleep(chance.uniform(0, 0.9))


async def assert_at_most_one_note_each(world: PushWorld) -> None:
    """Notes that were made are there; of those that a kill left in doubt, none is there twice."""
    outcomes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    names = {world.id_of(name): name for name in world.ats.applications}
    for row in await world.log():
        if row["outcome"] == "Success":
            outcomes[names[row["application_id"]], row["status"]][row["note"]] += 1
    written = Counter(world.ats.notes)
    for key, found in outcomes.items():
        assert found["made"] <= written[key] <= found["made"] + found["unknown"]
        assert found["failed"] == 0
    assert written.keys() <= outcomes.keys()
    assert sum(found["unknown"] for found in outcomes.values()) <= KILLS * 48


async def test_many_deaths_lose_nothing_and_repeat_nothing(prepared_mongo: TestMongo) -> None:
    chance = random.Random(SEED)
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview
    ) as world:
        expected: dict[str, list[S]] = {f"a{i}": [] for i in range(APPLICATIONS)}
        await world.add(*expected)
        await world.settle()  # the stream has a position from here on
        async with served(world.ats) as port, nursery(world, port) as process:
            pace = asyncio.Event()
            recruiter = asyncio.create_task(change_statuses(world, expected, chance, pace))
            killed_at_work = 0
            for _ in range(KILLS):
                daemon = await start_daemon(process)
                before = len(world.ats.effects)
                await some_instant(world, chance)
                killed_at_work += len(world.ats.effects) > before
                os.kill(daemon, signal.SIGKILL)
            pace.set()
            await recruiter
            await start_daemon(process)

            async def all_logged() -> bool:
                log = world.mongo.own["application_status_update_log"]
                return await log.count_documents({}) >= CHANGES

            await until(all_logged, within=60, every=0.2)

        effects = defaultdict(list)
        for effect in world.ats.effects:
            effects[effect.application].append(effect.after)
        assert effects == {name: order for name, order in expected.items() if order}
        assert killed_at_work > KILLS / 2
        await assert_at_most_one_note_each(world)
        log = await world.log()
        assert len(log) == CHANGES
        assert {row["outcome"] for row in log} == {"Success"}
        written = [(row["subject"], row["after"]["outcome"]) for row in await world.audited()]
        assert sorted(written) == sorted((str(row["_id"]), "Success") for row in log)
        for name in expected:
            assert (await world.snapshot(name))["status"] == world.ats.applications[name]["status"]
