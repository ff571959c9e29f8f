"""Delivery of one integration's pushes, for as long as its lease is held.

Many applications at once, one request per application, and no more than the limit in flight.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog

from daemon.core.push_plan import KnownApplication
from daemon.ports.alerts import AlertKind, Alerts, Condition
from daemon.ports.clock import Clock
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import DeliveryQueue, Done, KnownApplications, OpenPush, Waits
from daemon.pushing.gate import Gate, Integration
from daemon.pushing.group_commit import GroupCommit
from daemon.pushing.queue import ApplicationQueue, QueueTools
from daemon.pushing.turn import TurnTools

log = structlog.get_logger(__name__)

T = TypeVar("T")
TAKE_OVER_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much goes on at once."""

    applications: int = 256
    look_every_s: float = 1.0
    """How soon work is found that no intake in this process announced."""


@dataclass(frozen=True, slots=True)
class DeliveryPorts:
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
        gate: Gate,
        turn: Callable[[Callable[[OpenPush], Awaitable[bool]]], TurnTools],
        still_held: Callable[[], bool],
        wake: asyncio.Event,
        limits: DeliveryLimits,
    ) -> None:
        self._integration = integration
        self._ports = ports
        self._gate = gate
        self._still_held = still_held
        self._wake = wake
        self._limits = limits
        self._claims = GroupCommit(self._claim)
        self._settles = GroupCommit(ports.queue.settle)
        self._tools = QueueTools(
            turn=turn(self._claim_one),
            settle=self._settles.submit,
            before=ports.queue.before,
            may_go_on=lambda: still_held() and not self._stopping,
        )
        self._busy: set[UUID] = set()
        self._stopping = False
        self._take_over_at = float("-inf")
        self.counts: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event, *, until_idle: bool = False) -> None:
        """Deliver until stopped or until the lease is gone; with `until_idle`, what is due now.

        Turns under way are finished: what they sent is recorded.
        """
        async with asyncio.TaskGroup() as tasks:
            writers = [
                tasks.create_task(self._claims.run(), name="push-claims"),
                tasks.create_task(self._settles.run(), name="push-settles"),
            ]
            watcher = tasks.create_task(self._wake_when(stop), name="push-stop")
            while not stop.is_set() and self._still_held():
                started = await self._start_turns(tasks)
                if until_idle and not started and not self._busy:
                    break
                await self._pause(started)
            self._stopping = True
            while self._busy:
                await self._pause(0)
            for task in (*writers, watcher):
                task.cancel()

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _pause(self, started: int) -> None:
        """Until there is something to do: new work, a turn that ended, a look around."""
        if started and len(self._busy) < self._limits.applications:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(self._limits.look_every_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _start_turns(self, tasks: asyncio.TaskGroup) -> int:
        """Start a turn for each application that has something due; how many."""
        way = await self._gate.way()
        if way == "shut" or (way == "probe" and self._busy):
            return 0
        free = 1 if way == "probe" else self._limits.applications - len(self._busy)
        if free * 2 < self._limits.applications and way == "open":
            return 0
        await self._take_over()
        queues = await self._ports.queue.due(
            now=self._ports.clock.now(), limit=free, busy=list(self._busy)
        )
        known = await self._known(queues)
        for application_id, pushes in queues.items():
            self._busy.add(application_id)
            queue = ApplicationQueue(pushes, known.get(pushes[0].external_id), self._tools)
            probing = way == "probe"
            tasks.create_task(self._work_off(application_id, queue, probing=probing))
        return len(queues)

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
        try:
            if probing:
                self._gate.begin_probe()
            ends = await queue.work_off()
            await self._tell(ends)
        finally:
            if probing:
                self._gate.end_probe()
            self._busy.discard(application_id)
            self._wake.set()

    async def _claim(self, pushes: Sequence[OpenPush]) -> frozenset[UUID]:
        if not self._still_held():
            return frozenset()
        return await self._ports.queue.claim(pushes, now=self._ports.clock.now())

    async def _claim_one(self, push: OpenPush) -> bool:
        return push.id in await self._claims.submit(push)

    async def _tell(self, ends: Sequence[Done | Waits]) -> None:
        for end in ends:
            if isinstance(end, Waits):
                self.counts["retried"] += 1
                continue
            self.counts[end.state] += 1
            self._ports.metrics.count(
                "push_ended_total", integration=self._integration.name, state=end.state
            )
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
            await self._alert(end)

    async def _alert(self, end: Done) -> None:
        if end.state == "dead":
            await self._ports.alerts.raise_condition(self._dead_letter(end))
        elif end.reason == "conflict_open":
            await self._ports.alerts.raise_condition(self._open_conflict(end))

    def _dead_letter(self, end: Done) -> Condition:
        return Condition(
            kind=AlertKind.DEAD_LETTERS,
            severity="error",
            title=f"{self._integration.name}: a status change could not be sent",
            message=f"Application {end.push.application_id} to {end.push.status.value}: "
            f"{end.message or end.reason}. See `ats-sync outbox list --state dead`; after mending "
            "the cause, `ats-sync outbox replay` sends it again.",
            integration=self._integration.name,
            integration_id=self._integration.id,
        )

    def _open_conflict(self, end: Done) -> Condition:
        ats = end.conflict.ats.value if end.conflict is not None else "another status"
        return Condition(
            kind=AlertKind.CONFLICTS_OPEN,
            severity="warning",
            title=f"{self._integration.name}: hired on one side, turned down on the other",
            message=f"Application {end.push.application_id} is {end.push.status.value} in "
            f"ClearView and {ats} at the ATS. Decide, and change the side that is wrong.",
            integration=self._integration.name,
            integration_id=self._integration.id,
        )
