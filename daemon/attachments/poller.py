"""Wakes the jobs that fetch files, where there is something to do. One query serves all of a process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from daemon.ports.clock import Clock
from daemon.runtime.supervision import stopped_within

EVERY = timedelta(seconds=5)


class AttachmentPoller:
    """Polls the queue for the jobs of this process."""

    def __init__(
        self,
        due: Callable[[Sequence[UUID], datetime], Awaitable[frozenset[UUID]]],
        clock: Clock,
        wake: Callable[[], Mapping[UUID, Callable[[], None]]],
    ) -> None:
        """`due` returns those of the integrations that have files, `wake` the wake-up calls of their jobs."""
        self._due = due
        self._clock = clock
        self._wake = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Polls until stopped."""
        while not await stopped_within(stop, EVERY):
            await self.poll()

    async def poll(self) -> None:
        """Wakes every job that has files to fetch or to delete."""
        wake = self._wake()
        if not wake:
            return
        for integration_id in await self._due(list(wake), self._clock.now()):
            wake[integration_id]()
