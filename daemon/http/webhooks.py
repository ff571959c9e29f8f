"""`POST /webhooks/{name}`: events that an ATS sends by itself.

An event is answered as received only once it is stored. It is a hint: nothing of its content is kept
but the ids of the records that it names, which the integration's next run reads again at the ATS.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from aiohttp import web

from connectors.read.webhooks import Refusal, WebhookReader, WebhookRefused
from daemon.core.webhooks import Received
from daemon.http.answers import Problem
from daemon.http.body_limits import WEBHOOKS
from daemon.http.request_rates import RequestLimiter
from daemon.ports.clock import Clock
from daemon.ports.metrics import Metrics
from daemon.ports.webhooks import WebhookEventStore

log = structlog.get_logger("daemon.http.webhooks")

_STATUS = {"malformed": 400, "not_configured": 404}
"""Any other reason is 401."""
NOTE_EVERY = timedelta(seconds=1)


class Webhooks:
    """The route for the webhooks of all integrations."""

    def __init__(
        self,
        readers: Callable[[str], WebhookReader | None],
        events: WebhookEventStore,
        clock: Clock,
        metrics: Metrics,
        limiter: RequestLimiter,
    ) -> None:
        """`readers` finds the reader of an integration by its name; None if it takes no webhooks."""
        self._readers = readers
        self._events = events
        self._clock = clock
        self._metrics = metrics
        self._limiter = limiter
        self._refused_at: dict[str, datetime] = {}
        """By integration: when a refusal was noted in MongoDB."""

    def routes(self) -> list[web.RouteDef]:
        return [web.post(f"{WEBHOOKS}{{name}}", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """Checks one event and stores it.

        Raises:
            Problem: 404 for an integration without webhooks, 401 for an event that is not signed by
                its ATS or too old, 400 for one that is no JSON object, 429 for one of too many.
        """
        name = request.match_info["name"]
        reader = self._readers(name)
        if reader is None:
            raise Problem(404, "no webhooks here", "see ats-sync integrations webhook-url NAME")
        body = await request.read()
        handshake = reader.handshake(request.headers)
        if reader.is_registration(request.headers, body):
            return web.Response(status=200, headers=handshake)
        now = self._clock.now()
        try:
            event = reader.read(request.headers, body, now)
        except WebhookRefused as refused:
            self._count(name, refused.reason)
            await self._note_refusal(name, refused.reason, now)
            log.info("webhook_refused", integration=name, reason=refused.reason)
            raise Problem(_STATUS.get(refused.reason, 401), "event not accepted") from None
        self._limiter.admit("integration", name)
        received = Received(event.event_id, event.name, event.records)
        is_new = await self._events.receive(name, received, now)
        self._count(name, ("received" if event.records else "ignored") if is_new else "repeated")
        return web.Response(status=reader.answer, headers=handshake)

    async def _note_refusal(self, name: str, reason: Refusal, now: datetime) -> None:
        """Notes that polls are not to rely on events; forged ones do not cause a write each."""
        noted = self._refused_at.get(name)
        if reason != "not_configured" and (noted is None or abs(now - noted) > NOTE_EVERY):
            self._refused_at[name] = now
            await self._events.refused(name, now)

    def _count(self, integration: str, outcome: str) -> None:
        self._metrics.count("webhook_events", integration=integration, outcome=outcome)
