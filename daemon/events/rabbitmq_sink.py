"""Events to a durable topic exchange of RabbitMQ, each confirmed by the broker.

The driver's own recovery is not used: after any failure the connection is closed, and the next events
open another one.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AMQPError,
    AuthenticationError,
    ChannelClosed,
    ChannelPreconditionFailed,
    DeliveryError,
    InvalidFrameError,
    ProbableAuthenticationError,
    PublishError,
)
from aiormq.exceptions import ChannelAccessRefused, ConnectionNotAllowed

from connectors.http.outbound import tls_context
from daemon.core.events import Event, Offered, SinkAway
from daemon.events.encoding import CONTENT_TYPE, encoded

CONFIRM_WITHIN_S = 30.0
CONNECT_WITHIN_S = 15.0
CLOSE_WITHIN_S = 2.0
_FAILURES = (*CONNECTION_EXCEPTIONS, TimeoutError)


class RabbitMqSink:
    """One exchange, on a connection of its own."""

    def __init__(
        self,
        url: str,
        exchange: str,
        *,
        ca_file: Path | None = None,
        confirm_within_s: float = CONFIRM_WITHIN_S,
    ) -> None:
        self._url = url
        self._exchange = exchange
        self._ca_file = ca_file
        self._confirm_within_s = confirm_within_s
        self._connection: AbstractConnection | None = None
        self._open: AbstractExchange | None = None

    async def publish(self, events: Sequence[Event]) -> Offered:
        """Publishes all at once, and waits for every confirmation."""
        try:
            exchange = self._open or await self._connect()
        except _FAILURES as error:
            await self.close()
            return Offered(failure=_reason(error))
        ends = await asyncio.gather(
            *(self._publish_one(exchange, event) for event in events), return_exceptions=True
        )
        taken, unrouted = [], []
        failed: BaseException | None = None
        for event, end in zip(events, ends, strict=True):
            if end is None or isinstance(end, PublishError):
                taken.append(event.id)
                unrouted += [event.id] if end is not None else []
            else:
                failed = failed or end
        if failed is None:
            return Offered(taken, unrouted)
        if not isinstance(failed, _FAILURES):
            raise failed
        reason = await self._blocked() if isinstance(failed, TimeoutError) else _reason(failed)
        await self.close()
        return Offered(taken, unrouted, failure=reason)

    async def _publish_one(self, exchange: AbstractExchange, event: Event) -> None:
        message = aio_pika.Message(
            encoded(event),
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=event.id,
            timestamp=event.time,
            type=event.type.value,
            app_id="ats-sync",
        )
        await exchange.publish(message, event.topic, mandatory=True, timeout=self._confirm_within_s)

    async def _connect(self) -> AbstractExchange:
        self._connection = await aio_pika.connect(
            self._url,
            ssl_context=tls_context(self._ca_file),
            timeout=CONNECT_WITHIN_S,
            client_properties={"connection_name": "ats-sync"},
        )
        try:
            channel = await self._connection.channel(on_return_raises=True)
            self._open = await channel.declare_exchange(
                self._exchange, aio_pika.ExchangeType.TOPIC, durable=True, timeout=CONNECT_WITHIN_S
            )
        except ChannelAccessRefused:
            # A user who may publish need not be allowed to declare: then someone else has.
            channel = await self._connection.channel(on_return_raises=True)
            self._open = await channel.get_exchange(self._exchange)
        return self._open

    async def _blocked(self) -> str:
        """Returns the reason for a confirmation that did not come."""
        transport = None if self._connection is None else self._connection.transport
        try:
            async with asyncio.timeout(0):
                if transport is not None:
                    await transport.ready()
        except TimeoutError:
            return "The broker blocks all publishers: its alarm of memory or disk is on."
        return f"The broker confirmed nothing within {self._confirm_within_s:g} s."

    async def check(self) -> str:
        try:
            await self._connect()
        except _FAILURES as error:
            raise SinkAway(_reason(error)) from None
        finally:
            await self.close()
        return f"takes the credential, and has the exchange {self._exchange}"

    async def close(self) -> None:
        """Closes the connection; one that does not answer is left to itself."""
        connection, self._connection, self._open = self._connection, None, None
        if connection is not None:
            with suppress(*_FAILURES, AMQPError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await connection.close()


_REASONS: Sequence[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = (
    (
        (AuthenticationError, ProbableAuthenticationError),
        "The broker refuses the user or the password.",
    ),
    # The driver expects another frame than the refusal (aiormq 7.2.4, seen 2026-11-29).
    (
        (ConnectionNotAllowed, InvalidFrameError),
        "The broker has no such virtual host, or the user may not use it.",
    ),
    (ChannelAccessRefused, "The user may not write to the exchange."),
    (
        ChannelPreconditionFailed,
        "The exchange exists, and is no durable topic exchange: name another one.",
    ),
    (ChannelClosed, "The broker closed the channel."),
    (ssl.SSLCertVerificationError, "The broker's certificate is not trusted: see `ca_file`."),
    (ssl.SSLError, "The broker speaks no TLS that can be used."),
    (DeliveryError, "The broker did not accept an event: a queue is full or failed."),
    (TimeoutError, "The broker did not answer in time."),
)


def _reason(error: BaseException) -> str:
    """Returns a sentence without the error's own text, which may quote the address."""
    for one in _causes(error):
        for kinds, words in _REASONS:
            if isinstance(one, kinds):
                return words
    return f"The broker cannot be reached ({type(error).__name__})."


def _causes(error: BaseException) -> list[BaseException]:
    """Returns the error and what led to it; the driver's errors may lead to one another in a circle."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__ or following.__context__
    return found
