"""One integration's work, done by whichever replica holds its lease.

Three loops run side by side while the lease is held: polls, deliveries and exports. What fails in
one of them is counted and tried again; it neither stops the other two nor any other integration.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog

from connectors.base import Connector
from connectors.errors import AtsError, AuthRefused
from daemon.board import Board
from daemon.health import Health
from daemon.importing.context import Request
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.ports.clock import Clock
from daemon.ports.leases import Lease, LeaseLost, Leases
from daemon.ports.pushes import IntegrationStates
from daemon.scheduler import Bell
from daemon.store.connection import DatabaseError
from daemon.store.integrations import MongoIntegrations, Standing
from daemon.supervision import stopped_within

log = structlog.get_logger("daemon.worker")

LEASE_RETRY = timedelta(seconds=1)
DATABASE_RETRY = timedelta(seconds=2)


class Delivery(Protocol):
    """Delivers what the outbox holds for this integration, until told to stop."""

    async def run(self, lease: Lease, stop: asyncio.Event) -> None: ...


class Export(Protocol):
    """Makes the analytics exports that are due."""

    async def run_due(self, lease: Lease) -> None: ...


@dataclass(frozen=True, slots=True)
class Jobs:
    """What there is to do for one integration; None where the operator did not ask for it."""

    poll: ImportPoll
    delivery: Delivery | None
    export: Export | None


@dataclass(frozen=True, slots=True)
class Bells:
    """When it is to be done."""

    poll: Bell
    export: Bell | None


@dataclass(frozen=True, slots=True)
class Surroundings:
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
        self._id = integration_id
        self._connector = connector
        self._jobs = jobs
        self._bells = bells
        self._health = health
        self._around = around

    @property
    def lease_key(self) -> str:
        return f"integration:{self.name}"

    async def run(self, stop: asyncio.Event) -> None:
        """Hold the lease and work, until stopped; without the lease, wait for it."""
        await self._connector.open()
        self._around.board.listen(self.name, self._bells.poll.ring)
        try:
            while not stop.is_set():
                lease = await self._around.leases.acquire(self.lease_key)
                if lease is None:
                    await stopped_within(stop, LEASE_RETRY)
                    continue
                await self._work_under(lease, stop)
        finally:
            await self._connector.close()

    async def _work_under(self, lease: Lease, stop: asyncio.Event) -> None:
        ended = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_end_with(lease, stop, ended), name=f"{self.name}: lease")
                group.create_task(self._poll_loop(lease, ended), name=f"{self.name}: polls")
                if self._jobs.delivery is not None:
                    group.create_task(
                        self._keep(self._jobs.delivery.run, lease, ended),
                        name=f"{self.name}: pushes",
                    )
                if self._jobs.export is not None:
                    group.create_task(self._export_loop(lease, ended), name=f"{self.name}: exports")
        finally:
            with suppress(DatabaseError):
                await self._around.leases.release(lease)

    async def _keep(
        self,
        run: Callable[[Lease, asyncio.Event], Awaitable[None]],
        lease: Lease,
        ended: asyncio.Event,
    ) -> None:
        """MongoDB being away is no reason to give up."""
        while not ended.is_set():
            try:
                await run(lease, ended)
            except LeaseLost:
                return
            except DatabaseError as error:
                log.warning("mongodb_away", integration=self.name, error=type(error).__name__)
                await stopped_within(ended, DATABASE_RETRY)

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
            await self._jobs.poll.run(request)
        except ImportFailed as failed:
            await self._note_failure(failed.cause)
            return False
        else:
            await self._note_success(standing)
            return True
        finally:
            if asked:
                await self._around.integrations.answered(self.name, asked["id"])

    async def _note_failure(self, error: AtsError) -> None:
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

    async def _export_loop(self, lease: Lease, ended: asyncio.Event) -> None:
        bell, export = self._bells.export, self._jobs.export
        if bell is None or export is None:
            return
        bell.ring()
        while await bell.heard(ended):
            if not self._around.board.is_active(self.name):
                continue
            try:
                await export.run_due(lease)
            except LeaseLost:
                continue
            except DatabaseError as error:
                log.warning("mongodb_away", integration=self.name, error=type(error).__name__)


async def _end_with(lease: Lease, stop: asyncio.Event, ended: asyncio.Event) -> None:
    """Set `ended` when told to stop, or when the lease has gone."""
    try:
        while lease.still_held() and not stop.is_set():
            await stopped_within(stop, LEASE_RETRY)
    finally:
        ended.set()
