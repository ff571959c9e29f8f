"""Keeps one integration's work going: what fails is logged once, and tried again with growing pauses."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
import structlog

log = structlog.get_logger(__name__)


class Backoff(msgspec.Struct, frozen=True):
    """Pauses that double from `base` up to `cap`, half of each left to chance."""

    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=5)
    settled_after: timedelta = timedelta(minutes=1)
    """How long a new attempt must live to count as recovered."""
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> timedelta:
        """The pause after this many failures in a row, at least half of its nominal length."""
        doublings = min(failures - 1, 32)
        nominal = min(self.cap, self.base * (1 << doublings))
        return nominal * (0.5 + self.chance() / 2)


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    backoff: Backoff,
    *,
    stop: asyncio.Event,
) -> None:
    """Runs `run` again and again until it returns or `stop` is set; its errors never leave this function."""
    health = _Health(name)
    while not stop.is_set():
        settled = asyncio.get_running_loop().call_later(
            backoff.settled_after.total_seconds(), health.recovered
        )
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - one integration must not stop the others
            health.failed(error)
        else:
            health.recovered()
            return
        finally:
            settled.cancel()
        await stopped_within(stop, backoff.pause(health.failures))


async def stopped_within(stop: asyncio.Event, pause: timedelta) -> bool:
    """Waits for the pause to pass (False) or for `stop` (True), whichever comes first."""
    try:
        async with asyncio.timeout(pause.total_seconds()):
            return await stop.wait()
    except TimeoutError:
        return False


@dataclass(slots=True)
class _Health:
    """Speaks on the transitions only, not at each repeat."""

    name: str
    failures: int = 0
    since: float = field(default=0.0)

    def failed(self, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            self.since = asyncio.get_running_loop().time()
            log.error("task_failed", task=self.name, exc_info=error)
        else:
            log.debug("task_failed_again", task=self.name, failures=self.failures, error=error)

    def recovered(self) -> None:
        if self.failures:
            down = asyncio.get_running_loop().time() - self.since
            log.info(
                "task_recovered", task=self.name, after_s=round(down, 1), failures=self.failures
            )
            self.failures = 0
