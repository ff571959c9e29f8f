"""Triggers are set at their intervals, also after the scheduler was begun again."""

import asyncio
from datetime import datetime, timedelta

import pytest
from apscheduler.triggers.base import BaseTrigger

from daemon.runtime.clock import SystemClock
from daemon.runtime.scheduler import Scheduler, SchedulerStopped

SECOND = timedelta(seconds=1)


async def test_a_scheduler_that_is_begun_again_rings_the_timers_it_had() -> None:
    scheduler, never = Scheduler(SystemClock()), asyncio.Event()
    timer = scheduler.every(SECOND, "poll:acme")
    first = asyncio.create_task(scheduler.run(never))
    async with asyncio.timeout(10):
        assert await timer.heard(never)
    first.cancel()
    await asyncio.wait([first])
    again = asyncio.create_task(scheduler.run(never))
    async with asyncio.timeout(10):
        assert await timer.heard(never)
    again.cancel()
    await asyncio.wait([again])


class BrokenTrigger(BaseTrigger):  # APScheduler has no types
    """Says when it is due first, and then raises: APScheduler falls silent."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is not None:
            raise ZeroDivisionError
        return now


async def test_timers_that_fall_silent_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.runtime.scheduler.LOOK_EVERY", timedelta(milliseconds=20))
    monkeypatch.setattr("daemon.runtime.scheduler.OVERDUE", timedelta(milliseconds=100))
    monkeypatch.setattr("daemon.runtime.scheduler.IntervalTrigger", lambda **_: BrokenTrigger())
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    scheduler = Scheduler(SystemClock())
    scheduler.every(SECOND, "poll:acme")

    with pytest.raises(SchedulerStopped):
        async with asyncio.timeout(10):
            await scheduler.run(asyncio.Event())
