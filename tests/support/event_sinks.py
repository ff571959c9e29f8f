"""Sinks for events: one in memory, and a receiver of webhooks that checks what it gets."""

import asyncio
import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from aiohttp import web

from daemon.core.alert_policy import AlertPolicy
from daemon.core.events import Event, Offered
from daemon.events.relay import EventRelay, RelayPorts, RelayTimes, Subscription
from daemon.ports.clock import Clock
from daemon.ports.events import LogSource, Publisher
from daemon.runtime.clock import SystemClock
from daemon.store.alerts import AlertStore
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.connection import Mongo
from daemon.store.leases import MongoLeases
from daemon.store.log_rows import MongoLogRows
from daemon.stream.log_stream import LogStream
from tests.support.no_metrics import NoMetrics

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SINK = "test"
QUICK = RelayTimes(
    first_pause=timedelta(milliseconds=5),
    longest_pause=timedelta(milliseconds=20),
    patience=timedelta(0),
    try_for_lease_every=timedelta(milliseconds=20),
)


@dataclass
class SinkInMemory:
    """Takes events, or does what a test sets. `changed` is set at each offer."""

    failure: str | None = None
    refuses: set[str] = field(default_factory=set)
    unrouted: set[str] = field(default_factory=set)
    """Types that no one wants."""
    events: list[Event] = field(default_factory=list)
    offers: list[list[str]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    closed: bool = False

    async def publish(self, events: Sequence[Event]) -> Offered:
        self.offers.append([event.id for event in events])
        taken = [] if self.failure else [e for e in events if e.id not in self.refuses]
        self.events += taken
        async with self.changed:
            self.changed.notify_all()
        return Offered(
            [e.id for e in taken],
            [e.id for e in taken if e.type.topic in self.unrouted],
            {e.id: "HTTP 400" for e in events if e.id in self.refuses},
            self.failure,
        )

    async def check(self) -> str:
        return "works"

    async def close(self) -> None:
        self.closed = True

    async def until_taken(self, count: int) -> list[Event]:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.events) >= count)
        return self.events

    async def until_offered(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.offers) >= count)


@dataclass
class WebhookReceiver:
    """A receiver that knows Standard Webhooks from their specification, not from our code."""

    secret: str = SECRET
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int | web.Response] = field(default_factory=list)
    """Answers instead of 204, the next one first."""
    problems: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for body in self.bodies]

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        body = await request.read()
        self._check(request, body)
        self.at_once -= 1
        if self.answers:
            answer = self.answers.pop(0)
            return web.Response(status=answer) if isinstance(answer, int) else answer
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=204)

    def _check(self, request: web.Request, body: bytes) -> None:
        event_id, sent_at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        message = f"{event_id}.{sent_at}.".encode() + body
        wanted = base64.b64encode(hmac.new(key, message, "sha256").digest()).decode()
        if f"v1,{wanted}" not in request.headers["webhook-signature"].split(" "):
            self.problems.append(f"{event_id}: not signed")
        if msgspec.json.decode(body)["id"] != event_id:
            self.problems.append(f"{event_id}: another id in the body")
        if request.content_type != "application/cloudevents+json":
            self.problems.append(f"{event_id}: {request.content_type}")


def relay_to(
    publisher: Publisher,
    mongo: Mongo,
    *,
    clock: Clock | None = None,
    subscription: Subscription | None = None,
    times: RelayTimes = QUICK,
    leases: MongoLeases | None = None,
    metrics: Any = None,
    idle_ms: int = 50,
    source: LogSource | None = None,
) -> EventRelay:
    """A relay of real logs on real MongoDB."""
    clock = clock or SystemClock()
    ports = RelayPorts(
        source=source or LogStream(mongo.own, SystemClock(), idle_ms=idle_ms),
        logs=MongoLogRows(mongo),
        checkpoints=MongoCheckpoints(mongo, clock),
        leases=leases or MongoLeases(mongo, clock),
        alerts=AlertStore(mongo, clock, AlertPolicy()),
        metrics=metrics or NoMetrics(),
        clock=clock,
    )
    return EventRelay(subscription or Subscription(SINK), publisher, ports, times)
