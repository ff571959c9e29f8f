"""A supervised task: quiet while it repeats its failure, heard when it breaks and when it recovers."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon.runtime.supervision import (
    LONGEST_SETTLING,
    Backoff,
    Loop,
    stopped_within,
    supervise,
)
from tests.support.waiting import until

SOON = timedelta(milliseconds=1)
QUICK = Backoff(base=SOON, cap=SOON, settled_after=timedelta(hours=1))


def failing(times: int, then: Loop) -> Loop:
    left = [times]

    async def work(stop: asyncio.Event) -> None:
        if left[0]:
            left[0] -= 1
            raise ValueError(left[0])
        await then(stop)

    return work


async def end(stop: asyncio.Event) -> None:
    stop.set()


async def last(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_failures_are_logged_once_and_the_recovery_once() -> None:
    with capture_logs() as events:
        await supervise("poll", failing(3, end), QUICK, stop=asyncio.Event())

    said = [event["event"] for event in events if event["log_level"] != "debug"]
    assert said == ["task_failed", "task_recovered"]
    assert events[0]["task"] == "poll"
    assert events[-1]["failures"] == 3


async def test_living_long_enough_counts_as_recovered() -> None:
    stop = asyncio.Event()
    settled = Backoff(base=SOON, cap=SOON, settled_after=SOON)
    with capture_logs() as events:
        task = asyncio.create_task(supervise("poll", failing(1, last), settled, stop=stop))
        await until(lambda: len(events) == 2)
        stop.set()
        await task

    assert [event["event"] for event in events] == ["task_failed", "task_recovered"]


async def test_a_stop_ends_the_pause() -> None:
    stop = asyncio.Event()
    slow = Backoff(base=timedelta(hours=1), cap=timedelta(hours=1))
    with capture_logs() as events:
        task = asyncio.create_task(supervise("poll", failing(9, end), slow, stop=stop))
        await until(lambda: bool(events))
        stop.set()
        await asyncio.wait_for(task, 5)

    assert [event["event"] for event in events] == ["task_failed"]


async def test_a_cancelled_task_is_not_restarted() -> None:
    started = asyncio.Event()

    async def run(_stop: asyncio.Event) -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("poll", run, QUICK, stop=asyncio.Event()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Panic(BaseException):
    """As extensions written in Rust raise it."""


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), Panic(), SystemExit(1), ExceptionGroup("", [KeyError()])]
)
async def test_nothing_but_the_end_of_its_task_ends_a_loop(error: BaseException) -> None:
    runs: list[int] = []

    async def run(stop: asyncio.Event) -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise error
        stop.set()

    with capture_logs():
        await supervise("poll", run, QUICK, stop=asyncio.Event())

    assert runs == [0, 1, 2]


async def test_a_failure_is_logged_by_type_and_line_and_never_by_its_text() -> None:
    with capture_logs() as events:
        await supervise("poll", failing(1, end), QUICK, stop=asyncio.Event())

    [failed, _] = events
    assert failed["error"].startswith("ValueError at daemon.runtime.supervision:")
    assert failed["stack"].split(" < ")[0].startswith("tests.unit.daemon.test_supervision:")
    assert "exc_info" not in failed


class Heard:
    """What an observer was called with."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def failed(self, loop: str, error: BaseException) -> None:
        self.said.append(f"{loop} {type(error).__name__}")

    def worked(self, loop: str) -> None:
        self.said.append(f"{loop} works")


async def test_an_observer_hears_of_each_failure_and_of_the_recovery() -> None:
    heard = Heard()
    with capture_logs():
        await supervise("poll", failing(2, end), QUICK, stop=asyncio.Event(), observer=heard)

    assert heard.said == ["poll ValueError", "poll ValueError", "poll works"]


async def test_a_loop_that_ends_by_itself_has_failed() -> None:
    heard, lives = Heard(), [True, False]

    async def run(stop: asyncio.Event) -> None:
        if not lives.pop():
            return
        stop.set()

    with capture_logs():
        await supervise("poll", run, QUICK, stop=asyncio.Event(), observer=heard)

    assert heard.said == ["poll LoopEnded", "poll works"]


@given(lived=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9)))
def test_a_loop_has_recovered_once_it_lives_longer_than_it_ever_did(lived: timedelta) -> None:
    settling = Backoff().settling(lived)

    assert Backoff().settled_after <= settling <= LONGEST_SETTLING
    assert settling >= min(2 * lived, LONGEST_SETTLING)


async def test_waiting_distinguishes_a_stop_from_a_passed_pause() -> None:
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
