"""The relay of events is killed at many moments: nothing is lost, and the order of each candidate is kept."""

import random
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from daemon.store.connection import Mongo
from tests.support.event_sinks import WebhookReceiver
from tests.support.log_writer import LogWriter
from tests.support.mongo import TestMongo
from tests.support.relay_process import killed_again_and_again
from tests.support.sample_rows import an_integration

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.slow]
PEOPLE = 5


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    found = WebhookReceiver()
    async with TestServer(found.app()) as server:
        yield found, str(server.make_url("/hook"))


@pytest.mark.timeout(240)
async def test_a_relay_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order(
    opened: Mongo, prepared_mongo: TestMongo, receiver: tuple[WebhookReceiver, str]
) -> None:
    got, url = receiver
    chance = random.Random(18)
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    writer = LogWriter(opened, chance)

    await killed_again_and_again(prepared_mongo, url, writer, chance)

    assert got.problems == []
    assert writer.problems(got.bodies) == []
    assert len(got.bodies) >= writer.count
