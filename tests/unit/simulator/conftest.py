"""Started simulators that are stopped again, and a plain client for each vendor's rules."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator, create_simulator
from tests.support.simulators import Start


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[Simulator] = []

    async def started(name: str, **options: Any) -> Simulator:
        simulator = create_simulator(name, **{"candidates": 60, "unlimited": True, **options})
        await simulator.start()
        running.append(simulator)
        return simulator

    yield started
    for simulator in running:
        await simulator.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        session._retry_connection = False  # aiohttp sends GET and PUT again when a connection ends
        yield session
