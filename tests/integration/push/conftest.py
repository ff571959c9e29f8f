"""An account with two applications that both sides know."""

from collections.abc import AsyncIterator

import pytest

from tests.support.mongo import TestMongo
from tests.support.push_world import PushWorld, push_world


@pytest.fixture
async def world(prepared_mongo: TestMongo) -> AsyncIterator[PushWorld]:
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview
    ) as world:
        await world.add("a1", "a2")
        await world.settle()
        yield world
