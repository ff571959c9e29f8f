"""Job 2, first half: take status changes made in ClearView into the outbox, once and in order.

An event goes receive -> plan -> row of `status_outbox` -> checkpoint `stream:applications`. A crash
in between repeats work and loses none. A position that is lost is given up: everything is compared
(`pushing/reconcile.py`) and the stream begins again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import structlog

from daemon.core.leases import HeldLease, LeaseLost
from daemon.core.pushes import IntakeCounts, OutboxRow
from daemon.core.status_events import (
    EventBatch,
    PositionLost,
    StatusEvent,
    StreamInterrupted,
    reaches,
)
from daemon.core.stream_recovery import RecoveryRule, recovery
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import EventSource
from daemon.ports.streams import OpenStream
from daemon.pushing.intake import TRIES, EventIntake, RulesOf
from daemon.pushing.reconcile import Reconciler
from daemon.pushing.stream_alerts import StreamAlerts
from daemon.pushing.stream_checkpoint import STREAM_KEY, CheckpointWriter
from daemon.runtime.interval import Interval
from daemon.runtime.leased_work import RETRY_EVERY, lease_soon, work_while_leased
from daemon.runtime.supervision import stopped_within
from models.backoff import backoff_pause

log = structlog.get_logger(__name__)

UNREADABLE = f"what follows it could not be read, {TRIES} times in a row"


class IntakePorts(msgspec.Struct, frozen=True):
    """The contracts and the steps that an intake uses."""

    source: EventSource
    intake: EventIntake
    reconciler: Reconciler
    checkpoints: Checkpoints
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock


class IntakeTimes(msgspec.Struct, frozen=True):
    """Pauses, and the intervals of the checks that run beside reading events."""

    reopen_after: timedelta = timedelta(seconds=0.5)
    reopen_at_most: timedelta = timedelta(seconds=30)
    repair_every: timedelta = timedelta(hours=1)
    watch_window_every: timedelta = timedelta(seconds=60)
    recoveries: RecoveryRule = msgspec.field(default_factory=RecoveryRule)
    try_for_lease_every: timedelta = RETRY_EVERY


class StatusIntake:
    """Reads the status changes of all integrations; one replica at a time does."""

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
        self._interruptions = 0
        """Interruptions in a row, with no batch in between."""
        self._unread = 0
        """Failures in a row that the content after the same position caused."""
        self.counts = IntakeCounts()
        self.last_progress: float | None = None
        """The stream's last answer, by the monotonic clock; None while another replica reads."""

    async def run(self, stop: asyncio.Event) -> None:
        """Takes events in until stopped."""

        async def read(lease: HeldLease) -> None:
            try:
                await self._read(lease, stop)
            except LeaseLost:
                log.warning("stream_lease_lost")

        await work_while_leased(
            self._ports.leases,
            STREAM_KEY,
            read,
            stop,
            retry_every=self._times.try_for_lease_every,
            on_standby=self._stand_by,
        )

    async def catch_up(self) -> IntakeCounts:
        """Takes in all changes up to now, and returns.

        Raises:
            StreamInterrupted: MongoDB went away meanwhile; nothing is lost.
        """
        async with lease_soon(self._ports.leases, STREAM_KEY) as lease:
            if lease is not None:
                await self._catch_up(self._writer(lease))
        return self.counts

    def _stand_by(self) -> None:
        self.last_progress = None

    def _writer(self, lease: HeldLease) -> CheckpointWriter:
        return CheckpointWriter(self._ports.checkpoints, self._ports.clock, fence=lease.token)

    async def _read(self, lease: HeldLease, stop: asyncio.Event) -> None:
        """Reads the stream, and opens it again whenever it breaks off."""
        writer = self._writer(lease)
        if self.last_progress is None:
            self.last_progress = self._ports.clock.monotonic()
        while not stop.is_set() and lease.still_held():
            try:
                async with self._opened(writer) as stream:
                    await self._follow(stream, writer, lease, stop)
            except StreamInterrupted as error:
                log.warning("change_stream_interrupted", error=str(error))
                self._interruptions += 1
                pause = backoff_pause(
                    self._interruptions,
                    first=self._times.reopen_after,
                    longest=self._times.reopen_at_most,
                )
                await stopped_within(stop, pause)
                await self._give_up_unreadable(writer, error)
            except PositionLost as lost:
                pause = await self._give_up(writer, str(lost))
                await stopped_within(stop, pause)

    async def _follow(
        self,
        stream: OpenStream[StatusEvent],
        writer: CheckpointWriter,
        lease: HeldLease,
        stop: asyncio.Event,
    ) -> None:
        """Takes in batch after batch; checks the oplog and compares everything now and then."""
        window_check, comparison = (
            Interval(every.total_seconds(), self._ports.clock.monotonic)
            for every in (self._times.watch_window_every, self._times.repair_every)
        )
        is_settled = False
        await self._check_window(writer)
        while not stop.is_set() and lease.still_held():
            await self._take_in(await stream.next_batch(), writer)
            if window_check.restart_if_passed():
                await self._check_window(writer)
                if not is_settled:
                    is_settled = True
                    await writer.forget_losses()
                    await self._alerts.settled()
            if comparison.restart_if_passed():
                sequence = writer.checkpoint.present_sequence
                rows = await self._ports.reconciler.run(
                    self._rules(), sequence=sequence, occasion=sequence
                )
                await self._report(rows, repaired=len(rows))
                if rows:
                    log.warning("status_differences_queued", count=len(rows))

    async def _take_in(self, batch: EventBatch[StatusEvent], writer: CheckpointWriter) -> None:
        """Stores the rows first and the checkpoint second."""
        rows = await self._ports.intake.plan_and_store(batch.events, self._rules())
        await self._report(rows)
        if batch.lost is not None:
            raise PositionLost(batch.lost)
        await writer.moved_to(batch.position, events=len(batch.events))
        self.last_progress = self._ports.clock.monotonic()
        self._interruptions = self._unread = 0

    async def _report(self, rows: list[OutboxRow], *, repaired: int = 0) -> None:
        """Announces rows to the deliveries of this process, counts them, and alerts about dead ones."""
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

    @asynccontextmanager
    async def _opened(self, writer: CheckpointWriter) -> AsyncIterator[OpenStream[StatusEvent]]:
        """Opens the stream at the checkpoint; without one at the present moment, and compares all.

        The new stream is open, and its start stored, before anything is compared: one of both sees
        a change that happens meanwhile.
        """
        source = self._ports.source
        origin = await source.origin()
        checkpoint = await writer.load(source.pipeline_fingerprint, origin)
        if checkpoint.token is not None:
            await self._check_window(writer)
        elif checkpoint.epoch == 0:
            checkpoint.epoch = await self._ports.reconciler.next_epoch()
        stream = await source.open(checkpoint.token, epoch=checkpoint.epoch)
        try:
            if checkpoint.repair is not None:
                await writer.begin(stream.start)
                await self._repair(writer)
            yield stream
        finally:
            await stream.close()
            await writer.save_now()

    async def _repair(self, writer: CheckpointWriter) -> None:
        """Queues all differences after a loss, in the order of events before the new stream."""
        checkpoint = writer.checkpoint
        rows = await self._ports.reconciler.run(
            self._rules(), sequence=checkpoint.repair_sequence, occasion=f"{checkpoint.epoch}"
        )
        await self._report(rows, repaired=len(rows))
        found = recovery(self._times.recoveries, checkpoint.losses)
        await self._alerts.repaired(checkpoint.repair or "", len(rows), found)
        await writer.repaired()

    async def _check_window(self, writer: CheckpointWriter) -> None:
        age_s = writer.checkpoint.age(self._ports.clock.now())
        await self._alerts.window(age_s, await self._ports.source.window_seconds())

    async def _give_up_unreadable(self, writer: CheckpointWriter, error: StreamInterrupted) -> None:
        """Gives the position up if its content ended the stream too often to try it again."""
        self._unread = self._unread + 1 if error.by_content else 0
        if self._unread >= TRIES:
            await self._give_up(writer, UNREADABLE)

    async def _give_up(self, writer: CheckpointWriter, reason: str) -> timedelta:
        """Returns the pause before the stream may begin again."""
        await writer.give_up(reason)
        found = recovery(self._times.recoveries, writer.checkpoint.losses)
        self._alerts.lost(reason, found)
        return found.pause

    async def _catch_up(self, writer: CheckpointWriter) -> None:
        until = await self._ports.source.latest()
        for _ in range(2 * TRIES):
            try:
                async with self._opened(writer) as stream:
                    is_over = False
                    while not is_over:
                        batch = await stream.next_batch()
                        await self._take_in(batch, writer)
                        is_over = reaches(batch, until)
            except StreamInterrupted as error:
                if not error.by_content:
                    raise
                await self._give_up_unreadable(writer, error)
            except PositionLost as lost:
                await self._give_up(writer, str(lost))
            else:
                await self._check_window(writer)
                return
