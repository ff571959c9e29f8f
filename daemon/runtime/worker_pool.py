"""The workers of all integrations, started, stopped and replaced as the configuration changes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from daemon.core.integrations import IntegrationRef
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.supervision import supervise
from daemon.runtime.worker import BACKOFF, IntegrationWorker

log = structlog.get_logger("daemon.runtime.worker_pool")

WORKER = "worker"
"""A worker as a whole, as alerts name it: what fails before its loops are begun."""


@dataclass(slots=True)
class _Running:
    wanted: object
    task: asyncio.Task[None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class WorkerPool:
    """Keeps exactly the workers that the configuration wants.

    A worker that cannot be made or begun is tried again by itself; it stops no other.
    """

    make_worker: Callable[[str], IntegrationWorker]
    """Makes the worker of a configured integration."""
    worker_stopped: Callable[[str], None]
    """Called when an integration's worker has gone for good."""
    loops: LoopHealth
    _running: dict[str, _Running] = field(default_factory=dict)
    _group: asyncio.TaskGroup | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, wanted: Mapping[str, object], stop: asyncio.Event) -> None:
        """Work until stopped, then let every worker finish what it has in hand."""
        async with asyncio.TaskGroup() as self._group:
            self._ready.set()
            await self.apply(wanted)
            await stop.wait()
            for one in self._running.values():
                one.stop.set()

    async def apply(self, wanted: Mapping[str, object]) -> None:
        """Replace the workers of which something else is wanted now; leave all others alone.

        `wanted` has, by integration, everything that its worker is made of.
        """
        await self._ready.wait()
        gone = [n for n, one in self._running.items() if wanted.get(n) != one.wanted]
        await asyncio.gather(*(self._stop(name) for name in gone))
        for name, one in wanted.items():
            if name not in self._running:
                self._start(name, one)

    def _start(self, name: str, wanted: object) -> None:
        if self._group is None:
            raise AssertionError("apply before run")
        stop = asyncio.Event()
        task = self._group.create_task(self._employ(name, stop), name=f"{name}: worker")
        self._running[name] = _Running(wanted, task, stop)

    async def _employ(self, name: str, stop: asyncio.Event) -> None:
        async def work(stop: asyncio.Event) -> None:
            worker = self.make_worker(name)
            log.info("integration_started", integration=name)
            await worker.run(stop)

        loop = f"{name}: {WORKER}"
        self.loops.belongs(loop, IntegrationRef.named(name), WORKER)
        await supervise(loop, work, BACKOFF, stop=stop, observer=self.loops)

    async def _stop(self, name: str) -> None:
        one = self._running.pop(name)
        one.stop.set()
        await asyncio.wait([one.task])
        self.loops.forget(IntegrationRef.named(name))
        self.worker_stopped(name)
        log.info("integration_stopped", integration=name)
