"""An ATS that asks for a pause, over HTTP: how often it is asked, and when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from connectors.errors import RateLimited, Unavailable
from connectors.registry import SharedLimits
from tests.support.ats import QuickClock
from tests.support.tiny_ats import definition_text, ids_of, tiny_ats, tiny_connector

ROWS = {"rows": [{"id": 1}]}


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("status", "asked", "least"),
    [
        (503, lambda: "7", 7.0),
        (503, lambda: in_seconds(20), 18.0),
        (500, lambda: "7", 7.0),
        (408, lambda: "7", 7.0),
        (429, lambda: in_seconds(20), 18.0),
    ],
    ids=["503 seconds", "503 date", "500 seconds", "408 seconds", "429 date"],
)
async def test_an_outage_that_says_how_long_is_waited_for(
    status: int, asked: Callable[[], str], least: float
) -> None:
    clock = QuickClock()

    async def answer(request: web.Request) -> web.Response:
        if len(ats.asked) > 1:
            return web.json_response(ROWS)
        return web.Response(status=status, headers={"Retry-After": asked()})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(), clock=clock)
        found = await ids_of(connector)
        await connector.close()

    assert found == ["1"]
    assert len(ats.asked) == 2
    assert least <= sum(clock.slept) <= least + 5


@pytest.mark.parametrize(
    "asked", [lambda: "600", lambda: "86400", lambda: in_seconds(600)], ids=["10m", "1d", "date"]
)
async def test_an_outage_of_more_than_a_minute_fails_the_read_at_once(
    asked: Callable[[], str],
) -> None:
    clock = QuickClock()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": asked()})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(), clock=clock)
        with pytest.raises(Unavailable) as raised:
            await ids_of(connector)
        slept = sum(clock.slept)
        with pytest.raises(Unavailable):
            await ids_of(connector)
        await connector.close()

    assert slept == 0
    assert raised.value.until is not None
    assert len(ats.asked) == 2
    assert sum(clock.slept) == pytest.approx(300, abs=1), "the next read has to wait, at most 5m"


@pytest.mark.parametrize(
    "asked", ["0", "-1", in_seconds(-60), "soon"], ids=["zero", "negative", "past", "a word"]
)
async def test_an_outage_without_a_usable_hint_is_requested_again_with_growing_pauses(
    asked: str,
) -> None:
    clock = QuickClock()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": asked})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(), clock=clock)
        with pytest.raises(Unavailable):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) == 5
    assert min(clock.slept) >= 0.25


async def test_a_hint_of_no_pause_at_all_is_no_reason_to_storm() -> None:
    clock = QuickClock()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "0"})

    async with tiny_ats(answer) as ats:
        connector = tiny_connector(ats, definition_text(), clock=clock)
        with pytest.raises(RateLimited):
            await ids_of(connector)
        await connector.close()

    assert len(ats.asked) <= 92, "fifteen minutes of patience, ten seconds apart"
    assert min(clock.slept) >= 9.9


async def test_a_pause_of_one_integration_holds_for_all_with_its_credential() -> None:
    clock, shared_limits = QuickClock(), SharedLimits()

    async def answer(request: web.Request) -> web.Response:
        if len(ats.asked) > 1:
            return web.json_response(ROWS)
        return web.Response(status=503, headers={"Retry-After": "120"})

    async with tiny_ats(answer) as ats:
        one, other = (
            tiny_connector(ats, definition_text(), clock=clock, shared_limits=shared_limits)
            for _ in range(2)
        )
        with pytest.raises(Unavailable):
            await ids_of(one)
        await ids_of(other)
        await one.close()
        await other.close()

    assert sum(clock.slept) == pytest.approx(120, abs=1)
