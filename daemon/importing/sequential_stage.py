"""A step that takes one thing at a time, in the order in which things come."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class SequentialStage:
    """What is under way in one step; whoever comes next settles it first."""

    name: str
    busy: "asyncio.Task[None] | None" = None

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start it; the lane must be settled."""
        self.busy = asyncio.create_task(work, name=self.name)

    async def join(self) -> None:
        """Return when nothing is under way; whoever is cancelled meanwhile leaves it running.

        Raises:
            Exception: what the work failed with; it is raised until someone stands still.
        """
        if self.busy is not None:
            await asyncio.shield(self.busy)
            self.busy = None

    async def drain(self) -> None:
        """Return when nothing is under way, however it ended."""
        if self.busy is not None:
            await asyncio.gather(self.busy, return_exceptions=True)
            self.busy = None
