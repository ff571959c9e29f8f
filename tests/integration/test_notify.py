"""From a condition to a message: opened once, resolved once, whatever the channel does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pymongo.errors import AutoReconnect

from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from daemon.alerts.http_channel import HttpChannel
from daemon.alerts.notifier import NotificationSender, SenderLimits
from daemon.core.alert_policy import AlertPolicy
from daemon.core.alert_texts import auth_refused, integration_failing
from daemon.core.integrations import IntegrationRef
from daemon.core.notifications import ChannelFailed
from daemon.ports.notifications import Channel
from daemon.runtime.loop_health import LoopHealth
from daemon.store.alerts import AlertMutes, AlertStore
from daemon.store.connection import Mongo
from daemon.store.mongo_errors import is_outage
from daemon.store.notification_queue import MongoNotificationQueue
from models.ids import integration_id
from tests.support.alerts import listed
from tests.support.exporting import Killed
from tests.support.moving_clock import MovingClock
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
TOKEN = "notify-token"
SECONDS = timedelta(seconds=1)


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token=TOKEN) as running:
        yield running


@pytest.fixture
async def channel(services: ClearViewServices) -> AsyncIterator[HttpChannel]:
    opened = HttpChannel(services.url, TOKEN)
    yield opened
    await opened.close()


class Notifications:
    """Alerts, queue and sender on one MongoDB and one moved clock."""

    def __init__(
        self, mongo: Mongo, *channels: Channel, limits: SenderLimits | None = None
    ) -> None:
        self.clock = MovingClock()
        self.mongo = mongo
        self.alerts = AlertStore(mongo, self.clock)
        self.mutes = AlertMutes(mongo, self.clock)
        self.queue = MongoNotificationQueue(mongo)
        self.limits = limits or SenderLimits()
        self.loops = LoopHealth(self.alerts, self.clock, is_outage)
        self.sender = self.another_sender(*channels)

    def another_sender(self, *channels: Channel) -> NotificationSender:
        return NotificationSender(
            alerts=self.alerts,
            alert_states=self.alerts,
            queue=self.queue,
            channels=channels,
            clock=self.clock,
            limits=self.limits,
            jitter=lambda: 0.0,
            observer=self.loops,
        )

    async def after(self, duration: timedelta) -> None:
        self.clock.advance(duration)
        await self.sender.drain_once()

    async def queued(self, state: str) -> int:
        return await self.mongo.own.notification_queue.count_documents({"state": state})


@pytest.fixture
def notifications(opened: Mongo, channel: HttpChannel) -> Notifications:
    """They are sent by one channel, to the simulated Notification Service."""
    return Notifications(opened, channel)


def failing(name: str) -> Any:
    return integration_failing(
        IntegrationRef(name, integration_id(name)),
        failures=3,
        since=MovingClock().now(),
        error="The ATS answered 503.",
    )


def said(services: ClearViewServices) -> list[tuple[str, str | None]]:
    return [(n.state, n.integration) for n in services.notifications]


async def test_one_message_opens_and_one_resolves(
    notifications: Notifications, services: ClearViewServices
) -> None:
    for _ in range(4):
        await notifications.alerts.raise_condition(failing("acme"))
        await notifications.after(20 * SECONDS)
    assert said(services) == [("open", "acme")]

    await notifications.alerts.resolve("integration_failing:acme")
    await notifications.after(20 * SECONDS)
    await notifications.after(timedelta(days=3))

    assert said(services) == [("open", "acme"), ("resolved", "acme")]
    assert services.notifications[1].title == "Resolved: acme is failing"


async def test_reminders_follow_after_one_four_and_twenty_four_hours(
    notifications: Notifications, services: ClearViewServices
) -> None:
    await notifications.alerts.raise_condition(failing("acme"))
    sent_after = []
    for hour in range(60):
        before = len(services.notifications)
        await notifications.after(timedelta(hours=1) if hour else 20 * SECONDS)
        if len(services.notifications) > before:
            sent_after.append(hour)

    assert sent_after == [0, 1, 5, 29, 53]


async def test_a_hundred_integrations_failing_on_one_cause_are_one_message(
    notifications: Notifications, services: ClearViewServices
) -> None:
    for number in range(100):
        await notifications.alerts.raise_condition(failing(f"tenant-{number}"))
    await notifications.after(20 * SECONDS)
    for number in range(100):
        await notifications.alerts.resolve(f"integration_failing:tenant-{number}")
    await notifications.after(20 * SECONDS)

    assert said(services) == [("open", None), ("resolved", None)]
    assert services.notifications[0].details["count"] == 100


async def test_a_storm_that_gathers_over_a_minute_is_one_message_too(
    notifications: Notifications, services: ClearViewServices
) -> None:
    for number in range(20):
        await notifications.alerts.raise_condition(failing(f"tenant-{number}"))
        await notifications.after(4 * SECONDS)
    await notifications.after(10 * SECONDS)

    assert said(services) == [("open", None)]
    assert services.notifications[0].details["count"] == 20


async def test_a_condition_that_comes_and_goes_at_once_is_reported_in_order(
    notifications: Notifications, services: ClearViewServices
) -> None:
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.alerts.resolve("integration_failing:acme")
    await notifications.after(20 * SECONDS)

    assert said(services) == [("open", "acme"), ("resolved", "acme")]


@pytest.mark.parametrize("what", ["integration_failing:acme", "integration_failing", "acme"])
@pytest.mark.parametrize("muted_first", [True, False], ids=["before", "after"])
async def test_a_muted_condition_is_silent_until_the_mute_ends(
    notifications: Notifications, services: ClearViewServices, what: str, muted_first: bool
) -> None:
    until = notifications.clock.now() + timedelta(hours=2)
    if muted_first:
        await notifications.mutes.mute(what, until)
        await notifications.alerts.raise_condition(failing("acme"))
    else:
        await notifications.alerts.raise_condition(failing("acme"))
        await notifications.mutes.mute(what, until)
    await notifications.alerts.raise_condition(
        auth_refused(IntegrationRef("b", integration_id("b")), status=401)
    )
    (row,) = [r for r in await listed(notifications.alerts) if r["integration"] == "acme"]
    await notifications.after(timedelta(hours=2) - SECONDS)
    silent_so_far = said(services) == [("open", "b")]

    await notifications.after(SECONDS)

    assert row["muted_until"] == until
    assert silent_so_far
    assert ("open", "acme") in said(services)


async def test_no_reminder_under_a_mute_and_one_when_it_ends(
    notifications: Notifications, services: ClearViewServices
) -> None:
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.mutes.mute("acme", notifications.clock.now() + timedelta(hours=3))
    for _ in range(6):
        await notifications.after(timedelta(minutes=29))
    assert said(services) == [("open", "acme")]

    await notifications.after(timedelta(minutes=30))

    titles = [n.title for n in services.notifications]
    assert titles == ["acme is failing", "Still: acme is failing"]


async def test_what_was_sent_before_a_mute_is_reported_as_over_at_once(
    notifications: Notifications, services: ClearViewServices
) -> None:
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.mutes.mute("acme", notifications.clock.now() + timedelta(hours=3))
    await notifications.alerts.resolve("integration_failing:acme")
    await notifications.after(20 * SECONDS)
    assert said(services) == [("open", "acme"), ("resolved", "acme")]

    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.alerts.resolve("integration_failing:acme")
    await notifications.after(timedelta(days=1))

    assert said(services) == [("open", "acme"), ("resolved", "acme")]


async def test_an_unmuted_condition_is_sent_at_once_if_it_is_time(
    notifications: Notifications, services: ClearViewServices
) -> None:
    for name in ("acme", "b"):
        await notifications.alerts.raise_condition(failing(name))
    await notifications.mutes.mute("acme", notifications.clock.now() + timedelta(days=1))
    await notifications.after(20 * SECONDS)
    await notifications.mutes.mute("b", notifications.clock.now() + timedelta(days=1))
    unmuted = [await notifications.mutes.unmute(name) for name in ("acme", "b", "b")]
    await notifications.after(SECONDS)

    assert unmuted == [True, True, False]
    assert said(services) == [("open", "b"), ("open", "acme")]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", count=3, status=503),
        Fault("error", count=3, status=429, retry_after=1),
        Fault("error", count=3, status=401),
        Fault("reset", count=3),
        Fault("redirect", count=3),
        Fault("lost_answer", count=3),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_message_gets_through_once_the_service_is_well_again(
    notifications: Notifications, services: ClearViewServices, fault: Fault
) -> None:
    services.faults.add(fault)
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.alerts.resolve("integration_failing:acme")
    for _ in range(6):
        await notifications.after(30 * SECONDS)

    assert said(services) == [("open", "acme"), ("resolved", "acme")]
    assert await notifications.queued("delivered") == 2


async def test_a_refused_message_is_given_up_and_the_next_one_goes(
    notifications: Notifications, channel: HttpChannel, services: ClearViewServices
) -> None:
    services.faults.add(Fault("error", status=422))
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.alerts.raise_condition(
        auth_refused(IntegrationRef("b", integration_id("b")), status=401)
    )
    await notifications.after(20 * SECONDS)

    assert said(services) == [("open", "b")]
    assert await notifications.queued("dead") == 1


class Broken:
    """A channel that never answers, or never takes anything."""

    name = "broken"

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.offered = 0

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:
        self.offered += 1
        if self.hangs:
            await asyncio.Event().wait()
        raise ChannelFailed("It is down.")

    async def close(self) -> None: ...


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_broken_channel_delays_no_other_one(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices, hangs: bool
) -> None:
    broken = Broken(hangs=hangs)
    limits = SenderLimits(send_timeout=timedelta(minutes=1))
    notifications = Notifications(opened, broken, channel, limits=limits)
    await notifications.alerts.raise_condition(failing("acme"))
    sending = asyncio.create_task(notifications.after(20 * SECONDS))
    await until(lambda: bool(services.notifications))
    sending.cancel()
    await asyncio.wait([sending])

    assert broken.offered == 1
    assert said(services) == [("open", "acme")]


async def test_a_channel_down_past_the_horizon_is_reported_to_the_others(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    notifications = Notifications(opened, Broken(hangs=False), channel)
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.after(timedelta(hours=25))
    await notifications.after(20 * SECONDS)

    kinds = [n.kind for n in services.notifications]
    assert kinds.count("notification_undelivered") == 1
    assert await notifications.queued("dead") >= 1
    about_itself = {"channel": "broken", "payload.kind": "notification_undelivered"}
    assert await opened.own.notification_queue.count_documents(about_itself) == 0


async def test_messages_to_a_channel_that_is_no_more_are_given_up_in_time(
    opened: Mongo, channel: HttpChannel
) -> None:
    notifications = Notifications(opened, Broken(hangs=False))
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    notifications.sender = notifications.another_sender(channel)
    await notifications.after(timedelta(hours=1))
    assert await notifications.queued("dead") == 0

    await notifications.after(timedelta(hours=24))

    row = await opened.own.notification_queue.find_one({"state": "dead"})
    assert row is not None
    assert row["last_error"] == "The channel is no longer configured."


async def test_replicas_together_say_a_thing_once(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    notifications = Notifications(opened)
    senders = [notifications.another_sender(channel) for _ in range(4)]
    for number in range(6):
        await notifications.alerts.raise_condition(
            auth_refused(IntegrationRef(f"t{number}", UUID(int=number)), status=401)
        )
        await notifications.alerts.raise_condition(failing(f"f{number % 2}"))
    notifications.clock.advance(20 * SECONDS)
    await asyncio.gather(*(sender.drain_once() for sender in senders))
    await asyncio.gather(*(sender.drain_once() for sender in senders))

    received = sorted((n.kind, n.integration or "") for n in services.notifications)
    assert received == [
        ("auth_refused", ""),
        ("integration_failing", "f0"),
        ("integration_failing", "f1"),
    ]


class DiesAfter:
    """A queue or book whose owner is killed at its n-th call."""

    def __init__(self, target: Any, calls: list[int]) -> None:
        self._target, self._calls = target, calls

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._calls[0] -= 1
            if self._calls[0] < 0:
                raise Killed
            return await getattr(self._target, name)(*args, **kwargs)

        return call


@pytest.mark.fault
@pytest.mark.parametrize("calls", range(1, 16))
async def test_a_planner_killed_anywhere_loses_and_doubles_nothing(
    notifications: Notifications, services: ClearViewServices, channel: HttpChannel, calls: int
) -> None:
    second = Recorder()
    for name in ("a", "b", "c"):
        await notifications.alerts.raise_condition(failing(name))
    notifications.clock.advance(20 * SECONDS)
    left = [calls]
    doomed = NotificationSender(
        alerts=notifications.alerts,
        alert_states=DiesAfter(notifications.alerts, left),
        queue=DiesAfter(notifications.queue, left),
        channels=[channel, second],
        clock=notifications.clock,
    )
    with suppress(Killed):
        await doomed.plan()
    await notifications.alerts.raise_condition(failing("d"))
    survivor = notifications.another_sender(channel, second)
    for _ in range(5):
        notifications.clock.advance(timedelta(minutes=4))
        await survivor.drain_once()

    assert said(services)[0] == ("open", None)
    names = [
        i for n in services.notifications for i in n.details.get("integrations", [n.integration])
    ]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert sorted(second.received) == ["a", "b", "c", "d"]


class Recorder:
    """A second channel that takes everything."""

    name = "recorder"

    def __init__(self) -> None:
        self.received: list[str] = []
        self.closed = False

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:
        self.received += payload["details"].get("integrations", [payload["integration"]])

    async def close(self) -> None:
        self.closed = True


async def test_the_task_delivers_by_itself_and_stops_when_asked(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    notifications = Notifications(
        opened, channel, limits=SenderLimits(tick=timedelta(milliseconds=10))
    )
    stop = asyncio.Event()
    running = asyncio.create_task(notifications.sender.run(stop))
    await notifications.alerts.raise_condition(failing("acme"))
    notifications.clock.advance(20 * SECONDS)
    await until(lambda: bool(services.notifications))
    stop.set()
    await running

    assert said(services) == [("open", "acme")]


async def test_the_demo_may_be_quicker(
    notifications: Notifications, opened: Mongo, services: ClearViewServices
) -> None:
    notifications.alerts = AlertStore(
        opened, notifications.clock, AlertPolicy(group_window=timedelta(0))
    )
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.sender.drain_once()

    assert said(services) == [("open", "acme")]


class Forgetful:
    """Alert states that MongoDB does not return for the first few reads."""

    def __init__(self, alert_states: AlertStore, failures: int) -> None:
        self._alert_states, self.failures = alert_states, failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._alert_states, name)

    async def due(self, now: datetime) -> Any:
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("MongoDB is away")
        return await self._alert_states.due(now)


async def test_a_mongodb_that_is_away_for_a_while_ends_no_task(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    notifications = Notifications(opened, limits=SenderLimits(tick=timedelta(milliseconds=10)))
    alert_states = Forgetful(notifications.alerts, failures=3)
    sender = NotificationSender(
        alerts=notifications.alerts,
        alert_states=alert_states,
        queue=notifications.queue,
        channels=[channel],
        clock=notifications.clock,
        limits=notifications.limits,
    )
    await notifications.alerts.raise_condition(failing("acme"))
    notifications.clock.advance(20 * SECONDS)
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    await until(lambda: bool(services.notifications))
    stop.set()
    await running

    assert alert_states.failures == 0
    assert said(services) == [("open", "acme")]


async def test_what_no_channel_was_there_to_send_waits_for_one(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    notifications = Notifications(opened)
    for name in ("acme", "gone"):
        await notifications.alerts.raise_condition(failing(name))
    await notifications.after(20 * SECONDS)
    await notifications.alerts.resolve("integration_failing:gone")
    await notifications.after(timedelta(hours=30))
    (row,) = await listed(notifications.alerts)

    notifications.sender.use([channel])
    await notifications.after(20 * SECONDS)

    assert row["told"] == 0
    assert said(services) == [("open", "acme")]


async def test_a_channel_may_come_and_go_while_the_sender_runs(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices
) -> None:
    first = Recorder()
    notifications = Notifications(
        opened, first, limits=SenderLimits(tick=timedelta(milliseconds=10))
    )
    stop = asyncio.Event()
    running = asyncio.create_task(notifications.sender.run(stop))
    await notifications.alerts.raise_condition(failing("acme"))
    notifications.clock.advance(20 * SECONDS)
    await until(lambda: first.received == ["acme"])

    notifications.sender.use([channel])
    await notifications.alerts.raise_condition(
        auth_refused(IntegrationRef("b", integration_id("b")), status=401)
    )
    await until(lambda: first.closed)
    notifications.clock.advance(20 * SECONDS)
    await until(lambda: bool(services.notifications))
    stop.set()
    await running

    assert first.received == ["acme"]
    assert said(services) == [("open", "b")]


class Odd:
    """A channel whose library raises what it likes."""

    name = "odd"

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.received: list[str] = []

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.received.append(payload["integration"])

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    "error", [KeyError("ada@example.org"), TypeError(), ExceptionGroup("", [OSError()])], ids=repr
)
async def test_a_channel_that_raises_anything_is_named_until_it_takes_a_message(
    opened: Mongo, channel: HttpChannel, services: ClearViewServices, error: Exception
) -> None:
    odd = Odd(error, error)
    notifications = Notifications(opened, odd, channel)
    await notifications.alerts.raise_condition(failing("acme"))
    named = []
    for _ in range(3):
        await notifications.after(60 * SECONDS)
        await notifications.loops.report()
        named.append(notifications.loops.reasons())
    (row,) = [
        r for r in await listed(notifications.alerts, only_open=False) if r["integration"] is None
    ]

    assert [len(reasons) for reasons in named] == [0, 1, 0]
    assert named[1][0].startswith("sending to odd keeps failing: ")
    assert odd.received[0] == "acme"
    assert ("open", "acme") in said(services)
    assert (row["kind"], row["count"], row["resolved_at"]) == (
        *("unexpected_error", 2, notifications.clock.now()),
    )
    assert "ada@example.org" not in repr(row) + repr(await opened.own.notification_queue.find_one())


async def test_a_message_that_breaks_its_channel_again_and_again_holds_up_no_other(
    opened: Mongo,
) -> None:
    odd = Odd(*[ValueError()] * 5)
    notifications = Notifications(opened, odd)
    await notifications.alerts.raise_condition(failing("acme"))
    await notifications.after(20 * SECONDS)
    await notifications.alerts.raise_condition(
        auth_refused(IntegrationRef("b", integration_id("b")), status=401)
    )
    for _ in range(5):
        await notifications.after(120 * SECONDS)

    assert odd.received == ["b"]
    assert await notifications.queued("dead") == 1


async def test_an_alert_of_an_odd_shape_keeps_no_other_from_being_sent(
    notifications: Notifications, unrestricted: Mongo, services: ClearViewServices
) -> None:
    for name in ("odd", "bare", "acme"):
        await notifications.alerts.raise_condition(failing(name))
    for name, change in (
        ("odd", {"$set": {"details": "none"}}),
        ("bare", {"$unset": {"title": 1, "count": 1}}),
    ):
        await unrestricted.own.alerts.update_one(
            {"integration": name}, change, bypass_document_validation=True
        )
    await notifications.after(20 * SECONDS)

    assert said(services) == [("open", "acme")]


@pytest.mark.parametrize("moment", [timedelta(days=3), timedelta(days=36_500)], ids=str)
@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ("alerts", "next_message_at"),
        ("notification_queue", "next_attempt_at"),
    ],
)
async def test_no_message_waits_for_a_moment_that_a_wrong_clock_wrote(
    notifications: Notifications,
    opened: Mongo,
    services: ClearViewServices,
    collection: str,
    field: str,
    moment: timedelta,
) -> None:
    await notifications.alerts.raise_condition(failing("acme"))
    if collection == "notification_queue":
        services.faults.add(Fault("error"))
        await notifications.after(20 * SECONDS)
    wrong = notifications.clock.now() + moment
    await opened.own[collection].update_many({}, {"$set": {field: wrong}})

    await notifications.after(20 * SECONDS)

    assert said(services) == [("open", "acme")]


async def test_messages_that_a_wrong_clock_dated_count_for_no_storm(
    notifications: Notifications, opened: Mongo, services: ClearViewServices
) -> None:
    for number in range(3):
        await notifications.alerts.raise_condition(failing(f"tenant-{number}"))
    await notifications.after(20 * SECONDS)
    future = {"$set": {"told_at": notifications.clock.now() + timedelta(days=365)}}
    await opened.own["alerts"].update_many({}, future)
    await notifications.alerts.raise_condition(failing("acme"))

    await notifications.after(20 * SECONDS)

    assert said(services)[-1] == ("open", "acme")
