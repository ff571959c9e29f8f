"""One integration's work: polls, deliveries, exports and files, side by side.

Each has a lease of its own, so that any replica may do any of it, and one at a time does. What fails
in one of them is counted and tried again; it neither stops the others nor any other integration.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import replace

from connectors.connector import Connector
from connectors.errors import AuthRefused
from daemon.core.integrations import IntegrationRef, IntegrationState
from daemon.core.leases import HeldLease, LeaseLost
from daemon.core.runs import Run, RunFailed, RunRequest
from daemon.ports.clock import Clock
from daemon.ports.integrations import IntegrationSettingsStore
from daemon.ports.jobs import DeliveryJob, ExportJob, FileJob, PollJob
from daemon.ports.leases import Leases
from daemon.ports.pushes import IntegrationStates
from daemon.runtime.integration_health import IntegrationHealth
from daemon.runtime.integration_state_cache import IntegrationStateCache, StateListener
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.poll_cadence import PollCadence
from daemon.runtime.scheduler import Trigger, first_due
from daemon.runtime.supervision import Backoff, Loop, stopped_within, supervise

log = structlog.get_logger("daemon.runtime.worker")

LEASE_RETRY = timedelta(seconds=1)
LEASE_WATCH = timedelta(seconds=3)
"""The longest time until a waiting poll notices that its lease has gone."""
FINISH = timedelta(seconds=3)
"""The time for work in hand once the daemon is stopped."""
DATABASE_RETRY = timedelta(seconds=2)

POLLS, PUSHES, EXPORTS, FILES = "polls", "pushes", "exports", "attachments"
"""Its loops, as alerts name them."""
BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(seconds=30))


class Jobs(msgspec.Struct, frozen=True):
    """The jobs of one integration; None where the operator did not configure one."""

    poll: PollJob
    details_due: Callable[[], Awaitable[bool]]
    """Returns True if details of a record are to be read now."""
    delivery: DeliveryJob | None
    export: ExportJob | None
    files: FileJob


class Triggers(msgspec.Struct, frozen=True):
    """The triggers of the jobs that have a schedule, and the cadence, by which a due poll may be skipped."""

    poll: Trigger
    export: Trigger | None
    cadence: PollCadence


class SharedServices(msgspec.Struct, frozen=True):
    """The services that all workers of a process share."""

    leases: Leases
    state_cache: IntegrationStateCache
    integrations: IntegrationSettingsStore
    states: IntegrationStates
    clock: Clock
    loops: LoopHealth
    database_error: type[Exception]
    """The base class of the errors of MongoDB's driver."""
    is_outage: Callable[[BaseException], bool]
    """Returns True for an error of a MongoDB that is away."""


@dataclass(slots=True, eq=False)
class IntegrationWorker:
    """Works on one integration."""

    integration_id: UUID
    connector: Connector
    jobs: Jobs
    triggers: Triggers
    health: IntegrationHealth
    shared: SharedServices
    is_readable: bool = True
    """False if the last poll got no page from the ATS: details are not read then."""
    _webhooks: Trigger = field(init=False)

    def __post_init__(self) -> None:
        self._webhooks = Trigger(f"webhooks:{self.name}")

    @property
    def name(self) -> str:
        return self.connector.integration

    async def run(self, stop: asyncio.Event) -> None:
        """Work until stopped."""
        await self.connector.open()
        try:
            self.shared.state_cache.listen(
                self.name, StateListener(self._wake, self._webhooks.ring)
            )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._keep(work, subject, stop), name=self.name)
                    for subject, work in self._loops()
                ]
                await stop.wait()
                # What still waits for an ATS then can be cancelled: the next start resumes it.
                await asyncio.wait(tasks, timeout=FINISH.total_seconds())
                for task in tasks:
                    task.cancel()
        finally:
            await self.connector.close()

    async def _keep(self, work: Loop, subject: str, stop: asyncio.Event) -> None:
        loops, name = self.shared.loops, self.loop_name(subject)
        loops.belongs(name, IntegrationRef(self.name, self.integration_id), subject)
        await supervise(name, work, BACKOFF, stop=stop, observer=loops)

    def loop_name(self, subject: str) -> str:
        """The name of one of its loops, in logs and in `/readyz`."""
        return f"{self.name}: {subject}"

    def _wake(self) -> None:
        """Starts a poll, a delivery and files: the integration was resumed, or a poll was requested."""
        self.triggers.cadence.reset()
        self.triggers.poll.ring()
        if self.jobs.delivery is not None:
            self.jobs.delivery.wake()
        self.jobs.files.wake()

    async def once(self, patience: timedelta) -> str | None:
        """One poll by itself, whatever the schedule says; returns why it failed, if it did.

        Waits up to `patience` for the lease of a replica that died to expire.
        """
        waited_until = self.shared.clock.monotonic() + patience.total_seconds()
        while (lease := await self.shared.leases.acquire(self.lease_key)) is None:
            if self.shared.clock.monotonic() >= waited_until:
                log.warning("integration_is_busy", integration=self.name)
                return "another process polls it just now"
            await self.shared.clock.sleep(LEASE_RETRY / 4)
        try:
            state = self.shared.state_cache.state_of(self.name)
            failed = await self._poll_once(RunRequest(lease.token, lease.still_held), state)
        except LeaseLost:
            return "another process took the poll over"
        finally:
            await self.shared.leases.release(lease)
        return None if failed is None else f"the poll failed: {failed}"

    def _loops(self) -> Iterator[tuple[str, Loop]]:
        yield POLLS, self._polls
        if self.jobs.delivery is not None:
            yield PUSHES, self.jobs.delivery.run
        if self.jobs.export is not None:
            yield EXPORTS, self._exports
        yield FILES, self.jobs.files.run

    async def _polls(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            lease = await self.shared.leases.acquire(self.lease_key)
            if lease is None:
                await stopped_within(stop, LEASE_RETRY)
                continue
            await self._poll_with_lease(lease, stop)

    @property
    def lease_key(self) -> str:
        """The key of the lease for polling it."""
        return f"poll:{self.name}"

    async def _poll_with_lease(self, lease: HeldLease, stop: asyncio.Event) -> None:
        must_end = asyncio.Event()
        base = RunRequest(lease.token, lambda: lease.still_held() and not must_end.is_set())
        watch = asyncio.create_task(_end_with(lease, stop, must_end), name=f"{self.name}: lease")
        try:
            await self._serve_triggers(base, must_end)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            with suppress(self.shared.database_error):
                await self.shared.leases.release(lease)

    async def _serve_triggers(self, base: RunRequest, must_end: asyncio.Event) -> None:
        """Runs an import for each trigger until `must_end`."""
        self.triggers.cadence.reset()
        self.triggers.poll.ring()
        while (
            trigger := await first_due(must_end, self.triggers.poll, self._webhooks)
        ) is not None:
            state = self.shared.state_cache.state_of(self.name)
            if state is not None and state.state in ("paused", "disabled"):
                continue
            try:
                await self._import_for(trigger, base, state)
                if self.is_readable:
                    waiting = (self.triggers.poll.due, self._webhooks.due, must_end)
                    await self._import_details(base, partial(self._must_yield, waiting))
            except LeaseLost:
                continue
            except self.shared.database_error as error:
                if not self.shared.is_outage(error):
                    raise
                log.warning("mongodb_away", integration=self.name, error=type(error).__name__)
                self.shared.loops.failed(self.loop_name(POLLS), error)
                await stopped_within(must_end, DATABASE_RETRY)
                trigger.ring()
            else:
                self.shared.loops.worked(self.loop_name(POLLS))

    async def _import_for(
        self, trigger: Trigger, base: RunRequest, state: IntegrationState | None
    ) -> None:
        cadence = self.triggers.cadence
        if trigger is not self._webhooks:
            if cadence.is_due(state):
                await self._poll_once(base, state)
        elif state is None or state.state != "auth_failed":
            # With a refused credential events wait for the next poll, which tests it.
            await self._run_poll(replace(base, only_webhooks=True), state, cadence.announced)

    def _must_yield(self, waiting: Iterable[asyncio.Event]) -> bool:
        is_active = self.shared.state_cache.is_active(self.name)
        return not is_active or any(each.is_set() for each in waiting)

    async def _poll_once(self, base: RunRequest, state: IntegrationState | None) -> str | None:
        """One poll, with whatever was asked for; returns the error, or None on success.

        Raises:
            DatabaseError: MongoDB went away meanwhile.
            LeaseLost: another replica took over.
        """
        requested = (state.request if state is not None else None) or {}
        request = replace(
            base,
            sweep=bool(requested.get("sweep")),
            accept_deletions=bool(requested.get("accept_deletions")),
        )
        cadence = self.triggers.cadence
        cadence.reset()
        try:
            return await self._run_poll(request, state, cadence.polled)
        finally:
            if requested:
                await self.shared.integrations.answered(self.name, requested.get("id"))

    async def details_once(self, at_most: timedelta) -> None:
        """Imports details that are due, for some time, unless another process polls."""
        lease = await self.shared.leases.acquire(self.lease_key)
        if lease is None:
            return
        until = self.shared.clock.monotonic() + at_most.total_seconds()
        try:
            await self._import_details(
                RunRequest(lease.token, lease.still_held),
                lambda: self.shared.clock.monotonic() >= until,
            )
        finally:
            await self.shared.leases.release(lease)

    async def _import_details(self, base: RunRequest, must_yield: Callable[[], bool]) -> None:
        """A failure here is only logged: the next poll tests the ATS, and details wait."""
        if not await self.jobs.details_due():
            return
        try:
            await self.jobs.poll(replace(base, only_details=True, must_yield=must_yield))
        except RunFailed as failed:
            if self.shared.is_outage(failed.cause):
                raise failed.cause from failed
            log.warning("details_not_imported", integration=self.name, error=str(failed))

    async def _run_poll(
        self,
        request: RunRequest,
        state: IntegrationState | None,
        after_run: Callable[[Run], None],
    ) -> str | None:
        self.is_readable = False
        try:
            run = await self.jobs.poll(request)
        except RunFailed as failed:
            self.is_readable = failed.run.outcome == "partial"
            after_run(failed.run)
            await self._note_failure(failed)
            return str(failed)
        self.is_readable = True
        after_run(run)
        await self.health.succeeded()
        if state is not None and state.state == "auth_failed":
            await self.shared.states.recovered(self.integration_id, at=self.shared.clock.now())
        return None if run.outcome == "success" else run.error or run.outcome

    async def _note_failure(self, failed: RunFailed) -> None:
        if self.shared.is_outage(failed.cause):
            raise failed.cause
        await self.health.run_failed(failed)
        if isinstance(failed.cause, AuthRefused):
            reason = f"the ATS refused the credential (HTTP {failed.cause.status})"
            await self.shared.states.auth_failed(
                self.integration_id, reason=reason, at=self.shared.clock.now()
            )

    async def _exports(self, stop: asyncio.Event) -> None:
        trigger = self.triggers.export
        if trigger is None:
            raise AssertionError("an export without a trigger")
        trigger.ring()
        while await trigger.heard(stop):
            if self.shared.state_cache.is_active(self.name):
                await self.export_once()

    async def export_once(self, *, at_once: bool = False) -> str | None:
        """Export what is due; returns the error, or None on success."""
        if self.jobs.export is None:
            return None
        try:
            exported = await self.jobs.export.run(at_once=at_once)
        except RunFailed as failed:
            await self._note_failure(failed)
            return f"the export failed: {failed}"
        if exported.ok and exported.reason is None:
            await self.health.worked("analytics_export")
        return None if exported.ok else exported.reason or "the export failed"


async def _end_with(lease: HeldLease, stop: asyncio.Event, must_end: asyncio.Event) -> None:
    """Sets `must_end` when `stop` is set, or when the lease has gone."""
    try:
        while lease.still_held() and not stop.is_set():
            await stopped_within(stop, LEASE_WATCH)
    finally:
        must_end.set()
