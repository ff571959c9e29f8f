"""Clients that send too slowly, too much or nothing, and a system without file descriptors left."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from daemon.http.connections import HttpLimits, limits_of_process
from tests.support.http_port import Serve
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
PATIENT = HttpLimits(header_s=30, body_s=30, answer_s=30, idle_s=30)
HEADER = replace(PATIENT, header_s=0.3)
BODY = replace(PATIENT, body_s=0.3)
ANSWER = replace(PATIENT, answer_s=1.0)
IDLE = replace(PATIENT, idle_s=0.3)
GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = b"POST /api/v1/integrations/acme/poll HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Client:
    """A connection that sends what it is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def until_closed(self, *, within: float = 10.0) -> bytes:
        """Everything that was answered until the server closed."""
        answered = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(within):
                while piece := await self.reader.read(65536):
                    answered += piece
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
        return answered

    async def answer(self) -> bytes:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return head + await self.reader.readexactly(length)


async def connect(serve: Serve, limits: HttpLimits, *sent: bytes) -> Client:
    return await connect_to((await serve(limits=limits))._base_url.port, *sent)  # type: ignore[union-attr]


async def connect_to(port: int | None, *sent: bytes) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    for each in sent:
        client.writer.write(each)
        await client.writer.drain()
    return client


@pytest.mark.parametrize(
    ("limits", "sent", "answered"),
    [
        pytest.param(HEADER, b"", b"", id="nothing"),
        pytest.param(HEADER, b"GET /healthz HT", b"", id="half a request line"),
        pytest.param(HEADER, b"GET /healthz HTTP/1.1\r\nHost: 127", b"", id="half a header"),
        pytest.param(HEADER, b"\r\n\r\n", b"", id="blank lines"),
        pytest.param(BODY, POST + b"Content-Length: 9\r\n\r\n{", b"408", id="half a body"),
        pytest.param(BODY, POST + b"Content-Length: 9\r\n\r\n", b"408", id="no body"),
        pytest.param(
            BODY, POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", b"408", id="half a chunk"
        ),
        pytest.param(IDLE, GET, b"200", id="nothing after an answer"),
        pytest.param(IDLE, GET + b"GET /heal", b"200", id="half a second request"),
    ],
)
async def test_a_connection_on_which_nothing_moves_is_closed(
    serve: Serve, limits: HttpLimits, sent: bytes, answered: bytes
) -> None:
    client = await connect(serve, limits, sent)

    got = await client.until_closed()

    assert got[9:12] == answered


async def test_a_header_that_trickles_in_has_no_more_time_than_any_other(serve: Serve) -> None:
    client = await connect(serve, HEADER, GET)
    await client.answer()
    client.writer.write(b"GET /")

    async def trickle() -> None:
        with suppress(ConnectionError):
            while True:
                client.writer.write(b"x")
                await client.writer.drain()
                await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    got = await client.until_closed(within=30)
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)

    assert got == b""


async def test_a_client_that_does_not_read_its_answer_is_cut_off(serve: Serve) -> None:
    async def much_to_say() -> str:
        return "x" * 20_000_000

    session = await serve(limits=ANSWER, checks={"verbose": much_to_say})
    client = await connect_to(session._base_url.port)  # type: ignore[union-attr]
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.writer.write(GET.replace(b"healthz", b"readyz"))

    async def is_cut_off() -> bool:
        """A connection that was reset says so to one who writes."""
        client.writer.write(b"\r\n")
        return client.writer.transport.is_closing()

    await until(is_cut_off)


@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param(b"GET /healthz?" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", id="long line"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n", id="long field"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", id="many fields"),
    ],
)
async def test_a_large_header_is_refused_and_not_repeated(
    serve: Serve, request_line: bytes
) -> None:
    client = await connect(serve, PATIENT, request_line)

    answer = await client.until_closed()

    assert answer[9:12] == b"400"
    assert b"aaaa" not in answer
    assert b"aiohttp" not in answer


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"CANARY / HTTP/9.9\r\n\r\n", id="version"),
        pytest.param(b"GET /CANARY\x01 HTTP/1.1\r\n\r\n", id="control character"),
        pytest.param(b"GET / HTTP/1.1\r\nCANARY CANARY: x\r\n\r\n", id="field name"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: CANARY\r\n\r\n", id="length"),
        pytest.param(b"GET http://[CANARY/ HTTP/1.1\r\nHost: x\r\n\r\n", id="address"),
        pytest.param(b"\x16\x03\x01\x02CANARY\r\n\r\n", id="TLS"),
    ],
)
async def test_what_is_no_http_is_refused_as_a_problem_that_quotes_nothing(
    serve: Serve, sent: bytes
) -> None:
    client = await connect(serve, PATIENT)
    with capture_logs() as events:
        client.writer.write(sent)
        answer = await client.until_closed()

    assert answer[9:12] == b"400"
    assert b"application/problem+json" in answer
    assert b"CANARY" not in answer
    assert b"iohttp" not in answer
    assert "CANARY" not in str(events)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", id="no chunk"),
        pytest.param(
            b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", id="no gzip, as promised"
        ),
        pytest.param(
            b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd", id="no brotli, as promised"
        ),
    ],
)
async def test_a_malformed_body_is_the_clients_fault(serve: Serve, body: bytes) -> None:
    client = await connect(serve, PATIENT)
    with capture_logs() as events:
        client.writer.write(POST + body)
        answer = await client.until_closed()

    assert answer[9:12] == b"400"
    assert events == []


async def test_a_client_that_goes_away_within_its_body_is_no_news(serve: Serve) -> None:
    session = await serve(limits=PATIENT)
    with capture_logs() as events:
        client = await connect_to(session._base_url.port, POST + b"Content-Length: 9\r\n\r\n{")  # type: ignore[union-attr]
        client.writer.transport.abort()
        async with session.get("/healthz") as health:
            await health.read()

    assert events == []


async def test_connections_that_only_wait_make_room_for_a_health_check(serve: Serve) -> None:
    limits = HttpLimits(connections=5, header_s=30, body_s=30, idle_s=30)
    session = await serve(limits=limits)
    port = session._base_url.port  # type: ignore[union-attr]
    with capture_logs() as events:
        waiting = [
            await connect_to(port, sent)
            for sent in (b"", b"GET /", POST + b"Content-Length: 9\r\n\r\n", GET) * 5
        ]
        async with session.get("/healthz") as health:
            status = health.status

    assert status == 200
    limited = [event for event in events if event["event"] == "http_connections_limited"]
    assert [event["limit"] for event in limited] == [5]
    for client in waiting[:15]:
        await client.until_closed()
    for client in waiting[15:]:
        client.writer.close()


async def test_a_burst_of_connections_keeps_no_health_check_out(serve: Serve) -> None:
    session = await serve(limits=HttpLimits(connections=4, header_s=30, body_s=30, idle_s=30))
    port = session._base_url.port  # type: ignore[union-attr]
    burst = await asyncio.gather(*(connect_to(port) for _ in range(60)))

    async with session.get("/healthz") as health:
        status = health.status

    assert status == 200
    for client in burst:
        client.writer.close()


async def test_requests_under_way_are_not_cut_for_new_connections(serve: Serve) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await go_on.wait()

    session = await serve(limits=HttpLimits(connections=1), checks={"slow": slow})
    port = session._base_url.port  # type: ignore[union-attr]
    busy = await connect_to(port, GET.replace(b"healthz", b"readyz"))
    await asked.wait()

    refused = await (await connect_to(port, GET)).until_closed()
    go_on.set()
    answered = await busy.answer()
    busy.writer.close()

    assert refused == b""
    assert answered.startswith(b"HTTP/1.1 200")


def socket_of_a_client() -> socket.socket:
    """Made before the descriptors run out."""
    client = socket.socket()
    client.setblocking(False)
    return client


@contextmanager
def no_file_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in taken:
            os.close(each)


async def test_without_file_descriptors_it_says_so_once_and_accepts_again_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.http.listener.ACCEPT_AGAIN_S", 0.01)
    session = await serve(limits=PATIENT)
    port = session._base_url.port  # type: ignore[union-attr]
    clients = [socket_of_a_client() for _ in range(30)]
    loop = asyncio.get_running_loop()
    with capture_logs() as events:
        with no_file_descriptor_left():
            for client in clients:
                await loop.sock_connect(client, ("127.0.0.1", port))
                await loop.sock_sendall(client, GET)

            async def said() -> bool:
                return bool(events)

            await until(said)
            began = loop.time()

            async def tried_again_and_again() -> bool:
                return loop.time() > began + 0.2

            await until(tried_again_and_again)
        answers = [await loop.sock_recv(client, 100) for client in clients]

    for client in clients:
        client.close()
    assert {answer[:15] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert [event["event"] for event in events] == ["http_accept_failed", "http_accepting_again"]


def test_the_port_leaves_most_file_descriptors_to_the_daemons_own_work() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = []
    for files in (64, 256, soft):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        granted.append(limits_of_process().connections)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert granted == [16, 64, 100]


async def test_a_client_with_many_connections_does_not_close_those_of_another(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own are closed instead, although the other one has waited longer."""
    clients = iter(["203.0.113.1"] + ["203.0.113.2"] * 9)
    monkeypatch.setattr("daemon.http.connections.client_of", lambda _: next(clients))
    session = await serve(limits=replace(PATIENT, connections=4))
    port = session._base_url.port  # type: ignore[union-attr]
    early = await connect_to(port)

    greedy = [await connect_to(port, b"GET /healthz HTTP/1.1\r\n") for _ in range(6)]
    early.writer.write(GET)
    answer = await early.answer()
    for one in (early, *greedy):
        one.writer.close()

    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (b"GET /api/v1/runs", b"Host: evil.example@127.0.0.1", b"403"),
        (b"GET /api/v1/runs", b"Host: 127.0.0.1/evil.example", b"403"),
        (b"GET /api/v1/runs", b"Host: 127.0.0.1#evil.example", b"403"),
        (b"GET /api/v1/runs", b"Host: evil.example\\@127.0.0.1", b"403"),
        (b"GET /api/v1/runs", b"Host: 127.0.0.1:999999", b"403"),
        (b"GET http://evil.example/api/v1/runs", b"Host: 127.0.0.1", b"421"),
        (b"GET http://127.0.0.1/api/v1/runs", b"Host: 127.0.0.1:80", b"421"),
        (b"GET http://127.0.0.1/api/v1/runs", b"Host: 127.0.0.1", b"200"),
        (b"GET /api/v1/runs", b"Host: 127.0.0.1:80", b"200"),
        (b"GET /api/v1/runs", b"Host: [::1]", b"200"),
    ],
)
async def test_a_host_that_is_more_than_a_name_or_named_twice_is_not_this_machine(
    serve: Serve, line: bytes, headers: bytes, status: bytes
) -> None:
    client = await connect(serve, PATIENT, line + b" HTTP/1.1\r\n" + headers + b"\r\n\r\n")

    answer = await client.answer()

    assert answer[9:12] == status
    client.writer.close()


@pytest.mark.parametrize(
    "line", [b"POST /api/v1/integrations", b"GET /CANARY", b"POST /webhooks/acme"]
)
async def test_an_expectation_that_is_not_met_is_not_repeated(serve: Serve, line: bytes) -> None:
    sent = b" HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: CANARY\r\nContent-Length: 2\r\n\r\n{}"
    client = await connect(serve, PATIENT, line + sent)

    answer = await client.answer()

    assert answer[9:12] == b"417"
    assert b"application/problem+json" in answer
    assert b"CANARY" not in answer
    client.writer.close()
