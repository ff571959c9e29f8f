"""The relay of events is killed at fifty moments: nothing is lost, and the order of each candidate is kept."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer

from daemon.core.events import IMPORTS, UPDATES
from daemon.store.connection import Mongo
from tests.support.event_sinks import WebhookReceiver
from tests.support.log_rows import import_row, update_row
from tests.support.mongo import TestMongo
from tests.support.relay_process import Kill, running_relay_server
from tests.support.sample_rows import NOW, an_integration

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow]
KILLS = 50
PEOPLE = 5


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    found = WebhookReceiver()
    async with TestServer(found.app()) as server:
        yield found, str(server.make_url("/hook"))


class Writer:
    """Writes to the logs what an import and pushes would; remembers the order of each candidate."""

    def __init__(self, mongo: Mongo, chance: random.Random) -> None:
        self._mongo = mongo
        self._chance = chance
        self._written = 0
        self.ids: dict[str, list[str]] = defaultdict(list)

    async def write(self, count: int) -> None:
        for _ in range(count):
            self._written += 1
            at = NOW + timedelta(seconds=self._written)
            person = str(self._chance.randrange(PEOPLE))
            if self._chance.random() < 0.5:
                collection, row = IMPORTS, import_row(person, imported_at=at)
            else:
                collection, row = UPDATES, update_row(person, updated_at=at)
            await self._mongo.own[collection].insert_one(row)
            self.ids[str(row["candidate_id"])].append(str(row["_id"]))


def first_seen(ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(ids))


@pytest.mark.timeout(240)
async def test_a_relay_that_is_killed_fifty_times_loses_nothing_and_keeps_the_order(
    opened: Mongo, prepared_mongo: TestMongo, receiver: tuple[WebhookReceiver, str]
) -> None:
    got, url = receiver
    mongo, chance = prepared_mongo, random.Random(18)
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    writer, killed = Writer(opened, chance), 0
    with running_relay_server(mongo.uri, mongo.database, mongo.clearview, url) as server:
        await asyncio.to_thread(server.send, "begin")
        for number in range(KILLS):
            await writer.write(chance.randrange(3, 12))
            kill: Kill = (("before", "after", "page")[number % 3], 1 + number // 3)
            killed += await asyncio.to_thread(server.send, "catch up", kill) is None
        while killed < KILLS:  # some of these moments did not come
            await writer.write(3)
            kill = ("page", chance.randrange(1, 4))
            killed += await asyncio.to_thread(server.send, "catch up", kill) is None
        await asyncio.to_thread(server.send, "catch up")

    assert killed == KILLS
    assert got.problems == []
    bodies: dict[str, set[bytes]] = defaultdict(set)
    by_candidate: dict[str, list[str]] = defaultdict(list)
    for body, event in zip(got.bodies, got.events, strict=True):
        bodies[event["id"]].add(body)
        by_candidate[event["partitionkey"]].append(event["id"])
    assert {who: first_seen(ids) for who, ids in by_candidate.items()} == writer.ids
    assert {len(same) for same in bodies.values()} == {1}
