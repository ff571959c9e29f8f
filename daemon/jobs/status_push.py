"""Job 2: push status changes made in ClearView to the ATS, once and in order.

Intake reads the change stream on ClearView's `applications` and fills `status_outbox`; its place
is the checkpoint `stream:applications`. Delivery works the outbox off, one integration each, and
writes `application_status_update_log`, `candidate_snapshots`, `candidate_changes`, `conflicts`
and the stage in ClearView's `applications`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from connectors.connector import Connector
from daemon.core.leases import Lease, LeaseLost
from daemon.core.push_plan import PushRules
from daemon.core.pushes import DeliveryCounts, IntakeCounts, OpenPush, OutboxRow
from daemon.core.recovery import Recovery, RecoveryRule, recovery
from daemon.core.retry import Jitter, RetryRule
from daemon.core.status_events import EventBatch, PositionLost, StreamInterrupted
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import (
    DeliveryQueue,
    EventSource,
    IntegrationStates,
    KnownApplications,
    OpenStream,
)
from daemon.pushing.admission import AdmissionControl, Integration
from daemon.pushing.delivery import Delivery, DeliveryLimits, DeliveryPorts
from daemon.pushing.delivery_attempt import AttemptContext
from daemon.pushing.intake import TRIES, EventIntake, RulesOf
from daemon.pushing.reconcile import Reconciler
from daemon.pushing.stream_alerts import StreamAlerts
from daemon.pushing.stream_checkpoint import STREAM_KEY, CheckpointWriter, StreamCheckpoint
from daemon.pushing.wakeup_queue import LocalWakeupQueue
from daemon.runtime.supervision import stopped_within

log = structlog.get_logger(__name__)

UNREADABLE = PositionLost(f"what follows it could not be read, {TRIES} times in a row")
TRY_FOR_LEASE_EVERY = timedelta(seconds=3)
LEASES_OF_THE_DEAD_END_WITHIN = timedelta(seconds=15)


class IntakePorts(msgspec.Struct, frozen=True):
    """The outside of an intake."""

    source: EventSource
    intake: EventIntake
    repair: Reconciler
    checkpoints: Checkpoints
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock


class IntakeTimes(msgspec.Struct, frozen=True):
    """How often what is done beside reading events."""

    reopen_after: timedelta = timedelta(seconds=0.5)
    reopen_at_most: timedelta = timedelta(seconds=30)
    repair_every: timedelta = timedelta(hours=1)
    watch_window_every: timedelta = timedelta(seconds=60)
    recoveries: RecoveryRule = msgspec.field(default_factory=RecoveryRule)
    try_for_lease_every: timedelta = TRY_FOR_LEASE_EVERY


class StatusIntake:
    """Reads status changes for all integrations; one replica at a time does."""

    def __init__(
        self,
        ports: IntakePorts,
        *,
        rules: Callable[[], RulesOf],
        announce: Callable[[OutboxRow], None],
        times: IntakeTimes | None = None,
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._announce = announce
        self._times = times or IntakeTimes()
        self._alerts = StreamAlerts(ports.alerts, ports.metrics)
        self._failures = 0
        self._unread = 0
        """How often in a row what is at the position could not be read."""
        self.counts = IntakeCounts()
        self.last_progress: float | None = None
        """When the stream last answered, by the monotonic clock; None while another replica reads."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take in events until stopped."""
        while not stop.is_set():
            lease = await self._ports.leases.acquire(STREAM_KEY)
            if lease is None:
                self.last_progress = None
                await stopped_within(stop, self._times.try_for_lease_every)
                continue
            try:
                await self._read(lease, stop)
            except LeaseLost:
                log.warning("stream_lease_lost")
            finally:
                await self._ports.leases.release(lease)

    async def _read(self, lease: Lease, stop: asyncio.Event) -> None:
        """Open, read until it breaks off, open again; a lost position is repaired in between."""
        keeper = CheckpointWriter(self._ports.checkpoints, self._ports.clock, fence=lease.token)
        if self.last_progress is None:
            self.last_progress = self._ports.clock.monotonic()
        while not stop.is_set() and lease.still_held():
            try:
                stream = await self._open(keeper)
                try:
                    await self._follow(stream, keeper, lease, stop)
                finally:
                    await stream.close()
                    await keeper.save_now()
            except StreamInterrupted as error:
                log.warning("change_stream_interrupted", error=str(error))
                await self._rest(stop)
                if self._is_stuck(error):
                    await self._give_up(keeper, UNREADABLE)
            except PositionLost as lost:
                found = await self._give_up(keeper, lost)
                await stopped_within(stop, found.pause)

    def _is_stuck(self, error: StreamInterrupted) -> bool:
        """True if the same position failed by what it holds, too often to try it again."""
        self._unread = self._unread + 1 if error.by_content else 0
        return self._unread >= TRIES

    async def _give_up(self, keeper: CheckpointWriter, lost: PositionLost) -> Recovery:
        await keeper.give_up(lost.reason)
        found = recovery(self._times.recoveries, keeper.place.losses)
        await self._alerts.lost(lost.reason, found)
        return found

    async def _rest(self, stop: asyncio.Event) -> None:
        self._failures += 1
        doubled = self._times.reopen_after * 2 ** min(self._failures - 1, 16)
        await stopped_within(stop, min(doubled, self._times.reopen_at_most))

    async def _open(self, keeper: CheckpointWriter) -> OpenStream:
        """The stream at the stored place; at a new one if there is none, and then repaired.

        The new stream is open, and its start stored, before anything is compared: a change that
        happens meanwhile is seen by one of both.
        """
        source = self._ports.source
        origin = await source.origin()
        place = await keeper.load(source.pipeline_fingerprint, origin)
        if place.token is not None:
            await self._watch_window(place)
        if place.token is None and place.epoch == 0:
            place.epoch = await self._ports.repair.next_epoch()
        stream = await source.open(place.token, epoch=place.epoch)
        try:
            if place.repair is not None:
                await keeper.begin(place, stream.start)
                await self._repair(place, keeper)
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _repair(self, place: StreamCheckpoint, keeper: CheckpointWriter) -> None:
        occasion = f"{place.epoch}"
        rows = await self._ports.repair.run(
            self._rules(), sequence=place.repair_sequence, occasion=occasion
        )
        await self._account(rows, repaired=len(rows))
        found = recovery(self._times.recoveries, place.losses)
        await self._alerts.repaired(place.repair or "", len(rows), found)
        await keeper.repaired()

    async def _follow(
        self, stream: OpenStream, keeper: CheckpointWriter, lease: Lease, stop: asyncio.Event
    ) -> None:
        clock = self._ports.clock
        compare_at = clock.monotonic() + self._times.repair_every.total_seconds()
        look_at = settled_at = clock.monotonic() + self._times.watch_window_every.total_seconds()
        await self._watch_window(keeper.place)
        while not stop.is_set() and lease.still_held():
            await self._take(await stream.next_batch(), keeper)
            now = clock.monotonic()
            if now >= look_at:
                await self._watch_window(keeper.place)
                if look_at == settled_at:
                    await keeper.is_well()
                    await self._alerts.settled()
                look_at = now + self._times.watch_window_every.total_seconds()
            if now >= compare_at:
                await self._compare(keeper)
                compare_at = now + self._times.repair_every.total_seconds()

    async def _take(self, batch: EventBatch, keeper: CheckpointWriter) -> None:
        """The rows first, the place second: a crash in between repeats work and loses none."""
        await self._account(await self._ports.intake.take(batch.events, self._rules()))
        if batch.lost is not None:
            raise PositionLost(batch.lost)
        await keeper.moved_to(batch.position, events=len(batch.events))
        self.last_progress = self._ports.clock.monotonic()
        self._failures = self._unread = 0

    async def _compare(self, keeper: CheckpointWriter) -> None:
        """Every now and then the stream's work is checked against the definition of work."""
        place = keeper.place
        rows = await self._ports.repair.run(
            self._rules(), sequence=place.present_sequence, occasion=place.present_sequence
        )
        await self._account(rows, repaired=len(rows))
        if rows:
            log.warning("status_differences_queued", count=len(rows))

    async def _watch_window(self, place: StreamCheckpoint) -> None:
        await self._alerts.window(
            place.age(self._ports.clock.now()), await self._ports.source.window_seconds()
        )

    async def _account(self, rows: list[OutboxRow], *, repaired: int = 0) -> None:
        queued = [row for row in rows if row.state == "pending"]
        self.counts.events += len(rows) - repaired
        self.counts.repaired += repaired
        self.counts.queued += len(queued)
        self.counts.skipped += len(rows) - len(queued)
        for row in queued:
            self._announce(row)
        if rows:
            self._ports.metrics.count("push_events_total", len(rows) - repaired)
            self._ports.metrics.count("push_repaired_total", repaired)
        await self._alerts.dead_letters(rows, self._rules())

    async def catch_up(self) -> IntakeCounts:
        """Take in what has happened up to now, and return.

        Raises:
            StreamInterrupted: MongoDB went away meanwhile; nothing is lost.
        """
        lease = await acquire_soon(self._ports.leases, STREAM_KEY)
        if lease is None:
            return self.counts
        try:
            keeper = CheckpointWriter(self._ports.checkpoints, self._ports.clock, fence=lease.token)
            await self._catch_up(keeper)
        finally:
            await self._ports.leases.release(lease)
        return self.counts

    async def _catch_up(self, keeper: CheckpointWriter) -> None:
        until = await self._ports.source.latest()
        for _ in range(2 * TRIES):
            try:
                stream = await self._open(keeper)
                try:
                    batch = await stream.next_batch()
                    await self._take(batch, keeper)
                    while not _reaches(batch, until):
                        batch = await stream.next_batch()
                        await self._take(batch, keeper)
                finally:
                    await stream.close()
                    await keeper.save_now()
            except StreamInterrupted as error:
                if not error.by_content:
                    raise
                if self._is_stuck(error):
                    await self._give_up(keeper, UNREADABLE)
            except PositionLost as lost:
                await self._give_up(keeper, lost)
            else:
                await self._watch_window(keeper.place)
                return


def _reaches(batch: EventBatch, until: datetime) -> bool:
    """True if everything up to that moment was read. The server cuts its moments to seconds."""
    cut = until.replace(microsecond=0)
    if batch.events:
        return batch.position.at >= cut + timedelta(seconds=2)
    return batch.position.at >= cut


class PushPorts(msgspec.Struct, frozen=True):
    """The outside of one integration's deliveries."""

    queue: Callable[[int], DeliveryQueue]
    """The outbox as the holder of a lease with this fencing token processes it."""
    known: KnownApplications
    states: IntegrationStates
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock
    jitter: Jitter


ATTEMPTS_PER_REQUEST = 3
"""A push that waits for MongoDB, between its read and its write, leaves its place to another."""


class PushSettings(msgspec.Struct, frozen=True):
    """How an integration's pushes are made."""

    rules: PushRules = msgspec.field(default_factory=PushRules)
    retry: RetryRule = msgspec.field(default_factory=RetryRule)
    limits: DeliveryLimits = msgspec.field(default_factory=DeliveryLimits)
    requests: int = 16
    """Requests in flight at once; the connector's own budget may allow fewer."""
    try_for_lease_every: timedelta = TRY_FOR_LEASE_EVERY


class PushDelivery:
    """Works off one integration's outbox; one replica at a time does."""

    def __init__(
        self,
        integration: Integration,
        connector: Connector,
        ports: PushPorts,
        settings: PushSettings | None = None,
    ) -> None:
        self._integration = integration
        self._connector = connector
        self._ports = ports
        self._settings = settings or PushSettings()
        self._inbox = LocalWakeupQueue()
        self._gate = AdmissionControl(
            integration,
            connector.check,
            states=ports.states,
            alerts=ports.alerts,
            clock=ports.clock,
        )

    def wake(self) -> None:
        """There is new work: look at once."""
        self._inbox.request_scan()

    def announce(self, row: OutboxRow) -> None:
        """A row was stored just now; where everything about it is known, nothing is read."""
        self._inbox.put(row)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until stopped."""
        while not stop.is_set():
            lease = await self._ports.leases.acquire(self._key)
            if lease is None:
                await stopped_within(stop, self._settings.try_for_lease_every)
                continue
            try:
                await self._delivery(lease).run(stop)
            finally:
                await self._ports.leases.release(lease)

    async def deliver_due(self) -> DeliveryCounts:
        """Deliver what is due now, and return; nothing if another replica is at it."""
        counts = DeliveryCounts()
        lease = await acquire_soon(self._ports.leases, self._key)
        if lease is None:
            return counts
        try:
            delivery = self._delivery(lease)
            await delivery.run(asyncio.Event(), until_idle=True)
        finally:
            await self._ports.leases.release(lease)
        counts.retried = delivery.counts.pop("retried", 0)
        counts.ended = dict(delivery.counts)
        return counts

    @property
    def _key(self) -> str:
        return f"push:{self._integration.name}"

    def _delivery(self, lease: Lease) -> Delivery:
        self._inbox.forget()
        return Delivery(
            self._integration,
            DeliveryPorts(
                queue=self._ports.queue(lease.token),
                known=self._ports.known,
                alerts=self._ports.alerts,
                metrics=self._ports.metrics,
                clock=self._ports.clock,
            ),
            gate=self._gate,
            turn=self._tools,
            still_held=lease.still_held,
            inbox=self._inbox,
            limits=self._settings.limits,
        )

    def _tools(self, claim: Callable[[OpenPush], Awaitable[bool]]) -> AttemptContext:
        return AttemptContext(
            connector=self._connector,
            gate=self._gate,
            rules=self._settings.rules,
            claim=claim,
            clock=self._ports.clock,
            retry=self._settings.retry,
            jitter=self._ports.jitter,
            names_of=partial(self._ports.known.names, self._integration.id),
            attempts=asyncio.Semaphore(self._settings.requests * ATTEMPTS_PER_REQUEST),
            requests=asyncio.Semaphore(self._settings.requests),
        )


async def acquire_soon(leases: Leases, key: str) -> Lease | None:
    """The lease, waiting out a holder that was killed; None if its holder is alive."""
    never = asyncio.Event()
    for _ in range(LEASES_OF_THE_DEAD_END_WITHIN // TRY_FOR_LEASE_EVERY):
        lease = await leases.acquire(key)
        if lease is not None:
            return lease
        await stopped_within(never, TRY_FOR_LEASE_EVERY)
    return await leases.acquire(key)
