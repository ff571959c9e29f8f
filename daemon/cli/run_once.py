"""`run --once`: every integration polled, the stream read up to now, everything due sent and fetched.

Each step of each integration has a border of its own: what fails there is that integration's failure,
and all others go on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog

from daemon.app.process import Daemon
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import LeaseLost
from daemon.core.runs import in_words
from daemon.core.status_events import StreamInterrupted
from daemon.core.unexpected import stack
from daemon.runtime.supervision import must_pass, supervise
from daemon.runtime.worker import BACKOFF, EXPORTS, FILES, POLLS, PUSHES, IntegrationWorker
from daemon.runtime.worker_pool import WORKER
from daemon.store.mongo_errors import is_outage
from models.ids import integration_id

log = structlog.get_logger("daemon.runtime.once")

Step = Callable[[IntegrationWorker], Awaitable[str | None]]
"""One kind of work of one integration; returns why it failed, if it did."""

SINK_PATIENCE = timedelta(seconds=30)
"""A sink that is away for so long gets its events at the next run."""
PATIENCE = timedelta(seconds=15)
"""The longest time for which a replica that died still holds a lease."""
DETAILS_AT_MOST = timedelta(minutes=1)
"""Details that are not read by then are read by the next round."""
STREAM = "stream"
"""The loop that reads changes, as alerts name it."""


@dataclass(slots=True)
class OnceOutcome:
    """The result for each integration; empty `failed` is success."""

    polled: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def fail(self, name: str, reason: str) -> None:
        """Note a failure; the first one of an integration says most."""
        self.failed.setdefault(name, reason)


async def run_once(daemon: Daemon) -> OnceOutcome:
    """Do everything there is to do now, and return."""
    await daemon.sources.begin()
    await daemon.prepare()
    done = asyncio.Event()
    leases = daemon.app.leases
    renewing = asyncio.create_task(
        supervise("leases", leases.run, BACKOFF, stop=done), name="leases"
    )
    once = _Once(daemon)
    try:
        await once.run()
    finally:
        done.set()
        await renewing
    return once.outcome


class _Once:
    """One round of all integrations."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.outcome = OnceOutcome()

    async def run(self) -> None:
        async with self._workers() as workers:
            await self._each(workers, POLLS, lambda worker: worker.once(PATIENCE))
            self.outcome.polled += [w.name for w in workers if w.name not in self.outcome.failed]
            await self._guarded("change stream", STREAM, self._read_changes)
            await self._each(workers, PUSHES, self._deliver)
            await self._each(workers, EXPORTS, lambda worker: worker.export_once(at_once=True))
            readable = [worker for worker in workers if worker.is_readable]
            await self._each(readable, POLLS, lambda worker: worker.details_once(DETAILS_AT_MOST))
            await self._each(workers, FILES, lambda worker: worker.jobs.files.fetch_due())
        await self._guarded("erasures", "erasures", self._erase)
        await self._guarded("alerts", "conditions", self._notify)
        await self._publish()

    async def _publish(self) -> None:
        for relay in self._daemon.relays.in_force:
            name = relay.subscription.name
            catch_up = partial(relay.catch_up, SINK_PATIENCE)
            await self._guarded(name, f"events to {name}", catch_up)

    async def _erase(self) -> None:
        await self._daemon.app.erasures.finish_interrupted()
        await self._daemon.erase_deleted_candidates()

    async def _notify(self) -> None:
        await self._daemon.check_conditions()
        await self._daemon.loops.report()
        await self._daemon.sender.drain_once()

    @asynccontextmanager
    async def _workers(self) -> AsyncIterator[list[IntegrationWorker]]:
        """The workers that could be made, with open connectors."""
        workers: list[IntegrationWorker] = []
        daemon = self._daemon
        for name in filter(daemon.state_cache.is_active, daemon.config.enabled):
            await self._integration(name, WORKER, partial(self._begin, name, workers))
        try:
            yield workers
        finally:
            await self._each(workers, WORKER, lambda worker: worker.connector.close())

    async def _begin(self, name: str, workers: list[IntegrationWorker]) -> None:
        worker = self._daemon.workers.make(name)
        await worker.connector.open()
        workers.append(worker)

    async def _each(self, workers: list[IntegrationWorker], subject: str, step: Step) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                work = self._integration(worker.name, subject, partial(step, worker))
                group.create_task(work, name=worker.name)

    async def _integration(
        self, name: str, subject: str, work: Callable[[], Awaitable[str | None]]
    ) -> None:
        loop = f"{name}: {subject}"
        self._daemon.loops.belongs(loop, IntegrationRef.named(name), subject)
        await self._guarded(name, loop, work)

    async def _deliver(self, worker: IntegrationWorker) -> str | None:
        delivery = self._daemon.workers.deliveries.get(integration_id(worker.name))
        if delivery is None:
            return None
        counts = await delivery.deliver_due()
        return "status changes could not be delivered" if counts.dead or counts.retried else None

    async def _read_changes(self) -> None:
        await self._daemon.intake.catch_up()

    async def _guarded(
        self, name: str, loop: str, work: Callable[[], Awaitable[str | None]]
    ) -> None:
        try:
            reason = await work()
        except BaseException as error:
            if must_pass(error):
                raise
            self.outcome.fail(name, failure_in_words(error))
            if not isinstance(error, StreamInterrupted):
                self._daemon.loops.failed(loop, error)
            facts = {"task": loop, "error": in_words(error), "stack": stack(error)}
            log.error("step_failed", **facts)  # noqa: TRY400 - a text may quote anything
        else:
            self._daemon.loops.worked(loop)
            if reason is not None:
                self.outcome.fail(name, reason)


def failure_in_words(error: BaseException) -> str:
    """Returns the words for an error that ended a step."""
    if is_outage(error):
        return f"MongoDB did not answer ({type(error).__name__}); run it again once it does"
    if isinstance(error, LeaseLost):
        return "another process took over"
    if isinstance(error, StreamInterrupted):
        return f"it broke off and goes on at the next run: {error}"
    return f"{in_words(error)}; see `ats-sync alerts list`, and report it if it comes again"
