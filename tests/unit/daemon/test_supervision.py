"""A supervised task: quiet while it repeats its failure, heard when it breaks and when it recovers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon.supervision import Backoff, stopped_within, supervise

SOON = timedelta(milliseconds=1)
QUICK = Backoff(base=SOON, cap=SOON, settled_after=timedelta(hours=1))


def failing(times: int, then: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    left = [times]

    async def run() -> None:
        if left[0]:
            left[0] -= 1
            raise ValueError(left[0])
        await then()

    return run


async def nothing() -> None:
    pass


async def test_failures_are_logged_once_and_the_recovery_once() -> None:
    with capture_logs() as events:
        await supervise("poll", failing(3, nothing), QUICK, stop=asyncio.Event())

    said = [event["event"] for event in events if event["log_level"] != "debug"]
    assert said == ["task_failed", "task_recovered"]
    assert events[0]["task"] == "poll"
    assert events[-1]["failures"] == 3


async def test_living_long_enough_counts_as_recovered() -> None:
    stop = asyncio.Event()
    settled = Backoff(base=SOON, cap=SOON, settled_after=SOON)
    with capture_logs() as events:
        task = asyncio.create_task(supervise("poll", failing(1, stop.wait), settled, stop=stop))
        async with asyncio.timeout(5):
            while len(events) < 2:
                await asyncio.sleep(0.001)
        stop.set()
        await task

    assert [event["event"] for event in events] == ["task_failed", "task_recovered"]


async def test_a_stop_ends_the_pause() -> None:
    stop = asyncio.Event()
    slow = Backoff(base=timedelta(hours=1), cap=timedelta(hours=1))
    with capture_logs() as events:
        task = asyncio.create_task(supervise("poll", failing(9, nothing), slow, stop=stop))
        async with asyncio.timeout(5):
            while not events:
                await asyncio.sleep(0.001)
            stop.set()
            await task

    assert [event["event"] for event in events] == ["task_failed"]


async def test_a_cancelled_task_is_not_restarted() -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("poll", run, QUICK, stop=asyncio.Event()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_waiting_tells_a_stop_from_a_passed_pause() -> None:
    stop = asyncio.Event()
    assert await stopped_within(stop, SOON) is False

    stop.set()
    assert await stopped_within(stop, timedelta(hours=1)) is True


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_pause_is_never_nothing_and_never_above_its_cap(failures: int, chance: float) -> None:
    backoff = Backoff(chance=lambda: chance)
    pause = backoff.pause(failures)

    assert backoff.base / 2 <= pause <= backoff.cap


@given(failures=st.integers(1, 100))
def test_pauses_never_shrink_while_failures_go_on(failures: int) -> None:
    backoff = Backoff(chance=lambda: 0.5)

    assert backoff.pause(failures) <= backoff.pause(failures + 1)
