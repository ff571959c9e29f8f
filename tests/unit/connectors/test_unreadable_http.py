"""Answers that are no HTTP, or not the HTTP that was asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from connectors.errors import BrokenAnswer, OutcomeUnknown
from connectors.http.client import AtsHttp, Outgoing
from connectors.http.outbound import OutboundRules

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n\r\n{}"
NO_HTTP = {
    "another-protocol": b"SSH-2.0-OpenSSH_9\r\n",
    "a-body-alone": b"{}",
    "two-lengths": OK + b"Content-Length: 3\r\n" + LENGTH,
    "a-length-below-nought": OK + b"Content-Length: -2\r\n\r\n{}",
    "chunks-without-a-size": OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n",
    "endless-headers": OK + b"X: " + b"a" * 200_000 + b"\r\n" + LENGTH,
}
NOT_ASKED = {name: OK + f"Content-Encoding: {name}\r\n".encode() + LENGTH for name in (
    "br", "zstd", "gzip")}  # fmt: skip


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[tuple[AtsHttp, URL]]:
    """A server that sends these bytes to every request, and a client for it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    http = AtsHttp(outbound=OutboundRules(allow_private_networks=True))
    async with server:
        yield http, URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await http.close()


@pytest.mark.parametrize(
    ("raw", "words"),
    [(raw, "gave an answer that is no valid HTTP") for raw in NO_HTTP.values()]
    + [(raw, "compressed in a way that was not asked for") for raw in NOT_ASKED.values()],
    ids=[*NO_HTTP, *NOT_ASKED],
)
async def test_an_answer_that_cannot_be_read_is_broken_and_no_outage(
    raw: bytes, words: str
) -> None:
    async with answering(raw) as (http, url):
        with pytest.raises(BrokenAnswer, match=words):
            await http.send(Outgoing("people", method="GET", url=url), {})
        with pytest.raises(OutcomeUnknown, match=f"{words}.*the write may have taken effect"):
            await http.send(Outgoing("move", method="POST", url=url, is_write=True), {})


@pytest.mark.parametrize("length", [8_191, 30_000, 60_000])
async def test_headers_are_read_that_are_longer_than_the_librarys_limit(length: int) -> None:
    async with answering(OK + b"Link: " + b"a" * length + b"\r\n" + LENGTH) as (http, url):
        answer = await http.send(Outgoing("people", method="GET", url=url), {})

        assert len(answer.headers["Link"]) == length
