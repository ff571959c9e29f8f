"""Events to a real RabbitMQ: durable, confirmed, routed; and each way in which it can refuse them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest

from daemon.core.events import IMPORTS, Event, LogRow, Naming, SinkAway, event_of
from daemon.events.encoding import encoded
from daemon.events.rabbitmq_sink import RabbitMqSink
from tests.broker.conftest import Subscriber
from tests.support.broker import WATCHER, Broker
from tests.support.log_rows import ACME, import_row

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
Sink = Callable[..., RabbitMqSink]


def an_event(person: str = "1") -> Event:
    found = event_of(LogRow(IMPORTS, import_row(person)), Naming({ACME: "acme"}))
    assert found is not None
    return found


@pytest.fixture
async def sink(broker: Broker, subscriber: Subscriber) -> AsyncIterator[Sink]:
    made: list[RabbitMqSink] = []

    def make(url: str | None = None, exchange: str | None = None, **more: object) -> RabbitMqSink:
        found = RabbitMqSink(url or broker.url(), exchange or subscriber.exchange, **more)  # type: ignore[arg-type]
        made.append(found)
        return found

    yield make
    for one in made:
        await one.close()


async def test_an_event_is_a_durable_message_with_its_id(
    sink: Sink, subscriber: Subscriber
) -> None:
    await subscriber.bind()
    event = an_event()
    offered = await sink().publish([event])
    await subscriber.receive()

    (message,) = subscriber.messages
    assert (list(offered.taken), offered.unrouted, offered.failure) == ([event.id], [], None)
    assert message.body == encoded(event)
    assert message.routing_key == "candidate.updated.acme"
    assert message.message_id == event.id
    assert message.type == "clearview.ats.candidate.updated"
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.timestamp == datetime(2026, 11, 23, 8, tzinfo=UTC)


async def test_what_is_confirmed_survives_a_power_failure_of_the_broker(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    await subscriber.bind()
    events = [an_event(str(n)) for n in range(500)]
    offered = await sink().publish(events)
    broker.lose_power()
    broker.start()
    received = await subscriber.receive()

    assert len(offered.taken) == 500
    assert sorted(str(e["id"]) for e in received) == sorted(e.id for e in events)


async def test_a_broker_that_dies_is_a_failure_and_found_again(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    await subscriber.bind()
    publisher = sink()
    await publisher.publish([an_event()])
    broker.lose_power()
    away = [await publisher.publish([an_event()]) for _ in range(2)]
    broker.start()
    again = await publisher.publish([an_event()])

    assert [list(one.taken) for one in away] == [[], []]
    assert all(str(one.failure).startswith("The broker c") for one in away)
    assert len(again.taken) == 1


async def test_an_event_that_no_queue_is_bound_for_is_returned(
    sink: Sink, subscriber: Subscriber
) -> None:
    await subscriber.bind("application.#")
    publisher = sink()
    events = [an_event(str(n)) for n in range(3)]
    offered = await publisher.publish(events)
    await subscriber.bind("candidate.#")
    later = await publisher.publish(events)

    assert sorted(offered.unrouted) == sorted(offered.taken) == sorted(e.id for e in events)
    assert later.unrouted == []
    assert len(await subscriber.receive()) == 3


async def test_a_full_queue_that_refuses_is_a_failure(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    async with await aio_pika.connect(broker.url()) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(subscriber.exchange, "topic", durable=True)
        queue = await channel.declare_queue(
            f"full-{uuid4().hex}",
            durable=True,
            arguments={"x-max-length": 0, "x-overflow": "reject-publish"},
        )
        await queue.bind(exchange, "#")
    offered = await sink().publish([an_event()])

    assert list(offered.taken) == []
    assert offered.failure == "The broker did not accept an event: a queue is full or failed."


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"password": "hunter3"}, "The broker refuses the user or the password."),
        ({"user": "no-one"}, "The broker refuses the user or the password."),
        (
            {"vhost": "elsewhere"},
            "The broker has no such virtual host, or the user may not use it.",
        ),
        ({"tls": True}, "The broker's certificate is not trusted: see `ca_file`."),
    ],
    ids=["password", "user", "vhost", "certificate"],
)
async def test_each_refusal_has_words_that_quote_no_secret(
    sink: Sink, broker: Broker, where: dict[str, object], reason: str
) -> None:
    publisher = sink(broker.url(**where))  # type: ignore[arg-type]
    offered = await publisher.publish([an_event()])
    with pytest.raises(SinkAway) as away:
        await publisher.check()

    assert offered.failure == str(away.value) == reason


async def test_a_private_ca_is_trusted_by_its_file(
    sink: Sink, subscriber: Subscriber, broker: Broker, certificates: Path
) -> None:
    await subscriber.bind()
    trusting = sink(broker.url(tls=True), ca_file=certificates / "ca.pem")
    offered = await trusting.publish([an_event()])

    assert len(offered.taken) == 1


async def test_an_address_without_tls_where_the_broker_wants_it_is_named(
    sink: Sink, broker: Broker
) -> None:
    url = broker.url().replace(f":{broker.port}/", f":{broker.tls_port}/")
    offered = await sink(url).publish([an_event()])

    assert "The broker" in str(offered.failure)
    assert "hunter2" not in str(offered.failure)


async def test_a_user_who_may_not_declare_publishes_to_an_exchange_that_is_there(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    await subscriber.bind()
    offered = await sink(broker.url(user=WATCHER)).publish([an_event()])
    without = await sink(broker.url(user=WATCHER), "not-there").publish([an_event()])

    assert len(offered.taken) == 1
    assert without.failure == "The broker closed the channel."


async def test_an_exchange_of_another_type_is_named(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    async with await aio_pika.connect(broker.url()) as connection:
        channel = await connection.channel()
        await channel.declare_exchange(subscriber.exchange, "fanout", durable=True)
    offered = await sink().publish([an_event()])

    assert offered.failure == (
        "The exchange exists, and is no durable topic exchange: name another one."
    )


async def test_an_alarm_of_memory_is_a_failure_until_it_is_over(
    sink: Sink, subscriber: Subscriber, broker: Broker
) -> None:
    await subscriber.bind()
    publisher = sink(confirm_within_s=1.0)
    broker.control("set_vm_memory_high_watermark", "0.000001")
    try:
        blocked = [await publisher.publish([event]) for event in [an_event()] * 2]
    finally:
        broker.control("set_vm_memory_high_watermark", "absolute", "1GB")
    after = await publisher.publish([an_event("2")])
    received = await subscriber.receive()

    assert {one.failure for one in blocked} == {
        "The broker blocks all publishers: its alarm of memory or disk is on."
    }
    assert len(after.taken) == 1
    assert len({e["id"] for e in received}) <= 2


async def test_a_check_publishes_nothing(sink: Sink, subscriber: Subscriber) -> None:
    await subscriber.bind()

    assert await sink().check() == (
        f"takes the credential, and has the exchange {subscriber.exchange}"
    )
    assert await subscriber.receive() == []
