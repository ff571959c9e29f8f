"""Wakes deliveries for pushes that became due without an announcement in this process.

A retry is due, an operator requested a replay, or another replica took an event in. One query serves
all integrations: a query for each would cost a core where there are many.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from daemon.ports.clock import Clock
from daemon.ports.pushes import Outbox
from daemon.runtime.supervision import stopped_within

EVERY = timedelta(seconds=1)
OVERLAP = timedelta(seconds=10)
"""Replicas' clocks differ: pushes that became due so recently are reported once more."""


@dataclass(slots=True, eq=False)
class OutboxPoller:
    """Polls the outbox for the deliveries of this process."""

    outbox: Outbox
    clock: Clock
    wake: Callable[[], Mapping[UUID, Callable[[], None]]]
    """Returns the wake-up calls of the deliveries, by integration."""
    _since: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Polls until stopped."""
        while not await stopped_within(stop, EVERY):
            await self.poll()

    async def poll(self) -> None:
        """Wakes every delivery that has newly due pushes."""
        wake = self.wake()
        now = self.clock.now()
        since = (self._since or now) - OVERLAP
        if wake:
            for integration_id in await self.outbox.newly_due(list(wake), since=since, now=now):
                wake[integration_id]()
        self._since = now
