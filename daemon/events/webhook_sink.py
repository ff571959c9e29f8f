"""Events as signed webhooks, by the conventions of Standard Webhooks (standardwebhooks.com, 1.0.0)."""

import asyncio
import base64
import hmac
from collections.abc import Sequence
from datetime import datetime

import aiohttp
from msgspec.structs import replace

from connectors.http.outbound import (
    PRIVATE,
    OutboundRules,
    guarded_connector,
    was_refused,
    written_hosts,
)
from connectors.http.pause_headers import requested_pause
from daemon.core.events import Event, Offered, SinkAway
from daemon.events.encoding import CONTENT_TYPE, encoded
from daemon.ports.clock import Clock

AT_ONCE = 8
TOTAL_TIMEOUT_S = 20.0
REFUSALS = frozenset({400, 413, 422})
"""About this very event; any other refusal may pass once the receiver works again."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - how such secrets begin


def secrets_of(text: str) -> list[bytes]:
    """Returns the keys that sign, from one or several secrets with a blank in between."""
    return [base64.b64decode(one.removeprefix(SECRET_PREFIX)) for one in text.split()]


def signature(secrets: Sequence[bytes], event_id: str, sent_at: int, body: bytes) -> str:
    """Returns the header `webhook-signature`: one signature for each key, so that keys can be replaced."""
    message = f"{event_id}.{sent_at}.".encode() + body
    digests = (hmac.digest(secret, message, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


class WebhookSink:
    """Posts each event. Redirects are refused: what is signed stays at its address."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        clock: Clock,
        *,
        outbound: OutboundRules | None = None,
        timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._secrets = secrets
        self._clock = clock
        self._outbound = outbound or OutboundRules(written=written_hosts([url]))
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def publish(self, events: Sequence[Event]) -> Offered:
        """Posts some at a time. After a failure no more are sent."""
        taken: list[str] = []
        refused: dict[str, str] = {}
        for start in range(0, len(events), AT_ONCE):
            part = events[start : start + AT_ONCE]
            answers = await asyncio.gather(*(self._post(event) for event in part))
            taken += [one for answer in answers for one in answer.taken]
            refused |= {one: why for answer in answers for one, why in answer.refused.items()}
            failed = next((answer for answer in answers if answer.failure is not None), None)
            if failed is not None or refused:
                return replace(failed or Offered(), taken=taken, refused=refused)
        return Offered(taken)

    async def _post(self, event: Event) -> Offered:
        body, now = encoded(event), self._clock.now()
        try:
            async with self._open_session().post(
                self._url,
                data=body,
                headers=self._headers(event, body, now),
                allow_redirects=False,
            ) as answer:
                return _judged(event, answer, now)
        except (aiohttp.ClientError, TimeoutError) as error:
            return Offered(failure=f"The receiver cannot be reached ({_why(error)}).")

    def _headers(self, event: Event, body: bytes, now: datetime) -> dict[str, str]:
        sent_at = int(now.timestamp())
        return {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": signature(self._secrets, event.id, sent_at, body),
        }

    async def check(self) -> str:
        try:
            async with self._open_session().options(self._url, allow_redirects=False) as answer:
                return f"answers (HTTP {answer.status} to OPTIONS)"
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SinkAway(f"cannot be reached ({_why(error)})") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._outbound),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _why(error: Exception) -> str:
    return PRIVATE if was_refused(error) else type(error).__name__


def _judged(event: Event, answer: aiohttp.ClientResponse, now: datetime) -> Offered:
    status = answer.status
    if 200 <= status < 300:
        return Offered([event.id])
    if status in REFUSALS:
        return Offered(refused={event.id: f"HTTP {status}"})
    pause_s = requested_pause(answer.headers, "Retry-After", now)
    return Offered(failure=f"The receiver answered {status}.", retry_after_s=pause_s)
