"""Delivery of one integration's pushes, for as long as its lease is held.

Many applications at once, one push in flight for each. Rows that intake announces are started
without a read; all others are found by a scan of the outbox.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog

from connectors.connector import Connector
from daemon.core.applications import KnownApplication
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease
from daemon.core.push_decision import PushRules
from daemon.core.pushes import DeliveryCounts, OpenPush, OutboxRow, PushDeferred, PushEnded
from daemon.core.retry import Jitter, RetryRule
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import (
    ClearViewApplications,
    DeliveryQueue,
    IntegrationStates,
    KnownApplications,
)
from daemon.pushing.admission import Admission, AdmissionControl
from daemon.pushing.application_queue import ApplicationQueue, QueueContext
from daemon.pushing.attempt_state import AttemptContext
from daemon.pushing.delivery_report import DeliveryReport
from daemon.pushing.group_commit import GroupCommit
from daemon.pushing.wakeup_queue import LocalWakeupQueue, StartedSequences, push_of_row
from daemon.runtime.interval import Interval
from daemon.runtime.leased_work import RETRY_EVERY

log = structlog.get_logger(__name__)

TAKE_OVER_EVERY_S = 5.0
SCAN_WAITS_AT_MOST_S = 1.0
"""Announced rows delay a scan for at most this many seconds."""
LOOK_AGAIN_S = 1.0
"""The longest wait while admission is shut, a scan is wanted, or outcomes are not in the log yet."""
BATCHES_AT_ONCE = 2
"""One batch is sent to MongoDB while another becomes durable."""
ATTEMPTS_PER_REQUEST = 3
"""Attempts begun for each request in flight: while one waits for MongoDB, another sends."""
RECORD_TOGETHER_S = 0.1
"""Seconds for which outcomes are gathered, to be written together (`store/push_results.py`)."""


class PushPorts(msgspec.Struct, frozen=True):
    """The contracts that one integration's deliveries use."""

    queue: Callable[[int], DeliveryQueue]
    """Returns the outbox for the holder of the lease with this fencing token."""
    known: KnownApplications
    clearview: ClearViewApplications
    states: IntegrationStates
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock
    jitter: Jitter


class PushSettings(msgspec.Struct, frozen=True):
    """Rules and limits of one integration's pushes."""

    rules: PushRules = msgspec.field(default_factory=PushRules)
    retry: RetryRule = msgspec.field(default_factory=RetryRule)
    requests: int = 16
    """Requests in flight at once; the connector's own rate limits may allow fewer."""
    applications: int = 512
    """Applications in progress at once."""
    look_every_s: float = 1.0
    """The interval of scans for pushes that no intake in this process announced."""
    try_for_lease_every: timedelta = RETRY_EVERY


class OutboxDelivery:
    """One lease holder's work on one integration."""

    def __init__(
        self,
        integration: IntegrationRef,
        connector: Connector,
        ports: PushPorts,
        settings: PushSettings,
        *,
        lease: HeldLease,
        admission: AdmissionControl,
        wakeups: LocalWakeupQueue,
    ) -> None:
        self._integration = integration
        self._ports = ports
        self._queue = ports.queue(lease.token)
        self._settings = settings
        self._admission = admission
        self._still_held = lease.still_held
        self._wakeups = wakeups
        self._claims = GroupCommit(self._claim_many)
        self._results = GroupCommit(self._queue.record, gather_s=RECORD_TOGETHER_S)
        self._context = QueueContext(
            attempt=AttemptContext(
                connector=connector,
                admission=admission,
                rules=settings.rules,
                claim=self._claim,
                claim_note=self._claim_note,
                content_of=ports.clearview.content,
                clock=ports.clock,
                retry=settings.retry,
                jitter=ports.jitter,
                names_of=partial(ports.known.names, integration.id),
                attempts=asyncio.Semaphore(settings.requests * ATTEMPTS_PER_REQUEST),
                requests=asyncio.Semaphore(settings.requests),
            ),
            record=self._results.submit,
            previous_push=self._queue.before,
            may_continue=lambda: lease.still_held() and not self._stopping,
        )
        self._report = DeliveryReport(integration, ports.alerts, ports.metrics)
        self._busy: set[UUID] = set()
        """Applications in progress."""
        self._has_new_work: set[UUID] = set()
        """Applications that got new work while they were busy."""
        self._started_rows = StartedSequences()
        self._scan_wanted_since: float | None = float("-inf")
        """By the loop's clock; None: no scan is wanted."""
        self._next_scan = Interval(settings.look_every_s, _monotonic)
        self._take_over = Interval(TAKE_OVER_EVERY_S, ports.clock.monotonic, due_now=True)
        self._is_held_back = False
        self._stopping = False

    @property
    def counts(self) -> DeliveryCounts:
        return self._report.counts

    async def run(self, stop: asyncio.Event, *, until_idle: bool = False) -> None:
        """Delivers until stopped or until the lease is gone.

        With `until_idle` it returns once nothing is due and nothing is in progress.
        Requests that were sent are waited for and recorded; no further ones are sent.
        """
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(each.run(), name=name)
                for each, name in ((self._claims, "push-claims"), (self._results, "push-records"))
                for _ in range(BATCHES_AT_ONCE)
            ]
            helpers.append(tasks.create_task(self._wake_when(stop), name="push-stop"))
            while not stop.is_set() and self._still_held():
                started = await self._start_due(tasks)
                if until_idle and not started and not self._busy:
                    break
                await self._wait_for_work()
                if until_idle:
                    self._want_scan()
            self._stopping = True
            while self._busy:
                await self._wait_for_work()
            self._report.log_unlogged()
            for task in helpers:
                task.cancel()

    async def _start_due(self, tasks: asyncio.TaskGroup) -> int:
        """Starts each application that has a due push; returns their number."""
        self._report.log_now_and_then()
        admission = await self._admission.admission()
        self._is_held_back = admission != "open"
        if self._is_held_back:
            self._wakeups.forget()
        if self._wakeups.take_scan_request() or self._next_scan.has_passed:
            self._want_scan()
        started = 0
        # Announced rows come first, but not for ever: only a scan finds pushes to be tried again.
        wanted_since = self._scan_wanted_since
        if wanted_since is None or _monotonic() - wanted_since < SCAN_WAITS_AT_MOST_S:
            while self._free_slots > 0 and (row := self._wakeups.take()) is not None:
                if self._start_row(row, tasks):
                    started += 1
        return started + await self._scan(admission, tasks)

    def _start_row(self, row: OutboxRow, tasks: asyncio.TaskGroup) -> bool:
        """Starts an announced row, unless it was started already, its application is busy, or it needs a read."""
        application_id = row.event.application_id
        if self._started_rows.covers(row):
            return False
        if application_id in self._busy:
            self._has_new_work.add(application_id)
            return False
        if row.known is None:
            self._want_scan()
            return False
        push = push_of_row(row, self._ports.clock.now())
        self._start([push], row.known, tasks)
        return True

    async def _scan(self, admission: Admission, tasks: asyncio.TaskGroup) -> int:
        """Starts applications with due pushes in the outbox, if a scan is wanted and fits now."""
        is_probe = admission == "probe"
        slots = 1 if is_probe else self._free_slots
        # A probe goes alone; another scan waits until half of the slots are free.
        crowded = bool(self._busy) if is_probe else slots * 2 < self._settings.applications
        if self._scan_wanted_since is None or admission == "shut" or crowded:
            return 0
        self._scan_wanted_since = None
        self._next_scan.restart()
        if self._take_over.restart_if_passed():
            taken = await self._queue.take_over(now=self._ports.clock.now())
            if taken:
                log.info("pushes_taken_over", integration=self._integration.name, count=taken)
        queues = await self._queue.due(
            now=self._ports.clock.now(), limit=slots, busy=list(self._busy)
        )
        external_ids = [pushes[0].external_id for pushes in queues.values()]
        known = await self._ports.known.load(self._integration.id, external_ids) if queues else {}
        for pushes in queues.values():
            self._start(pushes, known.get(pushes[0].external_id), tasks, is_probe=is_probe)
        if len(queues) >= slots:
            self._want_scan()
        return len(queues)

    def _start(
        self,
        pushes: Sequence[OpenPush],
        known: KnownApplication | None,
        tasks: asyncio.TaskGroup,
        *,
        is_probe: bool = False,
    ) -> None:
        application_id = pushes[0].application_id
        self._busy.add(application_id)
        self._started_rows.note(pushes[-1])
        queue = ApplicationQueue(pushes, known, self._context)
        tasks.create_task(self._process(application_id, queue, is_probe=is_probe))

    async def _process(
        self, application_id: UUID, queue: ApplicationQueue, *, is_probe: bool
    ) -> None:
        outcomes: Sequence[PushEnded | PushDeferred] = ()
        try:
            if is_probe:
                self._admission.begin_probe()
            outcomes = await queue.process()
            await self._report.add(outcomes, busy=len(self._busy))
        finally:
            if is_probe:
                self._admission.end_probe()
            self._busy.discard(application_id)
            is_done = bool(outcomes) and all(isinstance(each, PushEnded) for each in outcomes)
            if application_id in self._has_new_work or not is_done:
                self._has_new_work.discard(application_id)
                self._wakeups.request_scan()
            self._wakeups.arrived.set()

    async def _claim_many(self, pushes: Sequence[OpenPush]) -> frozenset[UUID]:
        if not self._still_held():
            return frozenset()
        return await self._queue.claim(pushes, now=self._ports.clock.now())

    async def _claim(self, push: OpenPush) -> bool:
        return push.id in await self._claims.submit(push)

    async def _claim_note(self, push: OpenPush) -> bool:
        now = self._ports.clock.now()
        return self._still_held() and await self._queue.claim_note(push, now=now)

    async def _wait_for_work(self) -> None:
        """Waits for new work, for the end of an application, or for the next scan."""
        has_more = (
            self._is_held_back or self._scan_wanted_since is not None or self._report.has_unlogged
        )
        every_s = self._settings.look_every_s
        with suppress(TimeoutError):
            async with asyncio.timeout(min(every_s, LOOK_AGAIN_S) if has_more else every_s):
                await self._wakeups.arrived.wait()
        self._wakeups.arrived.clear()

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wakeups.arrived.set()

    def _want_scan(self) -> None:
        if self._scan_wanted_since is None:
            self._scan_wanted_since = _monotonic()

    @property
    def _free_slots(self) -> int:
        return self._settings.applications - len(self._busy)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
