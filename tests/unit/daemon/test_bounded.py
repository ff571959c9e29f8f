"""Limits that hold although what is limited loses a cancellation."""

import asyncio
from datetime import timedelta

import pytest

from daemon.runtime import lifecycle
from daemon.runtime.lifecycle import close_within
from daemon.runtime.task_group import run_until_stopped
from daemon.runtime.timeouts import bounded


async def loses_one_cancellation(lost: asyncio.Event) -> None:
    """As a driver does that waits by `asyncio.wait_for` before Python 3.12."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        lost.set()
    await asyncio.Event().wait()


async def end_of_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others)


async def test_a_limit_ends_the_wait_for_what_lost_its_cancellation() -> None:
    lost = asyncio.Event()

    with pytest.raises(TimeoutError):
        await bounded(loses_one_cancellation(lost), 0.001, name="stubborn")

    await lost.wait()
    await end_of_others()


async def test_what_is_in_time_gives_its_result_or_its_error() -> None:
    async def fails() -> None:
        raise ValueError("no")

    assert await bounded(asyncio.sleep(0, "done"), 5, name="quick") == "done"
    with pytest.raises(ValueError, match="no"):
        await bounded(fails(), 5, name="failing")


async def test_a_caller_who_is_cancelled_cancels_the_work_too() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(bounded(work(), 60, name="work"))
    await began.wait()
    waiting.cancel()

    await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_closing_gives_up_what_does_not_close() -> None:
    lost = asyncio.Event()

    await close_within(timedelta(milliseconds=1), "driver", lambda: loses_one_cancellation(lost))

    await lost.wait()
    await end_of_others()


async def test_a_task_that_survives_a_cancellation_of_its_own_is_left_alone_while_all_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_S", 0.001)
    stop, survived = asyncio.Event(), asyncio.Event()

    async def survive() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=0.05)
        survived.set()
        stop.set()

    async def start(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(survive(), name="survivor")

    await run_until_stopped(start, stop=stop, grace=timedelta(seconds=5))

    assert survived.is_set()


async def test_a_task_that_lost_its_cancellation_does_not_keep_the_daemon_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_S", 0.01)
    stop, lost = asyncio.Event(), asyncio.Event()

    async def start(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(loses_one_cancellation(lost), name="stubborn")
        stop.set()

    async with asyncio.timeout(30):
        await run_until_stopped(start, stop=stop, grace=timedelta(0))

    assert lost.is_set()
