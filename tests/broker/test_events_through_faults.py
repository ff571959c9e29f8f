"""Events reach a real RabbitMQ through its faults and the daemon's: none is lost, each candidate's are in order."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from msgspec.structs import replace

from daemon.events.rabbitmq_sink import RabbitMqSink
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes, MongoLeases
from tests.broker.conftest import Subscriber
from tests.support.ats_sync import workbench
from tests.support.broker import PASSWORD, USER, Broker
from tests.support.event_sinks import QUICK, relay_to
from tests.support.log_writer import LogWriter
from tests.support.mongo import TestMongo
from tests.support.moving_clock import MovingClock
from tests.support.relay_process import killed_again_and_again
from tests.support.sample_rows import NOW, an_integration
from tests.support.waiting import until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.mongo,
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]
Condition = Callable[[], Awaitable[bool]]


@pytest.fixture
async def writer(opened: Mongo) -> LogWriter:
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    return LogWriter(opened, random.Random(18))


class Relay:
    """A relay to the broker that runs through a test, and what people see of it."""

    def __init__(self, mongo: Mongo, broker: Broker, exchange: str) -> None:
        self.clock = MovingClock(NOW)
        self._mongo = mongo
        self._sink = RabbitMqSink(broker.url(), exchange, confirm_within_s=1.0)
        times = replace(QUICK, patience=timedelta(seconds=30))
        leases = MongoLeases(mongo, SystemClock(), times=LeaseTimes(ttl=timedelta(minutes=10)))
        self._relay = relay_to(self._sink, mongo, clock=self.clock, times=times, leases=leases)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._relay.begin()
        self._task = asyncio.create_task(self._relay.run(self._stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task
        await self._sink.close()

    async def alert(self, kind: str = "events_undelivered") -> dict[str, Any] | None:
        """The open alert about the sink."""
        query = {"kind": kind, "resolved_at": None}
        return await self._mongo.own["alerts"].find_one(query)

    async def is_reported(self) -> bool:
        self.clock.advance(timedelta(seconds=30))
        return await self.alert() is not None

    async def is_resolved(self) -> bool:
        return await self.alert() is None


@pytest.fixture
async def relay(opened: Mongo, broker: Broker, subscriber: Subscriber) -> AsyncIterator[Relay]:
    await subscriber.bind()
    async with Relay(opened, broker, subscriber.exchange) as running:
        yield running


async def test_a_broker_that_is_killed_again_and_again_loses_nothing(
    relay: Relay, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    for _ in range(3):
        await writer.write(40)
        broker.lose_power()
        await writer.write(40)
        await until(relay.is_reported, within=40)
        broker.start()
        await until(relay.is_resolved, within=40)
    await writer.write(10)
    await _until_received(subscriber, writer)

    assert writer.problems(subscriber.bodies) == []


async def test_a_broker_that_is_away_for_an_hour_gets_everything_afterwards(
    relay: Relay, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    broker.lose_power()
    for _ in range(60):
        await writer.write(5)
        relay.clock.advance(timedelta(minutes=1))
    await until(relay.is_reported, within=40)
    alert = await relay.alert()
    broker.start()
    await _until_received(subscriber, writer)
    await until(relay.is_resolved, within=40)

    assert alert is not None
    assert "Nothing is lost" in alert["message"]
    assert writer.problems(subscriber.bodies) == []
    assert len(subscriber.bodies) == writer.count


async def test_a_credential_that_is_refused_is_named_and_events_follow_once_it_is_valid(
    relay: Relay, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    await writer.write(5)
    await _until_received(subscriber, writer)
    broker.control("change_password", USER, "another")
    try:
        broker.control("close_all_connections", "--global", "the password has changed")
        await writer.write(20)
        await until(relay.is_reported, within=40)
        alert = await relay.alert()
    finally:
        broker.control("change_password", USER, PASSWORD)
    await _until_received(subscriber, writer)
    await until(relay.is_resolved, within=40)

    assert alert is not None
    assert "The broker refuses the user or the password." in alert["message"]
    assert PASSWORD not in str(alert)
    assert writer.problems(subscriber.bodies) == []


async def test_an_alarm_of_memory_holds_events_back_and_people_hear_why(
    relay: Relay, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    broker.control("set_vm_memory_high_watermark", "0.000001")
    try:
        await writer.write(30)
        await until(relay.is_reported, within=40)
        alert = await relay.alert()
    finally:
        broker.control("set_vm_memory_high_watermark", "absolute", "1GB")
    await _until_received(subscriber, writer)
    await until(relay.is_resolved, within=40)

    assert alert is not None
    assert "its alarm of memory or disk is on" in alert["message"]
    assert writer.problems(subscriber.bodies) == []
    assert len(subscriber.bodies) < 2 * writer.count


async def test_what_no_queue_is_bound_for_opens_an_alert_until_one_is(
    opened: Mongo, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    await subscriber.bind("application.#")
    async with Relay(opened, broker, subscriber.exchange) as relay:

        async def is_reported() -> bool:
            return await relay.alert("events_untaken") is not None

        async def is_resolved() -> bool:
            await writer.write(1)
            return not await is_reported()

        await writer.write(30)
        await until(is_reported, within=40)
        alert = await relay.alert("events_untaken")
        before = await subscriber.receive()
        await subscriber.bind("candidate.#")
        await until(is_resolved, within=40)
    after = await subscriber.receive()

    assert alert is not None
    assert "candidate.updated" in alert["title"]
    assert {e["type"] for e in before} <= {"clearview.ats.application.pushed"}
    assert {e["type"] for e in after} >= {"clearview.ats.candidate.updated"}


async def _until_received(subscriber: Subscriber, writer: LogWriter) -> None:
    async def all_there() -> bool:
        return len({e["id"] for e in await subscriber.receive()}) >= writer.count

    await until(all_there, within=40)


async def test_a_relay_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order(
    prepared_mongo: TestMongo, writer: LogWriter, broker: Broker, subscriber: Subscriber
) -> None:
    await subscriber.bind()
    url = f"{broker.url()}#{subscriber.exchange}"
    await killed_again_and_again(prepared_mongo, url, writer, random.Random(5))
    await subscriber.receive()

    assert writer.problems(subscriber.bodies) == []
    assert len(subscriber.bodies) >= writer.count


async def test_the_command_publishes_with_tls_to_a_broker_of_a_private_ca(
    mongo: TestMongo,
    tmp_path: Path,
    broker: Broker,
    subscriber: Subscriber,
    certificates: Path,
) -> None:
    await subscriber.bind()
    entry = {"kind": "rabbitmq", "url": broker.url(tls=True), "exchange": subscriber.exchange}
    async with workbench(mongo, tmp_path, names=["ashby"]) as bench:
        bench.write_config(events=[entry])
        untrusted, _ = await bench.run("doctor", "--config", str(bench.config))
        bench.write_config(events=[entry | {"ca_file": str(certificates / "ca.pem")}])
        code, said = await bench.run_once()
        rows = bench.own["candidates_import_log"].find({}, {"_id": 1})
        logged = {str(row["_id"]) async for row in rows}
    received = await subscriber.receive()

    assert (untrusted, code) == (1, 0), said
    assert PASSWORD not in said
    assert len(logged) >= 20
    assert logged <= {e["id"] for e in received}
