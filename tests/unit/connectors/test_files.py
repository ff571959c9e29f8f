"""A candidate's file is fetched as the definition says, from the vendor's hosts and no other."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from config.problems import ConfigError
from connectors.definition import load_definition_text
from connectors.errors import (
    AddressExpired,
    AuthRefused,
    BrokenAnswer,
    FileTooLarge,
    Misdirected,
    NotSupported,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.read.files import FileHosts
from connectors.values import FetchedFile, FileAddress, FileRef
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

REF = FileRef("people", "7", "7", "f/1")
PDF = b"%PDF-1.4 a file"
MAPPED = "  attachments: {each: files, external_id: id, url: href, handle: token}\n"


def text(files: str, mapping: str = MAPPED) -> str:
    return definition_text().replace(
        "candidate: {external_id: id, first_name: name}",
        f"candidate:\n  external_id: id\n  first_name: name\n{mapping}files: {files}",
    )


def at(url: str, **more: Any) -> FileAddress:
    return FileAddress(url, None, datetime.now(UTC), **more)


async def a_file(_: web.Request) -> web.Response:
    return web.Response(body=PDF, content_type="application/pdf")


async def test_a_file_of_the_api_is_fetched_by_ids_and_with_the_credential() -> None:
    files = '{auth: api, request: {get: "/people/{candidate_id}/files/{attachment_id}"}}'
    async with tiny_ats(a_file) as ats:
        connector = tiny_connector(ats, text(files, MAPPED.replace(", handle: token", "")))
        found = await connector.fetch_file(REF, None, max_bytes=1000)
        await connector.close()

    assert (found.content, found.declared_type) == (PDF, "application/pdf")
    assert ats.asked == ["GET /people/7/files/f%2F1"]
    assert "X-Key" in ats.headers[0]


GZIPPED = gzip.compress(PDF * 100, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", GZIPPED),
        ("X-GZIP", GZIPPED),
        ("deflate", zlib.compress(PDF * 100)),
        ("deflate", zlib.compress(PDF * 100, wbits=-15)),
        ("identity", PDF * 100),
    ],
    ids=["gzip", "x-gzip", "deflate", "bare-deflate", "identity"],
)
async def test_a_file_that_is_sent_compressed_is_the_same_file(coding: str, body: bytes) -> None:
    found = await fetched(web.Response(body=body, headers={"Content-Encoding": coding}))

    assert found.content == PDF * 100


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", GZIPPED[:-12]),
        ("gzip", GZIPPED[: len(GZIPPED) // 2]),
        ("gzip", GZIPPED[:-8] + b"wrongsum"),
        ("gzip", GZIPPED + b"more"),
        ("gzip", PDF),
        ("deflate", zlib.compress(PDF * 100)[:-1]),
        ("gzip, gzip", gzip.compress(GZIPPED, mtime=0)),
        ("br", PDF),
    ],
    ids=["cut", "half", "wrong-sum", "more", "no-gzip", "cut-deflate", "twice", "not-offered"],
)
async def test_a_compressed_file_that_is_cut_or_odd_is_not_taken_for_whole(
    coding: str, body: bytes
) -> None:
    with pytest.raises(BrokenAnswer):
        await fetched(web.Response(body=body, headers={"Content-Encoding": coding}))


async def test_a_file_is_not_unpacked_beyond_the_size_that_is_allowed() -> None:
    bomb = gzip.compress(bytes(50_000_000))

    with pytest.raises(FileTooLarge):
        await fetched(web.Response(body=bomb, headers={"Content-Encoding": "gzip"}))


@pytest.mark.parametrize("status", [201, 202, 204, 206, 207, 300, 302, 304])
async def test_an_answer_of_the_api_that_is_not_the_whole_file_is_none(status: int) -> None:
    body = None if status in {204, 304} else PDF

    with pytest.raises(Rejected, match="not with the file"):
        await fetched(web.Response(status=status, body=body))


async def fetched(answer: web.Response) -> FetchedFile:
    """Returns what comes of this answer of an API to a request for a file."""

    async def the_answer(_: web.Request) -> web.Response:
        return answer

    files = '{auth: api, request: {get: "/people/{candidate_id}/files/{attachment_id}"}}'
    async with tiny_ats(the_answer) as ats:
        connector = tiny_connector(ats, text(files, MAPPED.replace(", handle: token", "")))
        try:
            return await connector.fetch_file(REF, None, max_bytes=10_000)
        finally:
            await connector.close()


async def test_an_address_is_asked_for_by_its_handle() -> None:
    files = "{auth: api, address: {request: {post: /file.info, body: {fileHandle: '{handle}'}}, at: url}}"

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/file.info":
            return web.json_response({"url": "/stored/1"})
        return await a_file(request)

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text(files))
        with pytest.raises(AddressExpired):
            await connector.fetch_file(REF, at("/old"), max_bytes=1000)
        found = await connector.fetch_file(REF, at("/old", handle="h-1"), max_bytes=1000)
        await connector.close()

    assert found.content == PDF
    assert ats.asked == ["POST /file.info", "GET /stored/1"]
    assert ats.bodies[0] == b'{"fileHandle":"h-1"}'


async def test_a_file_that_the_ats_names_without_an_address_is_not_asked_for() -> None:
    async with tiny_ats(a_file) as ats:
        connector = tiny_connector(ats, text("{auth: api}", MAPPED.replace(", handle: token", "")))
        shown = FileAddress(None, None, datetime.now(UTC))
        with pytest.raises(NotSupported, match="no address"):
            await connector.fetch_file(REF, shown, max_bytes=1000)
        await connector.close()

    assert ats.asked == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"file": {"data": 7}}', b'{"file": {"data": "a"}}']
)
async def test_an_answer_in_json_without_a_files_content_is_a_broken_one(body: bytes) -> None:
    files = (
        '{auth: api, request: {get: "/people/{candidate_id}/files/{attachment_id}"}, '
        "base64_at: file.data}"
    )

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, text(files, MAPPED.replace(", handle: token", "")))
        with pytest.raises(BrokenAnswer):
            await connector.fetch_file(REF, None, max_bytes=1000)
        await connector.close()


async def test_a_redirect_from_the_api_to_a_file_host_carries_no_credential() -> None:
    async with tiny_ats(a_file) as store:

        async def sent_on(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{store.url}/stored/1"})

        async with tiny_ats(sent_on) as ats:
            written = text("{auth: api}", MAPPED.replace(", handle: token", ""))
            connector = tiny_connector(ats, written, attachments={"hosts": [store.url]})
            found = await connector.fetch_file(REF, at(f"{ats.url}/files/1"), max_bytes=1000)
            await connector.close()

    assert found.content == PDF
    assert "X-Key" in ats.headers[0]
    assert "X-Key" not in store.headers[0]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "https://evil.example/x",
        "https://user@files.vendor.example/x",
        "http://files.vendor.example/x",
        "//files.vendor.example:8443/x",
        "file:///etc/passwd",
        "https://files.vendor.example.evil.example/x",
    ],
)
async def test_no_other_host_is_asked(address: str) -> None:
    written = text('{hosts: ["*.vendor.example"]}', MAPPED.replace(", handle: token", ""))
    async with tiny_ats(a_file) as ats:
        connector = tiny_connector(ats, written)
        with pytest.raises(Misdirected) as refused:
            await connector.fetch_file(REF, at(address), max_bytes=1000)
        await connector.close()

    assert "nothing was sent" in str(refused.value)
    assert ats.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthRefused),
        (403, AddressExpired),
        (404, AddressExpired),
        (410, AddressExpired),
        (429, RateLimited),
        (503, Unavailable),
    ],
)
async def test_what_the_api_answers_instead_of_a_file_says_what_to_do(
    status: int, error: type[Exception]
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"message": "no"}, status=status)

    async with tiny_ats(refuse) as ats:
        written = text("{auth: api}", MAPPED.replace(", handle: token", ""))
        connector = tiny_connector(ats, written)
        with pytest.raises(error):
            await connector.fetch_file(REF, at(f"{ats.url}/files/1"), max_bytes=1000)
        await connector.close()


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "streamed"])
async def test_a_file_is_not_read_beyond_the_size_that_is_allowed(declared: bool) -> None:
    async def much(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if declared:
            answer.content_length = 10_000_000
        await answer.prepare(request)
        for _ in range(100):
            await answer.write(b"x" * 100_000)
        return answer

    async with tiny_ats(much) as ats:
        written = text("{auth: api}", MAPPED.replace(", handle: token", ""))
        connector = tiny_connector(ats, written)
        with pytest.raises(FileTooLarge):
            await connector.fetch_file(REF, at(f"{ats.url}/files/1"), max_bytes=200_000)
        await connector.close()


@pytest.mark.parametrize(
    ("expires_in", "read_before", "is_good"),
    [(60, 0, True), (2, 0, False), (None, 20, True), (None, 40, False), (60, 40, True)],
)
async def test_an_address_is_used_until_it_ends(
    expires_in: int | None, read_before: int, is_good: bool
) -> None:
    now = datetime.now(UTC)
    expires_at = None if expires_in is None else now + timedelta(seconds=expires_in)
    async with tiny_ats(a_file) as ats:
        written = text("{auth: api, lifetime: 30s}", MAPPED.replace(", handle: token", ""))
        connector = tiny_connector(ats, written)
        read_at = now - timedelta(seconds=read_before)
        address = FileAddress(f"{ats.url}/files/1", expires_at, read_at)
        try:
            await connector.fetch_file(REF, address, max_bytes=1000)
        except AddressExpired:
            assert not is_good
        else:
            assert is_good
        await connector.close()


@pytest.mark.parametrize(
    ("host", "url", "allowed"),
    [
        ("files.example.com", "https://files.example.com/a", True),
        ("files.example.com", "https://files.example.com:444/a", False),
        ("files.example.com", "https://a.files.example.com/a", False),
        ("*.example.com", "https://a.b.example.com/a", True),
        ("*.example.com", "https://example.com/a", False),
        ("*.example.com", "https://badexample.com/a", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/a?b=c", True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/a", False),
        ("http://127.0.0.1:8080", "https://127.0.0.1:8080/a", False),
    ],
)
def test_a_host_is_allowed_by_name_by_domain_or_as_an_address(
    host: str, url: str, allowed: bool
) -> None:
    assert FileHosts([host]).allow(URL(url)) is allowed


@pytest.mark.parametrize(
    ("files", "mapping", "message"),
    [
        ("{hosts: [a.example.com]}", "", "needs `candidate.attachments`"),
        (
            "{hosts: [a.example.com]}",
            "  attachments: {each: files, external_id: id}\n",
            "with a `url`",
        ),
        ("{request: {get: '/f/{attachment_id}'}}", MAPPED, "needs `auth: api`"),
        ("{auth: api, request: {get: '/f/{record_id}'}}", MAPPED, "needs {attachment_id}"),
        ("{address: {request: {get: /f}, at: url}}", MAPPED, "needs {handle} or {attachment_id}"),
        (
            "{auth: api, base64_at: data, request: {get: /f}}",
            MAPPED,
            "needs {attachment_id}",
        ),
        ("{auth: api, base64_at: data}", MAPPED, "`base64_at` needs `request`"),
        ("{hosts: [nonsense]}", MAPPED, "must be a host"),
        ("{auth: api, request: {get: '/f/{atachment_id}'}}", MAPPED, "unknown placeholder"),
    ],
)
def test_files_that_could_never_be_fetched_are_a_mistake(
    files: str, mapping: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_definition_text(text(files, mapping), path=Path("tiny.yaml"))

    assert any(message in problem.message for problem in caught.value.problems)
