"""The port for every test of this folder."""

from collections.abc import AsyncIterator

import pytest

from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from tests.support.http_port import Serve, serving
from tests.support.mongo import TestMongo


@pytest.fixture
async def opened(mongo: TestMongo) -> AsyncIterator[Mongo]:
    connection = await open_mongo(
        mongo.uri, database=mongo.database, clearview_database=mongo.clearview
    )
    yield connection
    await connection.close()


@pytest.fixture
async def serve(opened: Mongo) -> AsyncIterator[Serve]:
    async with serving(opened) as start:
        yield start
