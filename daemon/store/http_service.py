"""Calls ClearView's services: bearer token, JSON, time limits, repetition of failures that pass."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
)

from connectors.http.outbound import (
    PRIVATE,
    OutboundRules,
    guarded_connector,
    was_refused,
    written_hosts,
)
from connectors.http.pause_headers import requested_pause
from daemon.core.service_errors import ServiceFailed, ServiceUnavailable
from daemon.ports.clock import Clock
from models.backoff import backoff_pause

TOTAL_TIMEOUT_S = 30.0
SLOWEST_BYTES_PER_S = 256 * 1024
PIECE = 64 * 1024
MAX_ANSWER = 32 * 1024 * 1024
ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=30)


class ClearViewHttp:
    """One of ClearView's services. Redirects are refused: the token never leaves its host."""

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        *,
        clock: Clock,
        attempts: int = ATTEMPTS,
        timeout_s: float = TOTAL_TIMEOUT_S,
        jitter: Callable[[], float] = random.random,
        outbound: OutboundRules | None = None,
    ) -> None:
        """`name` is how errors call the service."""
        self._name = name
        self._url = url.rstrip("/")
        self._token = token
        self._clock = clock
        self._attempts = attempts
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._jitter = jitter
        self._outbound = outbound or OutboundRules(written=written_hosts([url]))
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Returns the JSON object that the service answers.

        Raises:
            ServiceUnavailable: no attempt got through.
            ServiceFailed: the service refuses.
        """
        return _object(self._name, await self._repeat("GET", path, query=query))

    async def post(self, path: str, body: object, *, key: str) -> dict[str, Any]:
        """Sends a body, and returns as `get`; `key` is the Idempotency-Key, so a repetition has no further effect."""
        encoded = msgspec.json.encode(body)
        answer = await self._repeat("POST", path, body=encoded, key=key)
        return _object(self._name, answer or b"{}")

    async def put_file(self, path: str, content: bytes, *, headers: Mapping[str, str]) -> None:
        """Streams a file, with its length; repeating it has no further effect."""
        seconds = TOTAL_TIMEOUT_S + len(content) / SLOWEST_BYTES_PER_S
        await self._repeat("PUT", path, body=content, file=headers, timeout_s=seconds)

    async def _repeat(self, method: str, path: str, **what: Any) -> bytes:
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            retry=retry_if_exception_type(ServiceUnavailable),
            wait=self._wait,
            sleep=lambda seconds: self._clock.sleep(timedelta(seconds=seconds)),
            reraise=True,
        )
        return await attempts(self._once, method, path, **what)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, ServiceUnavailable) else None
        backoff = backoff_pause(
            state.attempt_number,
            first=FIRST_WAIT,
            longest=LONGEST_WAIT,
            certain=0.5,
            chance=self._jitter(),
        )
        return min(max(asked or 0.0, backoff.total_seconds()), LONGEST_WAIT.total_seconds())

    async def _once(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        key: str | None = None,
        file: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> bytes:
        headers = self._headers(body=body, key=key)
        if file is not None:
            headers |= {**file, "Content-Length": str(len(body or b""))}
        try:
            async with self._open_session().request(
                method,
                self._url + path,
                params=query,
                data=body if file is None else _pieces(body or b""),
                headers=headers,
                timeout=self._timeout
                if timeout_s is None
                else aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as answer:
                self._judge(answer)
                return await self._read(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            why = PRIVATE if was_refused(error) else type(error).__name__
            raise ServiceUnavailable(f"{self._name} cannot be reached ({why}).") from None

    def _headers(self, *, body: bytes | None, key: str | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers

    def _judge(self, answer: aiohttp.ClientResponse) -> None:
        status = answer.status
        if status == 204 or (200 <= status < 300 and "json" in answer.content_type):
            return
        sentence = f"{self._name} answered {status}."
        if status in {408, 425, 429} or status >= 500:
            asked = requested_pause(answer.headers, "Retry-After", self._clock.now())
            raise ServiceUnavailable(sentence, status=status, retry_after_s=asked)
        if 200 <= status < 300:
            raise ServiceUnavailable(f"{self._name} answered something that is not JSON.")
        raise ServiceFailed(sentence, status=status)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        chunks = bytearray()
        async for chunk in answer.content.iter_chunked(64 * 1024):
            chunks += chunk
            if len(chunks) > MAX_ANSWER:
                raise ServiceFailed(f"{self._name} answered more than {MAX_ANSWER} bytes.")
        return bytes(chunks)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._outbound),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), PIECE):
        yield content[at : at + PIECE]


def _object(name: str, answer: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ServiceUnavailable(f"{name} answered something that is not a JSON object.") from None
