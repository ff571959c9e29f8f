"""Keeps a loop going: what fails is logged once, reported, and tried again with growing pauses."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import msgspec
import structlog

from daemon.core.unexpected import stack, unexpected
from models.backoff import backoff_pause

log = structlog.get_logger(__name__)

LONGEST_SETTLING = timedelta(minutes=5)


Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Work that goes on until its event is set."""


class Backoff(msgspec.Struct, frozen=True):
    """Pauses that double from `base` up to `cap`, half of each left to chance."""

    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=5)
    settled_after: timedelta = timedelta(seconds=10)
    """The least time that a new attempt must live to count as recovered."""
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> timedelta:
        """The pause after this many failures in a row, at least half of its nominal length."""
        return backoff_pause(
            failures, first=self.base, longest=self.cap, certain=0.5, chance=self.chance()
        )

    def settling(self, longest_life: timedelta) -> timedelta:
        """Returns the time that an attempt must live to count as recovered.

        A loop that lives for a minute each time before it fails has not recovered after ten seconds.
        """
        return max(self.settled_after, min(2 * longest_life, LONGEST_SETTLING))


class LoopObserver(Protocol):
    """Notes failures and recoveries of loops, by name. Must not raise."""

    def failed(self, loop: str, error: BaseException) -> None:
        """The loop ended with an error, and is begun again."""

    def worked(self, loop: str) -> None:
        """The loop did its work, or has lived long enough since its last failure."""


class LoopEnded(Exception):
    """A loop that works until it is stopped has ended by itself."""


def must_pass(error: BaseException) -> bool:
    """Returns True for what no border may hold back: the end of the process or of the task.

    A `CancelledError` that comes although nothing has cancelled the task is a failure like any
    other: it would end a loop without a trace.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


async def supervise(
    name: str,
    work: Loop,
    backoff: Backoff,
    *,
    stop: asyncio.Event,
    observer: LoopObserver | None = None,
) -> None:
    """Runs work that is to go on until `stop` is set, and begins it again after an error.

    Its errors never leave this function. Work that ends by itself has failed.
    """
    health = _Health(name, observer)
    while not stop.is_set():
        loop = asyncio.get_running_loop()
        began = loop.time()
        settled = loop.call_later(
            backoff.settling(health.longest_life).total_seconds(), health.recovered
        )
        try:
            await _until_stopped(work, stop)
        except BaseException as error:
            if must_pass(error):
                raise
            health.failed(error, lived=timedelta(seconds=loop.time() - began))
        else:
            health.recovered()
            return
        finally:
            settled.cancel()
        await stopped_within(stop, backoff.pause(health.failures))


async def _until_stopped(work: Loop, stop: asyncio.Event) -> None:
    await work(stop)
    if not stop.is_set():
        raise LoopEnded


async def stopped_within(stop: asyncio.Event, pause: timedelta) -> bool:
    """Waits for the pause to pass (False) or for `stop` (True), whichever comes first."""
    try:
        async with asyncio.timeout(pause.total_seconds()):
            return await stop.wait()
    except TimeoutError:
        return False


@dataclass(slots=True)
class _Health:
    """Logs the transitions only, not each repeat."""

    name: str
    observer: LoopObserver | None
    failures: int = 0
    since: float = field(default=0.0)
    longest_life: timedelta = timedelta(0)

    def failed(self, error: BaseException, *, lived: timedelta) -> None:
        self.failures += 1
        self.longest_life = max(self.longest_life, lived)
        found = unexpected(error)
        if self.failures == 1:
            self.since = asyncio.get_running_loop().time()
            log.error("task_failed", task=self.name, error=str(found), stack=stack(error))
        else:
            log.debug("task_failed_again", task=self.name, failures=self.failures, error=str(found))
        if self.observer is not None:
            self.observer.failed(self.name, error)

    def recovered(self) -> None:
        if self.failures:
            down = asyncio.get_running_loop().time() - self.since
            log.info(
                "task_recovered", task=self.name, after_s=round(down, 1), failures=self.failures
            )
            self.failures = 0
            self.longest_life = timedelta(0)
        if self.observer is not None:
            self.observer.worked(self.name)
