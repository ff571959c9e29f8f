"""One budget per credential: every request waits here until the vendor's limits have room for it.

Nothing is counted back: a request that failed was still a request.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from connectors.clock import ConnectorClock, LoopClock
from connectors.definition.limits import BucketLimit, Limits, WindowLimit
from connectors.http.limiters import (
    LEAST_PAUSE_S,
    MARGIN_S,
    BucketLimiter,
    RateLimiter,
    RequestClass,
    WindowLimiter,
)
from connectors.http.pause_headers import requested_pause
from connectors.http.request_queue import NEVER, RequestQueue, Slots, Waiter, wake
from connectors.times import http_date
from models.backoff import backoff_pause
from models.times import EPOCH

Waiting = Callable[[datetime, str], None]
SLOW_DOWN = "asked to slow down"
"""The reason of a wait after a refusal by the vendor, as against a limit that we keep ourselves."""
NOT_WELL = "not well"
"""The reason of a wait for an ATS that said for how long it is out of order."""
_LEAST_PAUSE = timedelta(seconds=LEAST_PAUSE_S)
_LEAST_PAUSE_IN_THE_END = timedelta(seconds=1)
"""The shortest pause after several refusals in a row, whatever a header says."""


@dataclass(slots=True)
class Budget:
    """Everything that one credential may do at one vendor."""

    limits: Limits
    clock: ConnectorClock = field(default_factory=LoopClock)
    _limiters: list[RateLimiter] = field(init=False)
    _slots: list[Slots] = field(init=False)
    _quiet: dict[bool, "_Quiet"] = field(default_factory=dict)
    """Separately for token requests: until when no one sends."""
    _refusals: dict[bool, int] = field(default_factory=dict)
    """The refusals in a row by the vendor's rate limit."""
    _queue: RequestQueue = field(default_factory=RequestQueue)

    def __post_init__(self) -> None:
        self._limiters, self._slots = [], []
        for limit in self.limits.budgets:
            if isinstance(limit, WindowLimit):
                self._limiters.append(WindowLimiter(limit, self.limits.write_reserve))
            elif isinstance(limit, BucketLimit):
                self._limiters.append(BucketLimiter(limit, self.limits.write_reserve))
            else:
                self._slots.append(Slots(limit))

    @asynccontextmanager
    async def slot(self, request_class: RequestClass, waiting: Waiting) -> AsyncIterator[float]:
        """Waits until a request of this class may be sent, and holds its slots until it has ended.

        Gives the moment (monotonic) at which it may be sent.
        """
        slots = [each for each in self._slots if request_class.concerns(each.only)]
        with self._queue.waiter(request_class, self.clock.monotonic()) as waiter:
            await self._admitted(waiter, slots, waiting)
        try:
            yield self.clock.monotonic()
        finally:
            for each in slots:
                each.release(request_class)

    async def _admitted(self, waiter: Waiter, slots: Sequence[Slots], waiting: Waiting) -> None:
        """Waits until all limits have room, and takes it."""
        request_class = waiter.request_class
        limiters = self._limiters_of(request_class)
        try:
            while True:
                waiter.due, now = NEVER, self.clock.monotonic()
                delay, reason = self._delay(waiter, limiters, now)
                if delay > 0:
                    waiting(self.clock.now() + timedelta(seconds=delay), reason)
                    waiter.due = now + delay
                    wake(slots)
                    await self.clock.sleep(delay)
                elif full := [each for each in slots if not each.has_room(waiter, now)]:
                    await full[0].freed(waiter)
                else:
                    break
            for limiter in limiters:
                limiter.take(now)
            for each in slots:
                each.take(request_class)
        finally:
            wake(slots)

    def _limiters_of(self, request_class: RequestClass) -> list[RateLimiter]:
        return [each for each in self._limiters if request_class.concerns(each.only)]

    def _delay(
        self, waiter: Waiter, limiters: Sequence[RateLimiter], now: float
    ) -> tuple[float, str]:
        """Returns the seconds until a request looks again, and why; 0 when it may be sent."""
        delays = [limiter.delay(now, waiter.request_class) for limiter in limiters]
        quiet = self._quiet.get(waiter.request_class.is_token, _NOT_QUIET)
        delay = max([quiet.until - now, *delays])
        if delay <= 0:
            return self._queue.yielded(waiter, now), "rate limit"
        return delay, quiet.reason if quiet.until - now >= delay else "rate limit"

    def learn(
        self, request_class: RequestClass, headers: Mapping[str, str], sent: float | None = None
    ) -> None:
        """Takes over what the vendor's headers say about its limits; `sent` is from `slot`."""
        limiters = self._limiters_of(request_class)
        if not limiters:
            return
        now = self.clock.monotonic()
        wall = http_date(headers.get("Date")) or self.clock.now()
        for limiter in limiters:
            limiter.learn(headers, now, wall, sent=now if sent is None else sent)

    def accepted(self, request_class: RequestClass) -> None:
        """The vendor did not ask to slow down."""
        self._refusals.pop(request_class.is_token, None)

    def refused(self, request_class: RequestClass, headers: Mapping[str, str]) -> datetime:
        """The vendor asked to slow down: no one sends before the returned moment."""
        seconds = max(self._pause(request_class, headers), self._least_pause(request_class))
        return self._be_quiet(request_class, seconds, SLOW_DOWN)

    def put_off(self, request_class: RequestClass, headers: Mapping[str, str]) -> datetime | None:
        """The vendor is not well: no one sends before the moment that it named, if it named one."""
        wanted = requested_pause(headers, self.limits.retry_after_header, self.clock.now())
        if not wanted:
            return None
        seconds = min(wanted + MARGIN_S, self.limits.longest_pause.total_seconds())
        return self._be_quiet(request_class, max(seconds, LEAST_PAUSE_S), NOT_WELL)

    def _be_quiet(self, request_class: RequestClass, seconds: float, reason: str) -> datetime:
        until = self.clock.monotonic() + seconds
        earlier = self._quiet.get(request_class.is_token, _NOT_QUIET)
        if until > earlier.until:
            wall = self.clock.now() + timedelta(seconds=seconds)
            self._quiet[request_class.is_token] = earlier = _Quiet(until, wall, reason)
        return earlier.wall

    def _pause(self, request_class: RequestClass, headers: Mapping[str, str]) -> float:
        longest = self.limits.longest_pause.total_seconds()
        wanted = requested_pause(headers, self.limits.retry_after_header, self.clock.now())
        if wanted:
            return min(wanted + MARGIN_S, longest)
        now = self.clock.monotonic()
        first = replace(request_class, is_urgent=True, is_background=False)
        resets = [limiter.delay(now, first) for limiter in self._limiters_of(request_class)]
        known = max(resets, default=0.0)
        return min(known or self.limits.pause.total_seconds(), longest)

    def _least_pause(self, request_class: RequestClass) -> float:
        earlier = self._refusals.get(request_class.is_token, 0)
        self._refusals[request_class.is_token] = earlier + 1
        return backoff_pause(
            earlier + 1, first=_LEAST_PAUSE, longest=_LEAST_PAUSE_IN_THE_END
        ).total_seconds()


class _Quiet(msgspec.Struct, frozen=True):
    """No one sends before `until` (monotonic), which is `wall` by the calendar."""

    until: float
    wall: datetime
    reason: str


_NOT_QUIET = _Quiet(float("-inf"), EPOCH, "")
