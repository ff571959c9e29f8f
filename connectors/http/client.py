"""Sends one request and brings one answer: no redirects, one origin, a cap, total time-outs."""

import asyncio
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import NoReturn

import aiohttp
import msgspec
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from connectors.errors import (
    AtsError,
    BrokenAnswer,
    FileTooLarge,
    Misdirected,
    OutcomeUnknown,
    Unavailable,
)
from connectors.http.content_coding import KNOWN, NONE, Inflater
from connectors.http.limiters import RequestClass
from connectors.http.outbound import OutboundRules, guarded_connector, was_refused

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
"""Decoded, a body may take thirty times its bytes."""
_READ_AHEAD_BYTES = 256 * 1024
_LONGEST_HEADER_BYTES = 64 * 1024
"""Links to the next page, content policies and cookies are longer than the library's 8 KiB."""


class TimeOuts(msgspec.Struct, frozen=True):
    """The time limits of a request."""

    total: timedelta = timedelta(seconds=150)
    connect: timedelta = timedelta(seconds=15)
    read: timedelta = timedelta(seconds=60)


class Outgoing(RequestClass, frozen=True, kw_only=True):
    """One request, complete but for its credentials."""

    method: str
    url: URL
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | None = None
    max_bytes: int | None = None
    """The request is for a file of at most this size; its redirect is an answer like any other."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to a request."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    """Decompressed; never shown in errors."""
    url: URL


class AtsHttp:
    """The only way to an ATS. Neither follows redirects nor repeats a request by itself."""

    def __init__(
        self,
        *,
        time_outs: TimeOuts | None = None,
        max_body: int = MAX_BODY_BYTES,
        outbound: OutboundRules | None = None,
    ) -> None:
        """Nothing is opened before `open`."""
        self._outbound = outbound or OutboundRules()
        self._time_outs = time_outs or TimeOuts()
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None
        self._files: aiohttp.ClientSession | None = None
        """The same connections, for answers whose coding is not aiohttp's to undo."""

    async def open(self) -> None:
        if self._session is None:
            connector = guarded_connector(self._outbound)
            self._session = self._new_session(connector)
            self._files = self._new_session(connector, decodes=False)

    async def close(self) -> None:
        for session in (self._files, self._session):
            if session is not None:
                await session.close()
        self._files = self._session = None

    def _new_session(
        self, connector: aiohttp.BaseConnector, *, decodes: bool = True
    ) -> aiohttp.ClientSession:
        times = self._time_outs
        session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=decodes,
            auto_decompress=decodes,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=times.total.total_seconds(),
                sock_connect=times.connect.total_seconds(),
                sock_read=times.read.total_seconds(),
            ),
            raise_for_status=False,
            trust_env=False,
            read_bufsize=_READ_AHEAD_BYTES,
            max_line_size=_LONGEST_HEADER_BYTES,
            max_field_size=_LONGEST_HEADER_BYTES,
        )
        # aiohttp would repeat a PUT or DELETE by itself on a connection that the server had
        # closed; whether to repeat a write is not for the transport to decide.
        session._retry_connection = False  # noqa: SLF001
        return session

    async def send(self, request: Outgoing, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever its status, unless it is a redirect that is no answer for a file.

        Raises:
            Unavailable: nothing was sent, or it was a read.
            OutcomeUnknown: a write was sent and its answer did not come, or was a redirect.
            BrokenAnswer: the answer to a read was cut short or far too large.
            FileTooLarge: the file is larger than the request allows; the rest was not read.
            Misdirected: the ATS answered a read with a redirect.
        """
        if self._session is None:
            await self.open()
        try:
            return await self._exchange(request, headers)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            _raise_transport_error(request, error)

    async def _exchange(self, request: Outgoing, headers: Mapping[str, str]) -> Answer:
        session = self._session if request.max_bytes is None else self._files
        if session is None:
            raise Unavailable("the connection is closed", operation=request.operation)
        async with session.request(
            request.method,
            request.url,
            headers=CIMultiDict({**request.headers, **headers}),
            data=request.body,
            allow_redirects=False,
        ) as response:
            if request.max_bytes is None:
                _refuse_redirect(request, response.status)
            body = await self._read(request, response)
            return Answer(response.status, response.headers, body, request.url)

    async def _read(self, request: Outgoing, response: aiohttp.ClientResponse) -> bytes:
        if response.status >= 400 and request.max_bytes is None:
            return await _refusal(response)
        if request.max_bytes is not None:
            return await _file(request, response, request.max_bytes)
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > self._max_body:
                message = f"the answer is larger than {self._max_body} bytes"
                kind = OutcomeUnknown if request.is_write else BrokenAnswer
                raise kind(message, status=response.status, operation=request.operation)
            pieces.append(piece)
        return b"".join(pieces)


async def _file(request: Outgoing, response: aiohttp.ClientResponse, most: int) -> bytes:
    """Returns a file without its coding.

    Raises:
        FileTooLarge: it has more bytes than `most`.
        BrokenAnswer: it is in a coding that was not offered, or cut short within it.
    """
    if (response.content_length or 0) > most:
        raise _too_large(request)
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in NONE | KNOWN:
        raise _not_whole(request, response, "is in a coding that was not offered")
    inflater = None if coding in NONE else Inflater(coding)
    found = bytearray()
    try:
        async for piece in response.content.iter_any():
            found += piece if inflater is None else inflater.feed(piece, at_most=most + 1)
            if len(found) > most:
                raise _too_large(request)
    except zlib.error:
        raise _not_whole(request, response, "is not in the coding that it names") from None
    if found and inflater is not None and not inflater.is_whole:
        raise _not_whole(request, response, "was cut short")
    return bytes(found)


def _not_whole(request: Outgoing, response: aiohttp.ClientResponse, why: str) -> BrokenAnswer:
    message = f"{request.operation}: the answer {why}"
    return BrokenAnswer(message, status=response.status, operation=request.operation)


async def _refusal(response: aiohttp.ClientResponse) -> bytes:
    """The body of an error; nothing of one that is far too large, whose status says enough."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ERROR_BYTES:
            return b""
    return bytes(body)


def _refuse_redirect(request: Outgoing, status: int) -> None:
    if not 300 <= status < 400 or status == 304:
        return
    message = (
        f"{request.operation}: the ATS answered {status}, a redirect, which is not followed; "
        "correct the integration's endpoint"
    )
    # After some redirects a write has taken effect, after others it has not.
    kind = OutcomeUnknown if request.is_write else Misdirected
    raise kind(message, status=status, operation=request.operation)


def _too_large(request: Outgoing) -> FileTooLarge:
    message = f"the file is larger than {request.max_bytes} bytes"
    return FileTooLarge(message, operation=request.operation)


def _raise_transport_error(request: Outgoing, error: BaseException) -> NoReturn:
    """In our words: aiohttp's own may quote addresses with credentials."""
    kind: type[AtsError] = Unavailable
    what = _words(error, request.url.host or "the ATS")
    if was_refused(error):
        kind = Misdirected
        what = (
            f"{request.url.host} is an address of this machine or of a private network; nothing "
            "was sent there; if it is meant, set allow_private_networks in the integration"
        )
    elif isinstance(error, aiohttp.InvalidURL):
        kind, what = Misdirected, "the address is not valid"
    elif isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        kind = Unavailable
    elif request.is_write:
        kind, what = OutcomeUnknown, f"{what}; the write may have taken effect"
    elif isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        kind = BrokenAnswer
    raise kind(f"{request.operation}: {what}", operation=request.operation) from None


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, "the TLS certificate of {host} was not accepted"),
    (aiohttp.ClientSSLError, "the TLS certificate of {host} was not accepted"),
    (aiohttp.ClientConnectorDNSError, "the host name {host} cannot be resolved"),
    (aiohttp.ConnectionTimeoutError, "{host} did not accept a connection in time"),
    (aiohttp.ClientConnectorError, "{host} refused the connection"),
    (TimeoutError, "{host} did not answer in time"),
    (aiohttp.ClientPayloadError, "the answer was cut short"),
    (aiohttp.ClientResponseError, "{host} gave an answer that is no valid HTTP"),
)
_NOT_DECOMPRESSED = (
    "the answer is compressed in a way that was not asked for, or not as its header says"
)


def _words(error: BaseException, host: str) -> str:
    if "content-encoding" in str(getattr(error, "message", error)).lower():
        return _NOT_DECOMPRESSED
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words.format(host=host)
    return f"the connection to {host} was lost"
