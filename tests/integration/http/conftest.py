"""The port for every test of this folder."""

from collections.abc import AsyncIterator

import pytest

from daemon.store.connection import Mongo
from tests.support.http_port import Serve, serving


@pytest.fixture
async def serve(opened: Mongo) -> AsyncIterator[Serve]:
    async with serving(opened) as start:
        yield start
