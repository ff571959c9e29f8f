"""The life sign of the event loop: it is alive while its own task keeps ticking."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

EVERY_S = 1.0
DEAD_AFTER_S = 10.0


class Heartbeat:
    """Ticks once a second while the loop gets round to it."""

    def __init__(self, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._monotonic = monotonic
        self._ticked_at = monotonic()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.tick()
        self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def tick(self) -> None:
        """The loop got round to it."""
        self._ticked_at = self._monotonic()

    @property
    def alive(self) -> bool:
        """True if the last tick is not long ago."""
        return self._monotonic() - self._ticked_at < DEAD_AFTER_S

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self.tick()
