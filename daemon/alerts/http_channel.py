"""ClearView's Notification Service as a channel."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import msgspec

from connectors.http.outbound import (
    PRIVATE,
    OutboundRules,
    guarded_connector,
    was_refused,
    written_hosts,
)
from connectors.http.pause_headers import requested_pause
from daemon.core.notifications import ChannelFailed, MessageRefused
from models.times import utc_now

TOTAL_TIMEOUT_S = 20.0
REFUSALS = frozenset({400, 413, 422})
"""About this very message; any other refusal may pass once someone fixed the service."""


class HttpChannel:
    """Posts each message to `POST /notifications`. Redirects are refused: the token stays home."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = TOTAL_TIMEOUT_S,
        outbound: OutboundRules | None = None,
    ) -> None:
        # The path of a hook is its secret; the hash distinguishes two hooks of one host.
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        self.name = f"http:{urlsplit(url).hostname}:{digest}"
        self._address = url.rstrip("/") + "/notifications"
        self._token = token
        self._outbound = outbound or OutboundRules(written=written_hosts([url]))
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:
        """Delivers once; the service knows a repetition by its Idempotency-Key."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(delivery_id),
        }
        try:
            async with self._open_session().post(
                self._address,
                data=msgspec.json.encode(payload, enc_hook=str),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                _judge(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            why = PRIVATE if was_refused(error) else type(error).__name__
            raise ChannelFailed(f"The Notification Service cannot be reached ({why}).") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._outbound),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _judge(answer: aiohttp.ClientResponse) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if status in REFUSALS:
        raise MessageRefused(f"The Notification Service refused the message ({status}).")
    requested_s = requested_pause(answer.headers, "Retry-After", utc_now())
    raise ChannelFailed(f"The Notification Service answered {status}.", retry_after_s=requested_s)
