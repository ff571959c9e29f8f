"""Delivery of one integration's pushes, for as long as its lease is held.

Many applications at once, one request per application, and no more than the limit in flight.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog

from daemon.core.alert_texts import conflicts_open, dead_push
from daemon.core.applications import KnownApplication
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import OpenPush, OutboxRow, PushDeferred, PushEnded
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import DeliveryQueue, KnownApplications
from daemon.pushing.admission import Admission, AdmissionControl, Integration
from daemon.pushing.delivery_attempt import AttemptContext
from daemon.pushing.group_commit import GroupCommit
from daemon.pushing.queue import ApplicationQueue, QueueContext
from daemon.pushing.wakeup_queue import LocalWakeupQueue, ProcessedSequences, push_in_hand

log = structlog.get_logger(__name__)

T = TypeVar("T")
TAKE_OVER_EVERY_S = 5.0
SOON_S = 1.0
"""How long rows in hand may keep a look waiting, how often something that is shut is tried, and
how often numbers are logged."""
FEW_AT_ONCE = 64
"""Applications under way. Of more than these the log tells numbers, once a second."""
BATCHES_AT_ONCE = 2
"""While MongoDB makes one batch durable the next one is on its way."""
SETTLE_TOGETHER_S = 0.1
"""How long what follows from a push waits for others: six writes for many cost as those for one."""


class DeliveryLimits(msgspec.Struct, frozen=True):
    """How much goes on at once."""

    applications: int = 512
    look_every_s: float = 1.0
    """How soon work is found that no intake in this process announced."""


class DeliveryPorts(msgspec.Struct, frozen=True):
    """The outside of a delivery."""

    queue: DeliveryQueue
    known: KnownApplications
    alerts: Alerts
    metrics: Metrics
    clock: Clock


class Delivery:
    """One holder's work on one integration."""

    def __init__(
        self,
        integration: Integration,
        ports: DeliveryPorts,
        *,
        gate: AdmissionControl,
        turn: Callable[[Callable[[OpenPush], Awaitable[bool]]], AttemptContext],
        still_held: Callable[[], bool],
        inbox: LocalWakeupQueue,
        limits: DeliveryLimits,
    ) -> None:
        self._integration = integration
        self._ports = ports
        self._gate = gate
        self._still_held = still_held
        self._inbox = inbox
        self._limits = limits
        self._claims = GroupCommit(self._claim)
        self._settles = GroupCommit(ports.queue.settle, gather_s=SETTLE_TOGETHER_S)
        self._tools = QueueContext(
            turn=turn(self._claim_one),
            settle=self._settles.submit,
            before=ports.queue.before,
            may_go_on=lambda: still_held() and not self._stopping,
        )
        self._busy: set[UUID] = set()
        self._missed: set[UUID] = set()
        """Applications that got new work while they were busy."""
        self._worked_off = ProcessedSequences()
        self._look_since: float | None = float("-inf")
        """Since when a look is wanted, by the loop's clock; None: it is not."""
        self._look_at = 0.0
        self._shut = False
        self._stopping = False
        self._take_over_at = float("-inf")
        self._unlogged: Counter[str] = Counter()
        self._log_at = 0.0
        self.counts: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event, *, until_idle: bool = False) -> None:
        """Deliver until stopped or until the lease is gone; with `until_idle`, what is due now.

        Turns under way are finished: what they sent is recorded.
        """
        async with asyncio.TaskGroup() as tasks:
            writers = [
                tasks.create_task(each.run(), name=name)
                for each, name in ((self._claims, "push-claims"), (self._settles, "push-settles"))
                for _ in range(BATCHES_AT_ONCE)
            ]
            watcher = tasks.create_task(self._wake_when(stop), name="push-stop")
            while not stop.is_set() and self._still_held():
                started = await self._start_turns(tasks)
                if until_idle and not started and not self._busy:
                    break
                await self._pause()
                if until_idle:
                    self._want_look()
            self._stopping = True
            while self._busy:
                await self._pause()
            self._log_the_others()
            for task in (*writers, watcher):
                task.cancel()

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._inbox.arrived.set()

    async def _pause(self) -> None:
        """Until there is something to do: new work, a turn that ended, a look around."""
        waits = self._shut or self._look_since is not None or bool(self._unlogged)
        within = min(self._limits.look_every_s, SOON_S) if waits else self._limits.look_every_s
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._inbox.arrived.wait()
        self._inbox.arrived.clear()

    async def _start_turns(self, tasks: asyncio.TaskGroup) -> int:
        """Start a turn for each application that has something due; how many."""
        if _monotonic() >= self._log_at:
            self._log_the_others()
        way = await self._gate.way()
        self._shut = way != "open"
        if self._shut:
            self._inbox.forget()
        if self._inbox.needs_scan() or _monotonic() >= self._look_at:
            self._want_look()
        started = 0
        # Rows in hand come first, but not for ever: a look also finds what has to be tried again.
        if self._look_since is None or _monotonic() - self._look_since < SOON_S:
            started = self._start_in_hand(tasks)
        return started + await self._look(way, tasks)

    def _want_look(self) -> None:
        if self._look_since is None:
            self._look_since = _monotonic()

    def _start_in_hand(self, tasks: asyncio.TaskGroup) -> int:
        started = 0
        while self._room > 0 and (row := self._inbox.take()) is not None:
            started += self._starts(row, tasks)
        return started

    def _starts(self, row: OutboxRow, tasks: asyncio.TaskGroup) -> bool:
        """Start a turn with nothing but what is in hand, if that is enough."""
        application_id = row.event.application_id
        if self._worked_off.covers(row):
            return False
        if application_id in self._busy:
            self._missed.add(application_id)
            return False
        if row.known is None:
            self._want_look()
            return False
        push = push_in_hand(row, self._ports.clock.now())
        self._start([push], row.known, tasks)
        return True

    async def _look(self, way: Admission, tasks: asyncio.TaskGroup) -> int:
        """Start turns for what the outbox has."""
        room = 1 if way == "probe" else self._room
        crowded = self._busy if way == "probe" else room * 2 < self._limits.applications
        if self._look_since is None or way == "shut" or crowded:
            return 0
        self._look_since = None
        self._look_at = _monotonic() + self._limits.look_every_s
        await self._take_over()
        queues = await self._ports.queue.due(
            now=self._ports.clock.now(), limit=room, busy=list(self._busy)
        )
        known = await self._known(queues)
        for pushes in queues.values():
            snapshot = known.get(pushes[0].external_id)
            self._start(pushes, snapshot, tasks, probing=way == "probe")
        if len(queues) >= room:
            self._want_look()
        return len(queues)

    def _start(
        self,
        pushes: Sequence[OpenPush],
        known: KnownApplication | None,
        tasks: asyncio.TaskGroup,
        *,
        probing: bool = False,
    ) -> None:
        application_id = pushes[0].application_id
        self._busy.add(application_id)
        self._worked_off.note(pushes[-1])
        queue = ApplicationQueue(pushes, known, self._tools)
        tasks.create_task(self._work_off(application_id, queue, probing=probing))

    @property
    def _room(self) -> int:
        return self._limits.applications - len(self._busy)

    async def _take_over(self) -> None:
        now = self._ports.clock.monotonic()
        if now < self._take_over_at:
            return
        self._take_over_at = now + TAKE_OVER_EVERY_S
        taken = await self._ports.queue.take_over(now=self._ports.clock.now())
        if taken:
            log.info("pushes_taken_over", integration=self._integration.name, count=taken)

    async def _known(
        self, queues: Mapping[UUID, Sequence[OpenPush]]
    ) -> Mapping[str, KnownApplication]:
        if not queues:
            return {}
        external_ids = [pushes[0].external_id for pushes in queues.values()]
        return await self._ports.known.load(self._integration.id, external_ids)

    async def _work_off(
        self, application_id: UUID, queue: ApplicationQueue, *, probing: bool
    ) -> None:
        ends: Sequence[PushEnded | PushDeferred] = ()
        try:
            if probing:
                self._gate.begin_probe()
            ends = await queue.work_off()
            await self._tell(ends)
        finally:
            if probing:
                self._gate.end_probe()
            self._busy.discard(application_id)
            if application_id in self._missed or not _all_done(ends):
                self._missed.discard(application_id)
                self._inbox.request_scan()
            self._inbox.arrived.set()

    async def _claim(self, pushes: Sequence[OpenPush]) -> frozenset[UUID]:
        if not self._still_held():
            return frozenset()
        return await self._ports.queue.claim(pushes, now=self._ports.clock.now())

    async def _claim_one(self, push: OpenPush) -> bool:
        return push.id in await self._claims.submit(push)

    async def _tell(self, ends: Sequence[PushEnded | PushDeferred]) -> None:
        for end in ends:
            if isinstance(end, PushDeferred):
                self.counts["retried"] += 1
                continue
            self.counts[end.state] += 1
            self._ports.metrics.count(
                "push_ended_total", integration=self._integration.name, state=end.state
            )
            self._log(end)
            await self._alert(end)

    def _log(self, end: PushEnded) -> None:
        """A line for each push, but where there are very many only for those that went wrong."""
        if end.state in {"delivered", "superseded"} and len(self._busy) > FEW_AT_ONCE:
            self._unlogged[end.state] += 1
            return
        log.info(
            "status_push_ended",
            integration=self._integration.name,
            application_id=str(end.push.application_id),
            event_id=end.push.event_id,
            state=end.state,
            reason=end.reason,
            status=end.push.status.value,
            attempts=end.attempts,
        )

    def _log_the_others(self) -> None:
        self._log_at = _monotonic() + SOON_S
        if self._unlogged:
            log.info("status_pushes_ended", integration=self._integration.name, **self._unlogged)
            self._unlogged.clear()

    async def _alert(self, end: PushEnded) -> None:
        of = IntegrationRef(self._integration.name, self._integration.id)
        if end.state == "dead":
            condition = dead_push(
                of,
                application=end.push.application_id,
                status=end.push.status.value,
                reason=end.message or end.reason or "no reason is known",
            )
            await self._ports.alerts.raise_condition(condition)
        elif end.reason == "conflict_open":
            await self._ports.alerts.raise_condition(conflicts_open(of))


def _all_done(ends: Sequence[PushEnded | PushDeferred]) -> bool:
    return bool(ends) and all(isinstance(end, PushEnded) for end in ends)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
