"""The tasks of the daemon: what runs beside what, and what ends before what."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from daemon.runtime.supervision import Backoff, Loop, LoopObserver, supervise
from daemon.runtime.worker import BACKOFF

_QUICK_BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(seconds=5))
"""For the loops that all work depends on."""


class ProcessTasks(msgspec.Struct, frozen=True):
    """Loops by name. Work ends when the daemon is stopped, infrastructure once all work is done."""

    infrastructure: Mapping[str, Loop]
    work: Mapping[str, Loop]
    workers: Loop
    http: Loop
    observer: LoopObserver

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Puts all tasks into the group; they end by themselves once `stop` is set.

        Loops are begun again after an error. An error of `workers` or `http` ends the process.
        """
        done = asyncio.Event()
        for name, run in self.infrastructure.items():
            kept = supervise(name, run, _QUICK_BACKOFF, stop=done, observer=self.observer)
            group.create_task(kept, name=name)
        group.create_task(self.http(done), name="http")
        group.create_task(self._work(stop, done), name="work")

    async def _work(self, stop: asyncio.Event, done: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.workers(stop), name="workers")
                for name, run in self.work.items():
                    kept = supervise(name, run, BACKOFF, stop=stop, observer=self.observer)
                    group.create_task(kept, name=name)
        finally:
            done.set()
