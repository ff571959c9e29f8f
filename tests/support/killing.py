"""Work that is killed between its writes, in a process of its own."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pymongo import monitoring

from tests.support.warm import forking

EVERY_POINT = os.environ.get("FAULT_POINTS") == "all"
"""Kill at each of the moments that a test knows, not at some that are spread over them."""
WRITES = frozenset(
    {"insert", "update", "delete", "findAndModify", "drop", "createIndexes", "dropIndexes"}
)


@dataclass
class Killer(monitoring.CommandListener):
    """Kills its own process before or after the n-th write."""

    moment: str
    at: int
    counted: dict[str, int] = field(default_factory=lambda: {"before": 0, "after": 0})

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._count("before", event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._count("after", event.command_name)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A command that failed wrote nothing."""

    def _count(self, moment: str, command: str) -> None:
        self.counted[moment] += command in WRITES
        if (moment, self.counted[moment]) == (self.moment, self.at):
            os.kill(os.getpid(), signal.SIGKILL)


async def deaths(
    begin: Callable[[], Awaitable[Any]],
    work: Callable[..., Awaitable[Any]],
    *arguments: Any,
    every: int = 4,
) -> AsyncIterator[tuple[str, int]]:
    """Yields the moment of each death, until the work comes to its end.

    What is stored before a write is what is stored after the one before it: with each fourth moment
    of both kinds, every second state is met.
    """
    step = 1 if EVERY_POINT else every
    for moment, first in (("before", 1), ("after", max(1, step // 2))):
        for at in itertools.count(first, step):
            await begin()
            child = forking().Process(target=_until_killed, args=(work, arguments, moment, at))
            child.start()
            await asyncio.to_thread(child.join)
            if child.exitcode == 0:
                break
            assert child.exitcode == -signal.SIGKILL
            yield moment, at


def _until_killed(
    work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], moment: str, at: int
) -> None:
    monitoring.register(Killer(moment, at))

    async def run() -> None:
        await work(*arguments)

    asyncio.run(run())
