"""Publishes what the logs record to one sink, in order for each candidate.

A row goes change stream -> event -> sink -> the sink's confirmation -> checkpoint `events:<sink>`. A
crash in between publishes again, under the same id, and loses nothing. A position that is lost is given
up: the stream begins again, and the logs since then are published by time. Without a position, at the
first start, the stream begins at the present.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from daemon.core.events import Event, LogRow, Naming, Offered, event_of, rounds
from daemon.core.leases import HeldLease, LeaseLost
from daemon.core.status_events import PositionLost, StreamInterrupted, reaches
from daemon.events.checkpoint import SinkCheckpoint
from daemon.events.documents import with_documents
from daemon.events.sink_reports import SinkReports
from daemon.ports.alerts import AlertLedger
from daemon.ports.clock import Clock
from daemon.ports.events import LogRows, LogSource, Publisher
from daemon.ports.imports import Checkpoints
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.ports.streams import OpenStream
from daemon.runtime.leased_work import RETRY_EVERY, lease_soon, work_while_leased
from daemon.runtime.supervision import stopped_within
from models.backoff import backoff_pause
from models.event_types import EventType

log = structlog.get_logger(__name__)

ANSWER_AFTER_STOP_S = 1.5
"""A relay that is stopped waits for its sink no longer; the events are published at the next start."""


class RelayPorts(msgspec.Struct, frozen=True):
    """The contracts that a relay uses."""

    source: LogSource
    logs: LogRows
    checkpoints: Checkpoints
    leases: Leases
    alerts: AlertLedger
    metrics: Metrics
    clock: Clock


class RelayTimes(msgspec.Struct, frozen=True):
    """Pauses and limits."""

    first_pause: timedelta = timedelta(seconds=0.5)
    longest_pause: timedelta = timedelta(seconds=30)
    """A sink that is away is tried at least this often."""
    patience: timedelta = timedelta(seconds=30)
    """A sink may fail for so long before people hear of it."""
    refused_for: timedelta = timedelta(hours=1)
    """An event that the sink refused for so long is passed over."""
    margin: timedelta = timedelta(hours=1)
    """So much older than its writing the time of a log's row may be."""
    try_for_lease_every: timedelta = RETRY_EVERY


class Subscription(msgspec.Struct, frozen=True):
    """The events that one sink gets. `name` is stable and holds no secret."""

    name: str
    types: frozenset[EventType] = frozenset(EventType)
    full: bool = False
    """Events carry ClearView's documents."""

    @property
    def key(self) -> str:
        """Returns the key of the lease and of the checkpoint."""
        return f"events:{self.name}"


class _Ended(Exception):
    """The relay was stopped, or its lease ran out, while events were waiting."""


class EventRelay:
    """The relay of one sink; one replica at a time runs it."""

    def __init__(
        self,
        subscription: Subscription,
        publisher: Publisher,
        ports: RelayPorts,
        times: RelayTimes | None = None,
    ) -> None:
        self.subscription = subscription
        self.publisher = publisher
        self._ports = ports
        self._times = times or RelayTimes()
        self._reports = SinkReports(
            subscription.name,
            ports.alerts,
            ports.metrics,
            ports.clock,
            patience=self._times.patience,
        )
        self._failures = 0
        """Of the sink or of the stream, in a row."""
        self._refused_since: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes until stopped."""

        async def relay(lease: HeldLease) -> None:
            try:
                await self._relay(lease, stop, until=None)
            except (LeaseLost, _Ended):
                log.info("event_relay_ended", sink=self.subscription.name)

        await work_while_leased(
            self._ports.leases,
            self.subscription.key,
            relay,
            stop,
            retry_every=self._times.try_for_lease_every,
        )

    async def begin(self) -> None:
        """Stores a first position, unless there is one: all that is logged from now on is published."""
        ports, key = self._ports, self.subscription.key
        if await ports.checkpoints.load(key) is not None:
            return
        lease = await ports.leases.acquire(key)
        if lease is None:
            return  # another replica begins
        try:
            async with self._opened(await self._checkpoint(lease)):
                pass
        except StreamInterrupted as error:
            log.warning("log_stream_interrupted", error=str(error))
        finally:
            await ports.leases.release(lease)

    async def catch_up(self, patience: timedelta) -> str | None:
        """Publishes all that is in the logs now; returns the reason why it could not."""
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(patience.total_seconds(), stop.set)
        async with lease_soon(self._ports.leases, self.subscription.key) as lease:
            if lease is None:
                return None
            try:
                done = await self._relay(lease, stop, until=await self._ports.source.latest())
            except _Ended:
                done = False
        return None if done else "events wait for the sink; see `ats-sync doctor`"

    async def _relay(
        self, lease: HeldLease, stop: asyncio.Event, *, until: datetime | None
    ) -> bool:
        """Reads the stream, and opens it again whenever it breaks off; True if it came to `until`."""
        checkpoint = await self._checkpoint(lease)
        sending = _Sending(lease, stop)
        while sending.goes_on:
            try:
                async with self._opened(checkpoint) as stream:
                    await self._repair(checkpoint, sending)
                    if await self._follow(stream, checkpoint, sending, until):
                        return True
            except StreamInterrupted as error:
                log.warning("log_stream_interrupted", error=str(error))
                await self._reports.failed(str(error), checkpoint.at or self._ports.clock.now())
                await self._pause(stop)
            except PositionLost as error:
                await self._give_up(checkpoint, str(error))
                await self._pause(stop)
        return False

    async def _checkpoint(self, lease: HeldLease) -> SinkCheckpoint:
        ports = self._ports
        checkpoint = SinkCheckpoint(
            ports.checkpoints, ports.clock, self.subscription.key, fence=lease.token
        )
        if lost := await checkpoint.load(ports.source.pipeline_fingerprint):
            await self._give_up(checkpoint, lost)
        return checkpoint

    @asynccontextmanager
    async def _opened(self, checkpoint: SinkCheckpoint) -> AsyncIterator[OpenStream[LogRow]]:
        """Opens the stream, and stores its start if there is no position: before any row is read."""
        stream = await self._ports.source.open(checkpoint.token)
        try:
            await checkpoint.begin(stream.start)
            yield stream
        finally:
            await stream.close()

    async def _follow(
        self,
        stream: OpenStream[LogRow],
        checkpoint: SinkCheckpoint,
        sending: "_Sending",
        until: datetime | None,
    ) -> bool:
        """Publishes batch after batch; True once everything up to `until` is published."""
        while sending.goes_on:
            batch = await stream.next_batch()
            await self._publish(batch.events, sending)
            await checkpoint.moved_to(batch.position, confirmed=bool(batch.events))
            self._failures = 0
            await self._reports.works()
            if not batch.events:
                self._reports.caught_up()
            if until is not None and reaches(batch, until):
                return True
        return False

    async def _repair(self, checkpoint: SinkCheckpoint, sending: "_Sending") -> None:
        """Publishes the logs since the position that was lost."""
        if checkpoint.repair_since is None:
            return
        async for rows in self._ports.logs.since(checkpoint.repair_since - self._times.margin):
            await self._publish(rows, sending)
        await checkpoint.repaired()
        await self._reports.repaired()

    async def _give_up(self, checkpoint: SinkCheckpoint, reason: str) -> None:
        await self._reports.position_lost(reason, await checkpoint.lost())

    async def _publish(self, rows: Sequence[LogRow], sending: "_Sending") -> None:
        """Returns once the sink has confirmed all events of these rows.

        Raises:
            _Ended: it was stopped before.
        """
        for part in rounds(await self._events_of(rows)):
            waiting: Sequence[Event] = part
            while waiting:
                if not sending.goes_on:
                    raise _Ended
                waiting = await self._offer(waiting, sending.stop)

    async def _events_of(self, rows: Sequence[LogRow]) -> Sequence[Event]:
        if not rows:
            return []
        naming, wanted = await self._ports.logs.naming(rows), self.subscription.types
        events = [event for event in map(partial(_event, naming), rows) if event is not None]
        events = [event for event in events if event.type in wanted]
        return await with_documents(events, self._ports.logs) if self.subscription.full else events

    async def _offer(self, waiting: Sequence[Event], stop: asyncio.Event) -> Sequence[Event]:
        """Offers events once, and returns those that still wait, after a pause if the sink failed.

        A sink that failed is tried with one event: whatever it had received is not sent again in bulk.
        """
        offered = await self._answer(waiting[:1] if self._failures else waiting, stop)
        passed = await self._note(offered, waiting)
        left = [event for event in waiting if event.id not in passed]
        if offered.failure is None and not offered.refused:
            self._failures = 0
            return left
        reason = offered.failure or f"It refuses an event: {next(iter(offered.refused.values()))}"
        if left:
            await self._reports.failed(reason, left[0].time)
            await self._pause(stop, offered.retry_after_s)
        return left

    async def _answer(self, events: Sequence[Event], stop: asyncio.Event) -> Offered:
        """Returns the sink's answer.

        Raises:
            _Ended: it was stopped, and the sink did not answer soon after.
        """
        answer = asyncio.create_task(self.publisher.publish(events), name="offer events")
        stopped = asyncio.create_task(stop.wait(), name="offer events: stop")
        try:
            await asyncio.wait({answer, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({answer}, timeout=ANSWER_AFTER_STOP_S)
            if not answer.done():
                raise _Ended
            return answer.result()
        finally:
            stopped.cancel()
            answer.cancel()
            await asyncio.wait({answer, stopped}, timeout=ANSWER_AFTER_STOP_S)

    async def _note(self, offered: Offered, waiting: Sequence[Event]) -> frozenset[str]:
        """Reports what became of events; returns the ids of those that wait no longer."""
        taken, unrouted = frozenset(offered.taken), frozenset(offered.unrouted)
        if wanted := [event for event in waiting if event.id in taken - unrouted]:
            await self._reports.taken(wanted)
        given_up = self._refused_for_long(offered)
        for event in waiting:
            if event.id in given_up:
                await self._reports.untaken(event.type, 1, offered.refused[event.id])
        for kind in {event.type for event in waiting if event.id in unrouted}:
            count = sum(event.id in unrouted and event.type == kind for event in waiting)
            await self._reports.untaken(kind, count, "No queue is bound for it.")
        return taken | unrouted | given_up

    def _refused_for_long(self, offered: Offered) -> frozenset[str]:
        now, limit_s = self._ports.clock.monotonic(), self._times.refused_for.total_seconds()
        if not offered.refused:
            self._refused_since.clear()
        for one in offered.refused:
            self._refused_since.setdefault(one, now)
        return frozenset(
            one for one in offered.refused if now - self._refused_since[one] >= limit_s
        )

    async def _pause(self, stop: asyncio.Event, requested_s: float | None = None) -> None:
        self._failures += 1
        times = self._times
        pause = backoff_pause(self._failures, first=times.first_pause, longest=times.longest_pause)
        requested = timedelta(seconds=min(requested_s or 0.0, 600.0))
        await stopped_within(stop, max(pause, requested))


def _event(naming: Naming, row: LogRow) -> Event | None:
    """Returns the row's event; a row that someone edited into another shape is passed over."""
    try:
        return event_of(row, naming)
    except (KeyError, TypeError, ValueError):
        log.warning("log_row_unreadable", collection=row.collection, row=str(row.row.get("_id")))
        return None


class _Sending(msgspec.Struct, frozen=True):
    """The right to publish: a lease, and the word to stop."""

    lease: HeldLease
    stop: asyncio.Event

    @property
    def goes_on(self) -> bool:
        return not self.stop.is_set() and self.lease.still_held()
