"""Many imports of one process share the room for pages, and an ATS that is slow keeps no one out."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.values import Page, Window
from daemon.core.runs import Run, RunRequest
from daemon.core.snapshot import Snapshot
from daemon.importing import page_source
from daemon.importing.context import ImportRules
from daemon.jobs.import_poll import ImportPoll
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from models.ids import integration_id
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import import_ports
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


def account(name: str, people: int) -> FakeConnector:
    connector = FakeConnector(FakeAts(), integration=name)
    for person in ids(people):
        connector.ats.tick()
        connector.ats.put("candidates", person, name=f"P{person}")
    return connector


@dataclass
class Crowd:
    """How many pages are being written now, and were at most."""

    now: int = 0
    most: int = 0


class CountingSnapshots(MongoSnapshots):
    crowd: Crowd

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        self.crowd.now += 1
        self.crowd.most = max(self.crowd.most, self.crowd.now)
        try:
            return await super().write(list_name, created, replaced)
        finally:
            self.crowd.now -= 1


async def poll(
    mongo: Mongo, connector: Any, page_slots: asyncio.Semaphore, crowd: Crowd | None = None
) -> Run:
    identity, clock = integration_id(connector.integration), MovingClock(START)
    ports = replace(import_ports(mongo, identity, clock), page_slots=page_slots)
    if crowd is not None:
        snapshots = CountingSnapshots(mongo, identity)
        snapshots.crowd = crowd
        ports = replace(ports, snapshots=snapshots)
    return await ImportPoll(connector, identity, ports, ImportRules()).run(RunRequest(fence=1))


async def test_so_many_pages_are_written_at_once_as_there_is_room_for_and_all_imports_end(
    opened: Mongo,
) -> None:
    page_slots, crowd = asyncio.Semaphore(2), Crowd()
    accounts = [account(f"acme-{n}", people=7) for n in range(12)]

    runs = await asyncio.gather(*(poll(opened, each, page_slots, crowd) for each in accounts))

    assert [run.counts.created for run in runs] == [7] * 12
    assert 1 <= crowd.most <= 2
    assert page_slots._value == 2


class SlowConnector(FakeConnector):
    """Its ATS lets the first page wait until it is asked to answer."""

    answers: asyncio.Event
    asked: asyncio.Event

    async def pages(self, list_name: str, window: Window, **options: Any) -> AsyncIterator[Page]:
        self.asked.set()
        await self.answers.wait()
        async for page in super().pages(list_name, window, **options):
            yield page


async def test_an_ats_that_lets_us_wait_leaves_its_place_to_others_meanwhile(
    opened: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_source, "SLOT_PATIENCE_S", 0.01)
    page_slots = asyncio.Semaphore(1)
    slow = SlowConnector(account("slow", 1).ats, integration="slow")
    slow.answers, slow.asked = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(poll(opened, slow, page_slots))
    await slow.asked.wait()

    run = await poll(opened, account("quick", people=7), page_slots)

    assert run.counts.created == 7
    slow.answers.set()
    assert (await waiting).counts.created == 1
    assert page_slots._value == 1


async def test_an_import_that_fails_leaves_its_places(opened: Mongo) -> None:
    page_slots = asyncio.Semaphore(3)
    broken = account("broken", people=9)
    broken.fail_at = {("candidates", 1)}
    with pytest.raises(Exception, match="page failed"):
        await poll(opened, broken, page_slots)

    assert page_slots._value == 3


@dataclass
class Seen:
    """What the checkpoint has named so far."""

    two_pages: asyncio.Event
    positions: list[Any]


class ObservedCheckpoints(MongoCheckpoints):
    seen: Seen

    async def save(self, key: str, value: Mapping[str, Any], *, fence: int) -> None:
        await super().save(key, value, fence=fence)
        if len(value["applying"]) > 1 and not self.seen.two_pages.is_set():
            self.seen.positions = [at["position"] for at in value["walk"]["positions"].values()]
            self.seen.two_pages.set()


class HeldSnapshots(MongoSnapshots):
    seen: Seen

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        async with asyncio.timeout(20):
            await self.seen.two_pages.wait()
        return await super().write(list_name, created, replaced)


async def test_a_page_is_announced_while_the_one_before_it_is_written_and_moves_nothing_yet(
    opened: Mongo,
) -> None:
    connector, clock = account("acme", people=7), MovingClock(START)
    identity = integration_id("acme")
    snapshots = HeldSnapshots(opened, identity)
    checkpoints = ObservedCheckpoints(opened, clock)
    seen = snapshots.seen = checkpoints.seen = Seen(asyncio.Event(), [])
    ports = import_ports(opened, identity, clock)
    ports = replace(ports, snapshots=snapshots, checkpoints=checkpoints)

    run = await ImportPoll(connector, identity, ports, ImportRules()).run(RunRequest(fence=1))

    assert run.counts.created == 7
    assert seen.positions
    assert set(seen.positions) == {None}
