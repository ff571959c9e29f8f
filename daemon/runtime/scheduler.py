"""Triggers of jobs that are due. APScheduler only sets them; the owner of the job waits and runs it.

Its own shutdown cancels coroutine jobs half way, and a clock that is set back silences it until the
old time comes again: so runs belong to the daemon's tasks, and a watch over the clock sets all
triggers when wall time and monotonic time part.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from daemon.ports.clock import Clock
from daemon.runtime.supervision import stopped_within

log = structlog.get_logger("daemon.runtime.scheduler")

LOOK_EVERY = timedelta(seconds=5)
OVERDUE = timedelta(seconds=30)
"""A trigger that is late by this much will not come any more."""
STEP = timedelta(seconds=30)
"""Wall time that moves by this much more or less than monotonic time was set, not passed."""


class SchedulerStopped(Exception):
    """APScheduler has stopped by itself: triggers are overdue."""


@dataclass(eq=False, slots=True)
class Trigger:
    """Rings when a job is due. Ringing again before it is heard changes nothing."""

    name: str
    due: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        self.due.set()

    async def heard(self, stop: asyncio.Event) -> bool:
        """Waits for the trigger; returns False if `stop` came first."""
        return await first_due(stop, self) is not None


async def first_due(stop: asyncio.Event, *triggers: Trigger) -> Trigger | None:
    """Waits until one of the triggers is due; returns it, or None once `stop` is set.

    Of several that are due the first in the order of the arguments is returned.
    """
    events = [trigger.due for trigger in triggers]
    if not any(event.is_set() for event in events):
        await _first_of(stop, *events)
    if stop.is_set():
        return None
    found = next(trigger for trigger in triggers if trigger.due.is_set())
    found.due.clear()
    return found


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


class Scheduler:
    """Sets triggers at intervals."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._triggers: dict[str, tuple[Trigger, IntervalTrigger]] = {}

    def every(self, interval: timedelta, name: str, *, jitter: float = 0.0) -> Trigger:
        """Returns a trigger that is set every interval, each time up to `jitter` of it off."""
        trigger = Trigger(name)
        seconds = interval.total_seconds()
        schedule = IntervalTrigger(
            seconds=seconds, jitter=int(seconds * jitter) or None, timezone="UTC"
        )
        self._triggers[name] = (trigger, schedule)
        self._arm(trigger, schedule)
        return trigger

    def _arm(self, trigger: Trigger, schedule: IntervalTrigger) -> None:
        async def ring() -> None:
            trigger.ring()

        self._scheduler.add_job(
            ring,
            schedule,
            id=trigger.name,
            name=trigger.name,
            replace_existing=True,
            misfire_grace_time=None,
            coalesce=True,
        )

    def forget(self, name: str) -> None:
        """No more ringing under this name."""
        if self._triggers.pop(name, None) is not None:
            self._scheduler.remove_job(name)

    async def run(self, stop: asyncio.Event) -> None:
        """Sets triggers until stopped; begun again after a failure it arms all of them again.

        Raises:
            SchedulerStopped: APScheduler has stopped by itself, as it does when a trigger raises.
        """
        # Its shutdown is not over when it returns, and takes all jobs along.
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        for trigger, schedule in self._triggers.values():
            self._arm(trigger, schedule)
        self._scheduler.start()
        try:
            await self._watch_clock(stop)
        finally:
            self._scheduler.shutdown(wait=False)

    async def _watch_clock(self, stop: asyncio.Event) -> None:
        wall, steady = self._clock.now(), self._clock.monotonic()
        while not stop.is_set():
            await stopped_within(stop, LOOK_EVERY)
            passed = timedelta(seconds=self._clock.monotonic() - steady)
            if abs((self._clock.now() - wall) - passed) > STEP:
                log.warning(
                    "clock_stepped", by_s=((self._clock.now() - wall) - passed).total_seconds()
                )
                for trigger, schedule in self._triggers.values():
                    self._arm(trigger, schedule)
                    trigger.ring()
            else:
                self._require_life()
            wall, steady = self._clock.now(), self._clock.monotonic()

    def _require_life(self) -> None:
        earliest = next(iter(self._scheduler.get_jobs()), None)
        due = None if earliest is None else earliest.next_run_time
        if due is not None and self._clock.now() - due > OVERDUE:
            raise SchedulerStopped
