"""Bodies as vendors send them: repaired where the meaning is clear, and reported; broken otherwise."""

import json
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.errors import BrokenAnswer
from connectors.http.decoding import decode, in_utf8
from connectors.values import Mapped, Window
from tests.support.tiny_ats import definition_text, tiny_ats, tiny_connector

UMLAUT = '{"rows": [{"id": 1, "name": "Zoë"}, {"id": 2, "name": "B"}]}'


async def read(body: bytes, kind: str = "application/json", records: str = "rows") -> Any:
    """First names by id, the failed records' reasons, and the repairs that were noted."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": kind})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(records=f'"{records}"'))
        try:
            (page,) = [page async for page in connector.pages("people", Window())]
            mapped = await connector.map_records("people", page.records)
        finally:
            await connector.close()
        issues = list(connector.take_issues())
    names: dict[str, Any] = {
        each.external_id: each.candidate["first_name"]
        for each in mapped
        if isinstance(each, Mapped) and each.candidate is not None
    }
    failed = [each.message for each in (*page.failed, *mapped) if not isinstance(each, Mapped)]  # type: ignore[union-attr]  # nothing was known
    return names, failed, [issue for issue in issues if issue.kind == "body"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"rows": [{"id": 1, "name": "Ren\xc3"}]}', "Ren\ufffd"),
        (b'{"rows": [{"id": 1, "name": "\xc3\xa9\xff"}]}', "\xe9\ufffd"),
        (b'{"rows": [{"id": 1, "name": "Ren\xe9"}]}', "Ren\xe9"),
        (b'{"rows": [{"id": 1, "name": "\x80uro"}]}', "\u20acuro"),
        (b'{"rows": [{"id": 1, "name": "a\nb\tc\x01"}]}', "a\nb\tc\x01"),
        (b'{"rows": [{"id": 1, "name": "x\\ud800y"}]}', "x\ufffdy"),
        (b'{"rows": [{"id": 1, "name": "\\\\ud800 \\ud83d\\ude00\\udc00"}]}', "\\ud800 \U0001f600\ufffd"),
        (b'{"rows": [{"id": 1, "name": "N", "x": NaN, "y": -Infinity}]}', "N"),
        (b'{"rows": [{"id": 1, "name": 1e999}]}', "1e999"),
        (b'{"rows": [{"id": 1, "name": ' + b"7" * 5000 + b"}]}", "7" * 5000),
        (b"\xef\xbb\xbf" + b'{"rows": [{"id": 1, "name": "N"}]}', "N"),
        ('{"rows": [{"id": 1, "name": "Zo\xeb"}]}'.encode("utf-16"), "Zo\xeb"),
        ('{"rows": [{"id": 1, "name": "Zo\xeb"}]}'.encode("utf-16-le"), "Zo\xeb"),
        ('{"rows": [{"id": 1, "name": "Zo\xeb"}]}'.encode("utf-32-be"), "Zo\xeb"),
    ],
    ids=["cut UTF-8", "UTF-8 and junk", "latin-1", "windows-1252", "control characters", "half",
         "escaped and half", "NaN", "1e999", "5000 digits", "BOM", "UTF-16", "UTF-16-LE", "UTF-32"],
)  # fmt: skip
async def test_a_body_is_repaired_where_its_meaning_is_clear_and_that_is_reported(
    body: bytes, name: str
) -> None:
    names, failed, repairs = await read(body)

    assert names == {"1": name}
    assert failed == []
    assert len(repairs) == 1
    assert repairs[0].name == "people"


@pytest.mark.parametrize("charset", ["iso-8859-1", "latin1", '"windows-1252"', "ISO-8859-15"])
async def test_a_body_is_read_by_the_charset_of_its_header(charset: str) -> None:
    kind = f"application/json; charset={charset}"

    assert (await read(UMLAUT.encode("latin-1"), kind))[0] == {"1": "Zo\xeb", "2": "B"}


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8", "none", "utf-16", "idna"])
async def test_a_header_that_is_wrong_about_utf_8_is_not_believed(charset: str) -> None:
    names, _, repairs = await read(UMLAUT.encode(), f"application/json; charset={charset}")

    assert names == {"1": "Zo\xeb", "2": "B"}
    assert repairs == []


async def test_of_keys_that_come_twice_the_last_one_counts() -> None:
    names, failed, _ = await read(b'{"rows": [], "rows": [{"id": 9, "id": 1, "name": "N"}]}')

    assert (names, failed) == ({"1": "N"}, [])


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id": 2, "name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": 2, "a": ' + b'{"a": ' * 5_000 + b"1" + b"}" * 5_000 + b"}",
        b'{"id": 2, "name": "a\\q"}',
        b'{"id": 2, "name": undefined}',
        b'{"id": 02}',
        b"{id: 2}",
        b'{"id": 2}{"id": 4}',
        b"'2'",
    ],
    ids=["100,000 lists", "5,000 objects", "bad escape", "undefined", "02", "no quotes", "two",
         "single quotes"],
)  # fmt: skip
@pytest.mark.parametrize("records", ["rows", "@", "data.rows"])
async def test_a_record_that_cannot_be_read_spoils_no_other(bad: bytes, records: str) -> None:
    body = b'[{"id": 1, "name": "A, ]}"}, ' + bad + b' , {"id": 3, "name": "C"}]'
    for name in reversed([] if records == "@" else records.split(".")):
        body = b'{"other": [1, {"rows": [7]}], "%s": %s}' % (name.encode(), body)

    names, failed, _ = await read(body, records=records)

    assert names == {"1": "A, ]}", "3": "C"}
    assert len(failed) == 1
    assert "record 2 of the page" in failed[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"rows": ' + b"[" * 100_000,
        b'{"rows": [{"id": 1}',
        b'{"rows": [{"id": 1}}',
        b'{"rows": [{"id": 1}]} x',
        b'{"rows": [{"id": 1}]}{"rows": []}',
        b'{"rows": [{"id": "1}]}',
        b")]}',\n" + b'{"rows": []}',
        b"rows=1",
    ],
)
async def test_what_is_no_json_as_a_whole_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        await read(body)


def test_what_is_plain_json_is_not_touched() -> None:
    notes: list[str] = []
    value = {"a": [1, 2.5, None, True, "Zo\xeb \U0001f600"], "b": {"c": 10**30}}

    assert decode(json.dumps(value).encode(), notes.append) == value
    assert decode(json.dumps(value, ensure_ascii=False).encode(), notes.append) == value
    assert notes == []
    assert in_utf8(b"[1]", "application/json") == b"[1]"


def test_nothing_but_a_decode_error_comes_of_what_is_no_json() -> None:
    for raw in (
        b"",
        b"[1] x",
        b"\xc3",
        b"[" * 9_000,
        b'"\\ud8"',
        b"\x00",
        "[1]".encode("utf-7")[:1],
    ):
        with pytest.raises(msgspec.DecodeError):
            decode(raw)
