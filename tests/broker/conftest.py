"""One RabbitMQ for all tests that want it; where it cannot run, the reason is the result."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aio_pika
import msgspec
import pytest
from aio_pika.abc import AbstractQueue

from tests.support.broker import Broker, prepare_broker, running_broker
from tests.support.certificates import write_certificates
from tests.support.container_base import CannotRun


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Broker]:
    try:
        prepare_broker()
    except CannotRun as reason:
        if "CI" in os.environ:
            pytest.fail(f"the broker has to be tested here: {reason}", pytrace=False)
        pytest.skip(str(reason))
    with running_broker(tmp_path_factory.mktemp("broker"), certificates) as running:
        yield running


@pytest.fixture
def broker(node: Broker) -> Iterator[Broker]:
    """The node, running, whatever the test does to it."""
    yield node
    if node.process is None:
        node.start()


@dataclass
class Subscriber:
    """A quorum queue bound to an exchange of this test alone."""

    broker: Broker
    exchange: str = field(default_factory=lambda: f"test-{uuid4().hex[:8]}")
    binding: str = "#"
    bodies: list[bytes] = field(default_factory=list)
    messages: list[aio_pika.abc.AbstractIncomingMessage] = field(default_factory=list)

    @property
    def queue(self) -> str:
        return f"{self.exchange}-queue"

    async def bind(self, binding: str = "#") -> None:
        async with await aio_pika.connect(self.broker.url()) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(self.exchange, "topic", durable=True)
            queue = await self._declared(channel)
            await queue.bind(exchange, binding)

    async def unbind(self, binding: str) -> None:
        async with await aio_pika.connect(self.broker.url()) as connection:
            queue = await self._declared(await connection.channel())
            await queue.unbind(self.exchange, binding)

    async def _declared(self, channel: aio_pika.abc.AbstractChannel) -> AbstractQueue:
        return await channel.declare_queue(
            self.queue, durable=True, arguments={"x-queue-type": "quorum"}
        )

    async def receive(self) -> list[dict[str, object]]:
        """Everything in the queue now, acknowledged; with what came before."""
        async with await aio_pika.connect(self.broker.url()) as connection:
            queue = await self._declared(await connection.channel())
            while (message := await queue.get(fail=False)) is not None:
                await message.ack()
                self.messages.append(message)
                self.bodies.append(message.body)
        return self.events

    @property
    def events(self) -> list[dict[str, object]]:
        return [msgspec.json.decode(body) for body in self.bodies]


@pytest.fixture
def subscriber(broker: Broker) -> Subscriber:
    return Subscriber(broker)
