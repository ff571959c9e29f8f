"""`ats-sync health`: asks the daemon of this machine or container if its event loop is alive.

It loads little, because an image runs it every half a minute, and connects by itself: no proxy of the
environment may come between.
"""

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from config.settings import Settings

LIMIT_S = 4.0
"""Less than the time that the image's HEALTHCHECK gives."""
PATH = "/healthz"
HEALTHY, UNHEALTHY = 0, 1


def health() -> None:
    """Ask the running daemon if it is alive: exit 0 or 1, and one line.

    The address is that of ATS_SYNC_HTTP_HOST and ATS_SYNC_HTTP_PORT. No proxy is used.
    """
    code, line = asked()
    typer.echo(line)
    raise typer.Exit(code)


def asked() -> tuple[int, str]:
    """The exit code and the line. Docker knows no other code than 0 and 1."""
    from config.problems import ConfigError
    from config.settings import load_settings

    try:
        settings = load_settings()
    except ConfigError as error:
        first, more = error.problems[0], len(error.problems) - 1
        return UNHEALTHY, f"unhealthy: {first}" + (f" (and {more} more)" if more else "")
    if settings.http_port == 0:
        return UNHEALTHY, "unhealthy: ATS_SYNC_HTTP_PORT is 0, any free port; set it to a number"
    return _answer_of(settings)


def _answer_of(settings: "Settings") -> tuple[int, str]:
    """Each address on which the daemon listens is asked, until one answers."""
    host, port, until = settings.http_host, settings.http_port, monotonic() + LIMIT_S
    failure = "has no address"
    for address in _addresses(host, port):
        try:
            status, text = _get(address, port, limit_s=max(0.1, until - monotonic()))
        except (OSError, HTTPException) as error:
            failure = _words(error)
            continue
        if status == 200:
            return HEALTHY, f"healthy: {_at(address, port)} answered {text}"
        failure = f"answered {status} {text}"
    return UNHEALTHY, f"unhealthy: {_at(host, port)}{PATH} {failure}"


def _addresses(host: str, port: int) -> Iterator[str]:
    """The addresses that this host means when the daemon listens, as one that can be connected to.

    Python listens on `::` for IPv6 alone; a host that means every address is asked by loopback.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return
    for family, _, _, _, address in found:
        where = str(address[0])
        if ip_address(where.partition("%")[0]).is_unspecified:
            where = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        yield where


def _get(address: str, port: int, *, limit_s: float) -> tuple[int, str]:
    connection = HTTPConnection(address, port, timeout=limit_s)
    try:
        connection.request("GET", PATH, headers={"Connection": "close"})
        answer = connection.getresponse()
        text = answer.read(100).decode(errors="replace")
    finally:
        connection.close()
    return answer.status, "".join(c for c in text.partition("\n")[0] if c.isprintable())


def _at(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _words(error: OSError | HTTPException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection: the daemon does not run, or is still starting"
    if isinstance(error, ConnectionError):
        return "closed the connection without an answer"
    if isinstance(error, TimeoutError):
        return f"did not answer within {LIMIT_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    return "is served by something that does not speak HTTP"
