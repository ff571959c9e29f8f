"""An error is a few words, however much the ATS sent with it."""

import gc
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest
from aiohttp import web

from connectors.errors import AtsError, AuthRefused, Rejected
from connectors.http.client import MAX_ERROR_BYTES
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

LARGE = 2 * MAX_ERROR_BYTES


def held_by(error: BaseException) -> Iterator[Any]:
    """Everything that our frames of an error and of its causes keep alive."""
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop()
        waiting += [each for each in (one.__cause__, one.__context__) if each is not None]
        trace: TracebackType | None = one.__traceback__
        while trace is not None:
            frame: FrameType = trace.tb_frame
            if not frame.f_globals["__name__"].startswith("tests."):
                yield from frame.f_locals.values()
            trace = trace.tb_next


def size_of(value: Any) -> int:
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    found = [each for each in gc.get_referents(value) if isinstance(each, bytes | bytearray | str)]
    return max(map(len, found), default=0)


async def refusal(status: int, body: bytes) -> AtsError:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="application/json")

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text())
        try:
            await ids_of(connector)
        except AtsError as error:
            return error
        finally:
            await connector.close()
    raise AssertionError("it was not refused")


@pytest.mark.parametrize(("status", "kind"), [(401, AuthRefused), (422, Rejected)])
async def test_a_refusal_with_megabytes_is_judged_by_its_status_and_not_decoded(
    status: int, kind: type[AtsError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(raw: bytes) -> Any:
        raise AssertionError(f"{len(raw)} bytes were decoded")

    monkeypatch.setattr("connectors.http.answers.decode", decode)
    error = await refusal(status, b'{"errors": [' + b"[]," * LARGE + b"[]]}")

    assert type(error) is kind


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<p>" + b"x" * LARGE),
        (200, b'{"rows": "' + b"x" * LARGE + b'"'),
        (422, b'{"message": "' + b"x" * (MAX_ERROR_BYTES // 2) + b'"}'),
        (401, b"[" * LARGE),
    ],
)
async def test_an_error_that_is_remembered_holds_nothing_of_the_answer(
    status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.transport.READ_ATTEMPTS", 1)
    error = await refusal(status, body)

    assert max(map(size_of, held_by(error)), default=0) < 10_000
