"""`run --once`: every integration polled, the stream read up to now, everything due sent."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from daemon.app import Daemon
from daemon.worker import IntegrationWorker

log = structlog.get_logger("daemon.once")

Work = Callable[[IntegrationWorker, "OnceOutcome"], Coroutine[Any, Any, None]]

PATIENCE = timedelta(seconds=15)
"""So long a replica that died may still hold a lease."""


@dataclass(slots=True)
class OnceOutcome:
    """What became of each integration; empty `failed` is success."""

    polled: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


async def run_once(daemon: Daemon) -> OnceOutcome:
    """Do everything there is to do now, and return."""
    await daemon.prepare()
    done = asyncio.Event()
    renewing = asyncio.create_task(daemon.shared.leases.run(done), name="leases")
    outcome = OnceOutcome()
    try:
        workers = [daemon.hire(name) for name in _active(daemon)]
        await _with_open_connectors(daemon, workers, outcome)
        await daemon.look_at_conditions()
        await daemon.sender.drain_once()
    finally:
        done.set()
        await renewing
    return outcome


def _active(daemon: Daemon) -> list[str]:
    integrations = daemon.config.loaded.value.integrations
    board = daemon.shared.board
    return [name for name, one in integrations.items() if one.enabled and board.is_active(name)]


async def _with_open_connectors(
    daemon: Daemon, workers: list[IntegrationWorker], outcome: OnceOutcome
) -> None:
    for worker in workers:
        await worker.connector.open()
    try:
        await _each(workers, _poll, outcome)
        await daemon.intake.catch_up()
        await _each(workers, _deliver, outcome)
        await _each(workers, _export, outcome)
    finally:
        for worker in workers:
            await worker.connector.close()


async def _each(workers: list[IntegrationWorker], work: Work, outcome: OnceOutcome) -> None:
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(work(worker, outcome), name=worker.name)


async def _poll(worker: IntegrationWorker, outcome: OnceOutcome) -> None:
    if await worker.once(PATIENCE):
        outcome.polled.append(worker.name)
    else:
        outcome.failed[worker.name] = "the poll failed"


async def _deliver(worker: IntegrationWorker, outcome: OnceOutcome) -> None:
    if worker.jobs.delivery is None:
        return
    counts = await worker.jobs.delivery.deliver_due()
    if counts.dead or counts.retried:
        outcome.failed.setdefault(worker.name, "status changes could not be delivered")


async def _export(worker: IntegrationWorker, outcome: OnceOutcome) -> None:
    if worker.jobs.export is None:
        return
    exported = await worker.jobs.export.run(at_once=True)
    if not exported.ok:
        outcome.failed.setdefault(worker.name, exported.reason or "the export failed")
