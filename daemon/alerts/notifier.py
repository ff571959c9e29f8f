"""Sends people messages about conditions: plans messages from the alerts, and delivers the queue.

Reads from `alerts`, writes to `notification_queue` and to the channels. Every channel has a task
of its own, so a channel that hangs delays no other. Channels may come and go while it runs. Without
any, open conditions wait for one: a condition that was sent to no one counts as unsent.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from daemon.core.alert_policy import AlertPolicy
from daemon.core.alert_texts import notification_undelivered
from daemon.core.alerting import AlertState, plan_messages
from daemon.core.conditions import AlertKind, alert_key
from daemon.core.notifications import ChannelFailed, ChannelMessage, MessageRefused, channel_pause
from daemon.core.retry import Jitter
from daemon.core.runs import in_words
from daemon.core.unexpected import stack
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.notifications import AlertStates, Channel, NotificationQueue
from daemon.runtime.loop_set import LoopSet
from daemon.runtime.supervision import (
    Backoff,
    LoopObserver,
    must_pass,
    stopped_within,
    supervise,
)

log = structlog.get_logger(__name__)

UNEXPECTED_AT_MOST = 5
"""Attempts at a message that ended by an error of no known kind: the cause may be the message."""
LONGEST_PAUSE = timedelta(seconds=30)


class SenderLimits(msgspec.Struct, frozen=True):
    """The time limits of sending."""

    tick: timedelta = timedelta(seconds=5)
    send_timeout: timedelta = timedelta(seconds=30)
    horizon: timedelta = timedelta(hours=24)
    """A message that no attempt got through for so long is given up."""
    look_for_orphans_every: timedelta = timedelta(minutes=10)
    """So often messages to channels that are gone are looked for."""


@dataclass(slots=True)
class DrainCounts:
    """The counts of one drain."""

    planned: int = 0
    delivered: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class NotificationSender:
    """Sends messages about alerts. Any number of replicas may run one."""

    alerts: Alerts
    alert_states: AlertStates
    queue: NotificationQueue
    channels: Sequence[Channel]
    """The channels in force."""
    clock: Clock
    policy: AlertPolicy = field(default_factory=AlertPolicy)
    limits: SenderLimits = field(default_factory=SenderLimits)
    jitter: Jitter = random.random
    observer: LoopObserver | None = None
    _loops: LoopSet[Channel] = field(init=False)
    _looked_for_orphans: datetime | None = None

    def __post_init__(self) -> None:
        self._loops = LoopSet(self._serve, _close, self.channels)

    def use(self, channels: Sequence[Channel]) -> None:
        """Replace the channels; one that is left out finishes what it is sending and is closed."""
        self.channels = channels
        self._loops.use(channels)

    async def run(self, stop: asyncio.Event) -> None:
        """Plan and deliver until stopped; a message in flight is finished first."""
        async with asyncio.TaskGroup() as tasks:
            plan = self._kept("planning of messages", self.plan, stop)
            tasks.create_task(plan, name="notify:plan")
            tasks.create_task(self._loops.run(stop), name="notify:channels")

    async def _serve(self, channel: Channel, stop: asyncio.Event) -> None:
        deliver = partial(self._deliver_due, channel, DrainCounts())
        await self._kept(f"messages to {channel.name}", deliver, stop)

    async def _kept(
        self, name: str, work: Callable[[], Awaitable[object]], stop: asyncio.Event
    ) -> None:
        async def repeat(stop: asyncio.Event) -> None:
            await work()
            while not await stopped_within(stop, self.limits.tick):
                await work()

        backoff = Backoff(base=self.limits.tick, cap=max(LONGEST_PAUSE, self.limits.tick))
        await supervise(name, repeat, backoff, stop=stop, observer=self.observer)

    async def drain_once(self) -> DrainCounts:
        """Plan what is due now, and offer every channel what is due to it, once."""
        sent = DrainCounts(planned=await self.plan())
        await asyncio.gather(*(self._deliver_due(channel, sent) for channel in self.channels))
        return sent

    async def plan(self) -> int:
        """Queue the messages that are due; returns how many were new."""
        planned = 0
        await self._give_up_orphans()
        if not self.channels:
            # What came and went is history; what is open waits for a channel.
            now = self.clock.now()
            for alert in await self.alert_states.due(now):
                if alert.resolved_at is not None:
                    await self.alert_states.mark_planned(alert, now=now, silent=True)
            return 0
        while due := await self._unplanned():
            now = self.clock.now()
            recent = await self.alert_states.messaged_since(now - self.policy.storm_window)
            plan = plan_messages(due, recent, now=now, policy=self.policy)
            for alert in plan.silent:
                await self.alert_states.mark_planned(alert, now=now, silent=True)
            for message in plan.messages:
                covered = await self.queue.enqueue(message, self._names, now=now)
                for alert in (a for a in message.alerts if a.round in covered):
                    await self.alert_states.mark_planned(alert, now=now, silent=False)
            planned += len(plan.messages)
            if not plan.messages:
                break
        return planned

    async def _give_up_orphans(self) -> None:
        """Not before the horizon: another replica may have a newer configuration."""
        now, last = self.clock.now(), self._looked_for_orphans
        if last is not None and now - last < self.limits.look_for_orphans_every:
            return
        gone = await self.queue.give_up_orphans(
            self._names, created_before=now - self.limits.horizon, now=now
        )
        self._looked_for_orphans = now
        if gone:
            log.warning("notification_channel_gone", messages=gone)

    async def _unplanned(self) -> Sequence[AlertState]:
        """Returns what is due or soon will be, after finishing what a killed planner had begun."""
        now = self.clock.now()
        due = await self.alert_states.due(now + self.policy.group_window)
        covered = await self.queue.finish_planned(due, self._names, now=now)
        for alert in (a for a in due if a.round in covered):
            await self.alert_states.mark_planned(alert, now=now, silent=False)
        return [alert for alert in due if alert.round not in covered]

    @property
    def _names(self) -> list[str]:
        return [channel.name for channel in self.channels]

    async def _deliver_due(self, channel: Channel, sent: DrainCounts) -> None:
        while delivery := await self.queue.claim(channel.name, now=self.clock.now()):
            if not await self._deliver(channel, delivery, sent):
                break

    async def _deliver(self, channel: Channel, delivery: ChannelMessage, sent: DrainCounts) -> bool:
        """True if the channel is worth another message right now."""
        try:
            async with asyncio.timeout(self.limits.send_timeout.total_seconds()):
                await channel.send(delivery.payload, delivery_id=delivery.id)
        except TimeoutError:
            return await self._put_off(delivery, "The channel did not answer in time.", sent)
        except ChannelFailed as error:
            return await self._put_off(delivery, str(error), sent, requested_s=error.retry_after_s)
        except MessageRefused as error:
            return await self._give_up(delivery, str(error), sent)
        except BaseException as error:
            if must_pass(error):
                raise
            return await self._broke(channel, delivery, error, sent)
        if self.observer is not None:
            self.observer.worked(_sending(channel))
        await self.queue.delivered(delivery, now=self.clock.now())
        await self.alerts.resolve(alert_key(AlertKind.NOTIFICATION_UNDELIVERED, None, channel.name))
        sent.delivered += 1
        return True

    async def _put_off(
        self,
        delivery: ChannelMessage,
        error: str,
        sent: DrainCounts,
        *,
        requested_s: float | None = None,
    ) -> bool:
        now = self.clock.now()
        if now - delivery.created_at >= self.limits.horizon:
            return await self._give_up(delivery, error, sent)
        pause = channel_pause(delivery.attempts, requested_s=requested_s, chance=self.jitter())
        await self.queue.retry(delivery, at=now + pause, error=error)
        log.warning("notification_put_off", channel=delivery.channel, attempts=delivery.attempts)
        sent.failed += 1
        return False

    async def _give_up(self, delivery: ChannelMessage, error: str, sent: DrainCounts) -> bool:
        await self.queue.give_up(delivery, now=self.clock.now(), error=error)
        condition = notification_undelivered(channel=delivery.channel, error=error)
        await self.alerts.raise_condition(condition)
        log.error("notification_given_up", channel=delivery.channel, attempts=delivery.attempts)
        sent.dead += 1
        return True

    async def _broke(
        self, channel: Channel, delivery: ChannelMessage, error: BaseException, sent: DrainCounts
    ) -> bool:
        """An error of no known kind: the channel's or the message's own, so no more than a few."""
        log.error(
            "notification_broke", channel=channel.name, error=in_words(error), stack=stack(error)
        )
        if self.observer is not None:
            self.observer.failed(_sending(channel), error)
        if delivery.attempts >= UNEXPECTED_AT_MOST:
            return await self._give_up(delivery, in_words(error), sent)
        return await self._put_off(delivery, in_words(error), sent)


async def _close(channel: Channel) -> None:
    try:
        await channel.close()
    except Exception as error:  # noqa: BLE001 - it is out of use whatever its library says
        log.warning("channel_not_closed", channel=channel.name, error=in_words(error))


def _sending(channel: Channel) -> str:
    """Names what a channel does with messages apart from the loop around it, which goes on."""
    return f"sending to {channel.name}"
