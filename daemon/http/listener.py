"""The listening sockets: accepting goes on where a system has run out of file descriptors.

asyncio (3.11) makes 128 attempts to accept each time, logs a line for each that fails, and each of them
schedules 128 more.
"""

import asyncio
import socket
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from daemon.http.connections import Connection, HttpLimits, OpenConnections

log = structlog.get_logger("daemon.http")

ACCEPT_AGAIN_S = 1.0
ACCEPT_AT_ONCE = 16
BACKLOG = 128
LOG_AGAIN_S = 60.0
_ADDRESS_IS_NOT_HERE = frozenset({EADDRNOTAVAIL, EAFNOSUPPORT})


class Listener:
    """Accepts connections; a system without file descriptors left is asked again a second later."""

    def __init__(self, server: web.Server, limits: HttpLimits) -> None:
        self._server = server
        self._limits = limits
        self._connections = OpenConnections(limits.connections)
        self._sockets: list[socket.socket] = []
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[Any]] = set()
        self._trouble = _Trouble()

    async def start(self, host: str, port: int) -> int:
        """Listens on every address of the host; the port that was bound.

        Raises:
            OSError: an address cannot be had.
        """
        self._sockets = await _bind(host, port)
        for each in self._sockets:
            self._listen(each)
        return int(self._sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Accepts no more; connections that are open stay open."""
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
        _close(self._sockets)
        for retry in self._resting.values():
            retry.cancel()
        self._sockets.clear()

    def _listen(self, listening: socket.socket) -> None:
        self._resting.pop(listening, None)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            if self._opening and self._connections.are_full(len(self._opening)):
                # Those that are being opened wait a turn later, and then make room for the others.
                return
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(listening, error)
                return
            self._trouble.over()
            self._open(accepted)

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """The socket stays readable: without a pause, this would be tried as fast as the loop turns."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._resting[listening] = loop.call_later(ACCEPT_AGAIN_S, self._listen, listening)
        self._trouble.note("http_accept_failed", error=error.strerror or type(error).__name__)

    def _open(self, accepted: socket.socket) -> None:
        if self._connections.are_full(len(self._opening)):
            self._trouble.note("http_connections_limited", limit=self._limits.connections)
            if not self._connections.make_room():
                accepted.close()
                return
        accepted.settimeout(0)
        loop = asyncio.get_running_loop()
        connection = partial(Connection, self._server, self._limits, self._connections)
        opening = loop.create_task(loop.connect_accepted_socket(connection, accepted))
        self._opening.add(opening)
        opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Task[Any]) -> None:
        self._opening.discard(opening)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            log.debug("http_connection_failed", error=type(error).__name__)


class _Trouble:
    """Logs what keeps clients out, each kind at most once a minute however often it happens."""

    def __init__(self) -> None:
        self._noted_at: dict[str, float] = {}
        self._failing = False

    def note(self, event: str, **facts: object) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._noted_at.get(event, float("-inf")) >= LOG_AGAIN_S:
            self._noted_at[event] = now
            log.warning(event, **facts)
            self._failing = self._failing or event == "http_accept_failed"

    def over(self) -> None:
        """A connection was accepted."""
        if self._failing:
            self._failing = False
            log.info("http_accepting_again")


async def _bind(host: str, port: int) -> list[socket.socket]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in dict.fromkeys((each[0], each[4]) for each in found):
        try:
            bound.append(socket.create_server(address, family=family, backlog=BACKLOG))
        except OSError as error:
            # localhost has an IPv6 address where the system has no IPv6, too.
            if error.errno not in _ADDRESS_IS_NOT_HERE:
                _close(bound)
                raise
            missing = error
    if missing is not None and not bound:
        raise missing
    for each in bound:
        each.settimeout(0)
    return bound


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
