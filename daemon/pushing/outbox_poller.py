"""Tells deliveries of pushes that have become due without anybody in this process having said so.

A retry's time has come, an operator has asked for a replay, another replica has taken an event in.
One question for all integrations: a question for each would cost a core where there are many.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from daemon.ports.clock import Clock
from daemon.ports.pushes import Outbox
from daemon.runtime.supervision import stopped_within

EVERY = timedelta(seconds=1)
OVERLAP = timedelta(seconds=10)
"""Replicas' clocks differ: what became due so long ago is told of once more."""


class OutboxPoller:
    """Watches the outbox for the deliveries of this process."""

    def __init__(
        self, outbox: Outbox, clock: Clock, wake: Callable[[], Mapping[UUID, Callable[[], None]]]
    ) -> None:
        """`wake` gives, by integration, what tells its delivery that there is work."""
        self._outbox = outbox
        self._clock = clock
        self._wake = wake
        self._since: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until stopped."""
        while not await stopped_within(stop, EVERY):
            await self.request_scan()

    async def request_scan(self) -> None:
        """Wake every delivery that has something newly due."""
        wake = self._wake()
        now = self._clock.now()
        since = (self._since or now) - OVERLAP
        if wake:
            for integration_id in await self._outbox.newly_due(list(wake), since=since, now=now):
                wake[integration_id]()
        self._since = now
