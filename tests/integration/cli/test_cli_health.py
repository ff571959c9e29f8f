"""`ats-sync health` against a port that is served as the daemon serves it, or in some wrong way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from daemon.cli import health
from daemon.http.heartbeat import DEAD_AFTER_S, Heartbeat
from daemon.http.probes import Probes
from tests.support.command_line import Answer, ats_sync
from tests.support.network import has_ipv6

PROXIES = dict.fromkeys(
    ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"), "http://127.0.0.1:9"
)


HOSTS = ["127.0.0.1", "0.0.0.0", "localhost", "127.0.0.2"]
HOSTS_V6 = ["::", "::1", "0:0:0:0:0:0:0:0"] if has_ipv6() else []


@asynccontextmanager
async def daemon_port(host: str, *, silent_for_s: float = 0.0) -> AsyncIterator[int]:
    """The probes of the daemon, whose loop has not ticked for so long."""
    seconds = [0.0]
    heartbeat = Heartbeat(monotonic=lambda: seconds[0])
    seconds[0] = silent_for_s
    app = web.Application()
    app.add_routes(Probes(heartbeat, {}, lambda: b"").routes())
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def health_of(host: str, port: int, **environment: str) -> Answer:
    named = {"ATS_SYNC_HTTP_HOST": host, "ATS_SYNC_HTTP_PORT": str(port)}
    return await asyncio.to_thread(ats_sync, "health", environment=named | environment)


@pytest.mark.parametrize("host", HOSTS + HOSTS_V6)
async def test_a_daemon_is_found_wherever_it_listens_and_through_no_proxy(host: str) -> None:
    async with daemon_port(host) as port:
        answer = await health_of(host, port, **PROXIES)

    assert answer.code == 0, answer.out
    assert answer.out.startswith("healthy: http://")
    assert answer.out.endswith(f":{port} answered ok\n")


async def test_a_loop_that_hangs_is_unhealthy() -> None:
    async with daemon_port("127.0.0.1", silent_for_s=DEAD_AFTER_S) as port:
        answer = await health_of("127.0.0.1", port)

    assert (answer.code, answer.err) == (1, "")
    assert answer.out == f"unhealthy: http://127.0.0.1:{port}/healthz answered 503 stuck\n"


@asynccontextmanager
async def answering(raw: bytes | None) -> AsyncIterator[int]:
    """A port that sends these bytes, or none at all."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if raw is None:
            await over.wait()
        else:
            writer.write(raw)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "answered 404 no"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "answered 302"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 12\r\n\r\none\r\ntwo\x1b[2J", "answered 500 one"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"", "closed the connection without an answer"),
        (None, "did not answer within 0.3 s"),
    ],
    ids=["no page", "a redirect", "an error", "no HTTP", "no bytes", "no answer"],
)
async def test_whatever_else_answers_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, raw: bytes | None, says: str
) -> None:
    monkeypatch.setattr(health, "LIMIT_S", 0.3)
    async with answering(raw) as port:
        answer = await health_of("127.0.0.1", port)

    assert (answer.code, answer.err) == (1, "")
    assert says in answer.out
    assert answer.out.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"ATS_SYNC_HTTP_PORT": "1"}, "refused the connection: the daemon does not run"),
        ({"ATS_SYNC_HTTP_PORT": "0"}, "ATS_SYNC_HTTP_PORT is 0"),
        ({"ATS_SYNC_HTTP_PORT": "canary"}, "environment  ATS_SYNC_HTTP_PORT: must be"),
        ({"ATS_SYNC_HTTP_PRT": "1", "ATS_SYNC_DATABASE": "a b"}, "(and 1 more)"),
    ],
    ids=["nothing listens", "any port", "no port", "two mistakes"],
)
def test_where_no_daemon_can_be_the_line_says_why(environment: dict[str, str], says: str) -> None:
    answer = ats_sync("health", environment=environment)

    assert (answer.code, answer.err) == (1, "")
    assert says in answer.out
    assert answer.out.count("\n") == 1
    assert "canary" not in answer.out
