"""Bounds what clients of the port may hold open: so many connections, each for so long.

aiohttp waits an hour for a header, and for ever for the rest of a body and for a client that does not
read its answer (3.14).
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any, cast

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from daemon.http.answers import Problem
from daemon.http.body_limits import most_bytes, too_large
from daemon.http.guard import Handler
from daemon.http.request_rates import client_of

MOST_CONNECTIONS = 100


class HttpLimits(msgspec.Struct, frozen=True):
    """The limits that one port sets to all its clients together, and to each; times in seconds."""

    connections: int = MOST_CONNECTIONS
    header_s: float = 10.0
    """From the connection, or from the first byte of a further request, to the end of its header."""
    body_s: float = 10.0
    answer_s: float = 30.0
    """From the end of the body until the client has the whole answer."""
    idle_s: float = 60.0
    """Between an answer and the next request."""
    header_line_bytes: int = 8190
    header_lines: int = 64


def limits_of_process() -> HttpLimits:
    """At most a quarter of the file descriptors: MongoDB and the ATSs need the others."""
    files, _ = getrlimit(RLIMIT_NOFILE)
    return HttpLimits(connections=max(4, min(MOST_CONNECTIONS, files // 4)))


class OpenConnections:
    """Every open connection of a port; those that only wait make room for new ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        """The one that has waited longest first."""
        self._of: Counter[str] = Counter()
        """Open connections by client."""

    def are_full(self, opening: int) -> bool:
        """True if there is no room for another, beside those that are being opened."""
        return len(self._open) + opening >= self._limit

    def make_room(self) -> bool:
        """Ends a waiting connection; False if none waits.

        It is one of the client with the most connections, so that no client closes those of others.
        """
        if not self._waiting:
            return False
        most = max(self._of[one.client] for one in self._waiting)
        longest = next(one for one in self._waiting if self._of[one.client] == most)
        self.forget(longest)
        longest.abort()
        return True

    def waits(self, connection: "Connection") -> None:
        if connection not in self._open:
            self._open.add(connection)
            self._of[connection.client] += 1
        self.works(connection)
        self._waiting[connection] = None

    def works(self, connection: "Connection") -> None:
        self._waiting.pop(connection, None)

    def forget(self, connection: "Connection") -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._of[connection.client] -= 1
            if not self._of[connection.client]:
                del self._of[connection.client]
        self.works(connection)


class Connection(web.RequestHandler):
    """A client's connection that is aborted when a step takes too long."""

    __slots__ = ("_among", "_limits", "_started", "_timer", "client")

    def __init__(self, server: web.Server, limits: HttpLimits, among: OpenConnections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=cast("Any", None),
            keepalive_timeout=limits.idle_s,
            lingering_time=1.0,
            max_line_size=limits.header_line_bytes,
            max_field_size=limits.header_line_bytes,
            max_headers=limits.header_lines,
        )
        self._limits = limits
        self._among = among
        self._timer: asyncio.TimerHandle | None = None
        self._started = False
        """A request has begun whose answer is not out yet."""
        self.client = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.client = client_of(str(peer[0]) if peer else None)
        # An answer counts as sent once the system has taken all of it.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)
        self._among.waits(self)
        self._started = True
        self._abort_in(self._limits.header_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._among.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._started:
            self._started = True
            self._abort_in(self._limits.header_s)
        super().data_received(data)

    def header_is_complete(self) -> None:
        """The body is read within a limit of its own."""
        self._started = True
        self._stop_timer()

    def request_is_complete(self) -> None:
        """From now on it is the daemon that works, and the connection is not given to another."""
        self._among.works(self)
        self._abort_in(self._limits.answer_s)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if resp.status == HTTPStatus.EXPECTATION_FAILED:  # aiohttp's own, which quotes the request
            resp = Problem(resp.status, "what the header Expect asks for is not done here").answer()
        if self._timer is None:
            self._abort_in(self._limits.answer_s)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._stop_timer()
            self._started = False
            if self.transport is not None:
                self._among.waits(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what is no HTTP, or has too large a header, without repeating any of it."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        answer = Problem(status, "the request is malformed or its header is too large").answer()
        answer.headers["Server"] = ""
        answer.force_close()
        return answer

    def abort(self) -> None:
        """Ends it at once, whatever is still to be sent."""
        if self.transport is not None:
            self.transport.abort()

    def _abort_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def whole_requests(limits: HttpLimits) -> Middleware:
    """A middleware that calls handlers with a body that has arrived, within its limit."""

    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.header_is_complete()
        try:
            async with asyncio.timeout(limits.body_s):
                body = await request.read()
        except TimeoutError:
            raise Problem(408, f"the body did not arrive within {limits.body_s:g} s") from None
        except (web.RequestPayloadError, ConnectionError):
            raise Problem(400, "the body is malformed or broke off") from None
        if len(body) > most_bytes(request.path):
            raise too_large(request.path)
        connection.request_is_complete()
        return await handler(request)

    return read
