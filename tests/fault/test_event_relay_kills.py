"""The relay of events is killed at fifty moments: nothing is lost, and the order of each candidate is kept."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from daemon.store.connection import Mongo
from tests.support.event_sinks import WebhookReceiver
from tests.support.log_writer import LogWriter
from tests.support.mongo import TestMongo
from tests.support.relay_process import Kill, running_relay_server
from tests.support.sample_rows import an_integration

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow]
KILLS = 50
PEOPLE = 5


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    found = WebhookReceiver()
    async with TestServer(found.app()) as server:
        yield found, str(server.make_url("/hook"))


@pytest.mark.timeout(240)
async def test_a_relay_that_is_killed_fifty_times_loses_nothing_and_keeps_the_order(
    opened: Mongo, prepared_mongo: TestMongo, receiver: tuple[WebhookReceiver, str]
) -> None:
    got, url = receiver
    mongo, chance = prepared_mongo, random.Random(18)
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    writer, killed = LogWriter(opened, chance), 0
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
    assert writer.problems(got.bodies) == []
    assert len(got.bodies) >= writer.count
