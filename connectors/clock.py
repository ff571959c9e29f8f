"""Time as connectors see it, so that tests can move it."""

import asyncio
from datetime import datetime
from typing import Protocol

from models.times import utc_now


class ConnectorClock(Protocol):
    """The time and the waits of a connector."""

    def now(self) -> datetime:
        """The present moment in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""


class LoopClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return utc_now()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
