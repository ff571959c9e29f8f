"""The workers of all integrations, started, stopped and replaced as the configuration changes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from config.operator import Integration, OperatorConfig
from daemon.worker import IntegrationWorker

log = structlog.get_logger("daemon.workforce")

Hire = Callable[[str], IntegrationWorker]
"""Makes the worker of a configured integration."""

Dismiss = Callable[[str], None]
"""Called when an integration's worker has gone for good."""


@dataclass(slots=True)
class _Employed:
    wanted: Integration
    task: asyncio.Task[None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Workforce:
    """Keeps exactly the workers that the configuration wants."""

    def __init__(self, hire: Hire, dismiss: Dismiss) -> None:
        self._hire = hire
        self._dismiss = dismiss
        self._employed: dict[str, _Employed] = {}
        self._group: asyncio.TaskGroup | None = None
        self._ready = asyncio.Event()

    async def run(self, config: OperatorConfig, stop: asyncio.Event) -> None:
        """Work until stopped, then let every worker finish what it has in hand."""
        async with asyncio.TaskGroup() as self._group:
            self._ready.set()
            await self.apply(config)
            await stop.wait()
            for one in self._employed.values():
                one.stop.set()

    async def apply(self, config: OperatorConfig) -> None:
        """Replace the workers whose integration was edited; leave all others alone."""
        await self._ready.wait()
        wanted = {name: one for name, one in config.integrations.items() if one.enabled}
        gone = [n for n, one in self._employed.items() if wanted.get(n) != one.wanted]
        await asyncio.gather(*(self._part_with(name) for name in gone))
        for name, one in wanted.items():
            if name not in self._employed:
                self._take_on(name, one)

    def _take_on(self, name: str, wanted: Integration) -> None:
        if self._group is None:
            raise AssertionError("apply before run")
        worker, stop = self._hire(name), asyncio.Event()
        task = self._group.create_task(worker.run(stop), name=f"{name}: worker")
        self._employed[name] = _Employed(wanted, task, stop)
        log.info("integration_started", integration=name)

    async def _part_with(self, name: str) -> None:
        one = self._employed.pop(name)
        one.stop.set()
        await asyncio.wait([one.task])
        self._dismiss(name)
        log.info("integration_stopped", integration=name)
