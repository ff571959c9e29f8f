"""One integration's work: polls, deliveries and exports, side by side.

Each has a lease of its own, so that any replica may do any of it, and one at a time does. What fails
in one of them is counted and tried again; it neither stops the other two nor any other integration.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog

from connectors.base import Connector
from connectors.errors import AtsError, AuthRefused
from daemon.board import Board
from daemon.health import Health
from daemon.importing.context import Request
from daemon.jobs.analytics_export import AnalyticsExport
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.jobs.status_push import PushDelivery
from daemon.ports.clock import Clock
from daemon.ports.leases import Lease, LeaseLost, Leases
from daemon.ports.pushes import IntegrationStates
from daemon.ports.services import ServiceFailed
from daemon.scheduler import Bell
from daemon.store.connection import DatabaseError
from daemon.store.integrations import MongoIntegrations, Standing
from daemon.supervision import Backoff, stopped_within, supervise

log = structlog.get_logger("daemon.worker")

LEASE_RETRY = timedelta(seconds=1)
LEASE_WATCH = timedelta(seconds=3)
"""How soon a poll that waits for its time notices that its lease has gone; one at work asks."""
FINISH = timedelta(seconds=3)
"""How long work in hand may take once the daemon is told to stop."""
DATABASE_RETRY = timedelta(seconds=2)
Work = Callable[[asyncio.Event], Awaitable[None]]

BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(seconds=30))


class Jobs(msgspec.Struct, frozen=True):
    """What there is to do for one integration; None where the operator did not ask for it."""

    poll: ImportPoll
    delivery: PushDelivery | None
    export: AnalyticsExport | None


class Bells(msgspec.Struct, frozen=True):
    """When it is to be done."""

    poll: Bell
    export: Bell | None


class Surroundings(msgspec.Struct, frozen=True):
    """What all workers share."""

    leases: Leases
    board: Board
    integrations: MongoIntegrations
    states: IntegrationStates
    clock: Clock


class IntegrationWorker:
    """Works on one integration."""

    def __init__(
        self,
        integration_id: UUID,
        connector: Connector,
        jobs: Jobs,
        bells: Bells,
        health: Health,
        around: Surroundings,
    ) -> None:
        self.name = connector.integration
        self.connector = connector
        self.jobs = jobs
        self._id = integration_id
        self._bells = bells
        self._health = health
        self._around = around

    async def run(self, stop: asyncio.Event) -> None:
        """Work until stopped."""
        await self.connector.open()
        self._around.board.listen(self.name, self._look_around)
        try:
            async with asyncio.TaskGroup() as group:
                loops = [
                    group.create_task(
                        supervise(name, partial(work, stop), BACKOFF, stop=stop), name=name
                    )
                    for name, work in self._loops()
                ]
                await stop.wait()
                # Whatever waits for a slow ATS by then is safe to cut off: it goes on where it was.
                await asyncio.wait(loops, timeout=FINISH.total_seconds())
                for loop in loops:
                    loop.cancel()
        finally:
            await self.connector.close()

    def _look_around(self) -> None:
        """It was resumed, or somebody asks for a poll."""
        self._bells.poll.ring()
        if self.jobs.delivery is not None:
            self.jobs.delivery.wake()

    async def once(self, patience: timedelta) -> bool:
        """One poll by itself, whatever the schedule says; True if it went well.

        A replica that died without giving its lease back is waited for.
        """
        waited_until = self._around.clock.monotonic() + patience.total_seconds()
        while (lease := await self._around.leases.acquire(self.lease_key)) is None:
            if self._around.clock.monotonic() >= waited_until:
                log.warning("integration_is_busy", integration=self.name)
                return False
            await self._around.clock.sleep(LEASE_RETRY / 4)
        try:
            standing = self._around.board.standing(self.name)
            return await self.poll_once(lease, asyncio.Event(), standing)
        except LeaseLost:
            return False
        finally:
            await self._around.leases.release(lease)

    def _loops(self) -> Iterator[tuple[str, Work]]:
        yield f"{self.name}: polls", self._polls
        if self.jobs.delivery is not None:
            yield f"{self.name}: pushes", self.jobs.delivery.run
        if self.jobs.export is not None:
            yield f"{self.name}: exports", self._exports

    async def _polls(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            lease = await self._around.leases.acquire(self.lease_key)
            if lease is None:
                await stopped_within(stop, LEASE_RETRY)
                continue
            await self._poll_under(lease, stop)

    @property
    def lease_key(self) -> str:
        """Who polls this integration."""
        return f"poll:{self.name}"

    async def _poll_under(self, lease: Lease, stop: asyncio.Event) -> None:
        ended = asyncio.Event()
        watch = asyncio.create_task(_end_with(lease, stop, ended), name=f"{self.name}: lease")
        try:
            await self._poll_loop(lease, ended)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            with suppress(DatabaseError):
                await self._around.leases.release(lease)

    async def _poll_loop(self, lease: Lease, ended: asyncio.Event) -> None:
        self._bells.poll.ring()
        while await self._bells.poll.heard(ended):
            standing = self._around.board.standing(self.name)
            if standing is not None and standing.state in ("paused", "disabled"):
                continue
            try:
                await self.poll_once(lease, ended, standing)
            except LeaseLost:
                continue
            except DatabaseError as error:
                log.warning("mongodb_away", integration=self.name, error=type(error).__name__)
                await stopped_within(ended, DATABASE_RETRY)
                self._bells.poll.ring()

    async def poll_once(
        self, lease: Lease, ended: asyncio.Event, standing: Standing | None = None
    ) -> bool:
        """One poll, with whatever was asked for; True if it went well."""
        asked = (standing.request if standing is not None else None) or {}
        request = Request(
            fence=lease.token,
            still_held=lambda: lease.still_held() and not ended.is_set(),
            sweep=bool(asked.get("sweep")),
            accept_deletions=bool(asked.get("accept_deletions")),
        )
        try:
            run = await self.jobs.poll.run(request)
        except ImportFailed as failed:
            await self._note_failure(failed.cause)
            return False
        else:
            await self._note_success(standing)
            return run.outcome == "success"
        finally:
            if asked:
                await self._around.integrations.answered(self.name, asked["id"])

    async def _note_failure(self, error: AtsError | ServiceFailed) -> None:
        await self._health.failed(error)
        if isinstance(error, AuthRefused):
            reason = f"the ATS refused the credential (HTTP {error.status})"
            await self._around.states.auth_failed(
                self._id, reason=reason, at=self._around.clock.now()
            )

    async def _note_success(self, standing: Standing | None) -> None:
        await self._health.succeeded()
        if standing is not None and standing.state == "auth_failed":
            await self._around.states.recovered(self._id, at=self._around.clock.now())

    async def _exports(self, stop: asyncio.Event) -> None:
        bell, export = self._bells.export, self.jobs.export
        if bell is None or export is None:
            return
        bell.ring()
        while await bell.heard(stop):
            if self._around.board.is_active(self.name):
                await export.run()


async def _end_with(lease: Lease, stop: asyncio.Event, ended: asyncio.Event) -> None:
    """Set `ended` when told to stop, or when the lease has gone."""
    try:
        while lease.still_held() and not stop.is_set():
            await stopped_within(stop, LEASE_WATCH)
    finally:
        ended.set()
