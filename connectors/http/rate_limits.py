"""One budget per credential: every request waits here until the vendor's limits have room for it.

Nothing is counted back: a request that failed was still a request.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from msgspec.structs import replace

from connectors.clock import ConnectorClock, LoopClock
from connectors.definition.limits import BucketLimit, ConcurrencyLimit, Limits, WindowLimit
from connectors.times import http_date
from models.backoff import backoff_pause
from models.times import EPOCH

Waiting = Callable[[datetime, str], None]
SLOW_DOWN = "asked to slow down"
"""The reason of a wait after a refusal by the vendor, as against a limit that we keep ourselves."""
NOT_WELL = "not well"
"""The reason of a wait for an ATS that said for how long it is out of order."""
LEAST_PAUSE_S = 0.1
"""No pause is shorter, whatever a header says."""
_LEAST_PAUSE_IN_THE_END_S = 1.0
"""The shortest pause after several refusals in a row, whatever a header says."""
_EARLIEST_EPOCH_S = 1e9
_MARGIN_S = 0.05
"""Vendors' windows end a little later than their own headers say."""
_ROUNDED_S = 1.5
"""So much too late a header of whole seconds, and its way, may say that a window ends."""
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,18}(\.[0-9]{1,18})?\s*")


_BACKGROUND = 0.5
_YIELD_S = 0.01


class RequestClass(msgspec.Struct, frozen=True):
    """The kind of a request, by which limits count it: its list or operation, and its effect."""

    operation: str
    is_write: bool = False
    is_token: bool = False
    is_urgent: bool = False
    is_background: bool = False
    """It can wait, as details and analytics can: it leaves half of a bucket to polls and pushes, and
    spreads over a window as evenly as they let it."""

    def left_over(self, reserve: float) -> float:
        """The share of a limit that this request leaves to others."""
        if self.is_background:
            return max(_BACKGROUND, reserve)
        return 0.0 if self.is_write or self.is_urgent else reserve

    def concerns(self, only: Iterable[str]) -> bool:
        """True if a limit with this `only` counts the request."""
        names = set(only)
        if not names:
            return not self.is_token
        kind = "writes" if self.is_write else "token" if self.is_token else None
        return kind in names or self.operation in names


class RateLimiter(Protocol):
    """One limit, as far as time is concerned."""

    def concerns(self, request_class: RequestClass) -> bool: ...

    def delay(self, now: float, request_class: RequestClass) -> float:
        """Seconds until there is room; 0 when there is room now."""
        ...

    def take(self, now: float) -> None: ...

    def learn(
        self, headers: Mapping[str, str], now: float, wall: datetime, *, sent: float
    ) -> None: ...


class WindowLimiter:
    """Limits requests in a window that starts with the first of them or when the vendor says."""

    def __init__(self, limit: WindowLimit, reserve: float) -> None:
        """Start with a fresh window."""
        self._limit = limit
        self._length = limit.per.total_seconds()
        self._allowed = limit.requests
        self._reserve = reserve
        self._ends = float("-inf")
        self._left = self._allowed
        self._began = float("-inf")
        self._answered: float | None = None
        """When the first answer of this window came: the vendor's has begun by then."""

    def concerns(self, request_class: RequestClass) -> bool:
        """True if the limit counts the request."""
        return request_class.concerns(self._limit.only)

    def delay(self, now: float, request_class: RequestClass) -> float:
        """Until the window ends, once it is used up."""
        if now >= self._ends:
            self._left = self._allowed
            return 0.0
        if request_class.is_background:
            return self._background_delay(now)
        kept = _kept(self._allowed, request_class.left_over(self._reserve))
        return self._ends - now if self._left <= kept else 0.0

    def _background_delay(self, now: float) -> float:
        """Until as much of the window has passed as is used of it.

        So requests that can wait use up the whole limit, evenly: whatever comes in between finds room,
        but for the last moments of the window.
        """
        ahead = self._length * self._left / self._allowed if self._left > 0 else 0.0
        return max(0.0, self._ends - now - ahead)

    def take(self, now: float) -> None:
        """Count one request."""
        if now >= self._ends:
            self._ends, self._left = now + self._length, self._allowed
            self._began, self._answered = now, None
        self._left -= 1

    def learn(self, headers: Mapping[str, str], now: float, wall: datetime, *, sent: float) -> None:
        """Believes the vendor where it counts fewer than we do, and about the window's end.

        What it says of a request of an earlier window is over.
        """
        if sent < self._began:
            return
        if self._answered is None:
            self._answered = now
        allowed = _number(headers, self._limit.limit_header)
        if allowed is not None and 1 <= allowed <= 1_000_000:
            self._left += int(allowed) - self._allowed
            self._allowed = int(allowed)
        left = _number(headers, self._limit.remaining_header)
        ends = self._end_said(headers, now, wall)
        latest = self._answered + self._length
        if ends is not None and ends > latest + _ROUNDED_S:
            # The vendor has begun another window than ours, or its windows are longer than it says.
            self._began, self._answered, latest = sent, now, ends
            self._left = self._allowed - 1 if left is None else int(left)
        elif left is not None:
            self._left = min(self._left, int(left))
        if ends is not None:
            self._ends = max(min(ends, latest) + _MARGIN_S, now + LEAST_PAUSE_S)

    def _end_said(self, headers: Mapping[str, str], now: float, wall: datetime) -> float | None:
        """Returns when the vendor's window ends; None where it does not say it, or nothing credible."""
        reset = _number(headers, self._limit.reset_header)
        if reset is None:
            return None
        seconds = reset
        if self._limit.reset_as != "seconds_left":
            scale = 1.0 if self._limit.reset_as == "epoch_s" else 1000.0
            seconds = reset / scale - wall.timestamp()
        return now + seconds if -60 < seconds <= self._length * 1.5 + 1 else None


class BucketLimiter:
    """A token bucket that fills steadily."""

    def __init__(self, limit: BucketLimit, reserve: float) -> None:
        """Start full."""
        self._limit = limit
        self._rate = limit.requests / limit.per.total_seconds()
        self._level = float(limit.burst)
        self._at: float | None = None
        self._reserve = reserve

    def concerns(self, request_class: RequestClass) -> bool:
        """True if the limit counts the request."""
        return request_class.concerns(self._limit.only)

    def delay(self, now: float, request_class: RequestClass) -> float:
        """Until there is a whole token, above the reserve for a read."""
        self._fill(now)
        wanted = 1 + _kept(self._limit.burst, request_class.left_over(self._reserve))
        return max(0.0, (wanted - self._level) / self._rate)

    def take(self, now: float) -> None:
        """Take one token."""
        self._fill(now)
        self._level -= 1

    def learn(self, headers: Mapping[str, str], now: float, wall: datetime, *, sent: float) -> None:
        """Does nothing: vendors with buckets send no headers about them."""

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self._limit.burst, self._level + (now - self._at) * self._rate)
        self._at = now


def _kept(allowed: int, reserve: float) -> int:
    """Returns the requests that reads leave to writes; a limit of few requests reserves none."""
    return min(int(allowed * reserve), allowed - 1)


@dataclass(slots=True)
class Budget:
    """Everything that one credential may do at one vendor."""

    limits: Limits
    clock: ConnectorClock = field(default_factory=LoopClock)
    _limiters: list[RateLimiter] = field(init=False)
    _slots: list["_Slots"] = field(init=False)
    _quiet: dict[bool, "_Quiet"] = field(default_factory=dict)
    """Separately for token requests: until when no one sends."""
    _refusals: dict[bool, int] = field(default_factory=dict)
    """The refusals in a row by the vendor's rate limit."""
    _in_front: dict[object, float] = field(default_factory=dict)
    """Of requests that cannot wait as long as those in the background: when each looks again."""

    def __post_init__(self) -> None:
        self._limiters, self._slots = [], []
        for limit in self.limits.budgets:
            if isinstance(limit, WindowLimit):
                self._limiters.append(WindowLimiter(limit, self.limits.write_reserve))
            elif isinstance(limit, BucketLimit):
                self._limiters.append(BucketLimiter(limit, self.limits.write_reserve))
            else:
                self._slots.append(_Slots(limit))

    @asynccontextmanager
    async def slot(self, request_class: RequestClass, waiting: Waiting) -> AsyncIterator[float]:
        """Waits until a request of this class may be sent, and holds its slot until it has ended.

        Gives the moment (monotonic) at which it may be sent.
        """
        if not self._slots:
            await self._wait(request_class, waiting)
            yield self.clock.monotonic()
            return
        async with AsyncExitStack() as held:
            for slots in self._slots:
                for each in slots.wanted_by(request_class):
                    await held.enter_async_context(each)
            await self._wait(request_class, waiting)
            yield self.clock.monotonic()

    async def _wait(self, request_class: RequestClass, waiting: Waiting) -> None:
        limiters = [limiter for limiter in self._limiters if limiter.concerns(request_class)]
        mine = object()
        try:
            while True:
                now = self.clock.monotonic()
                delays = [limiter.delay(now, request_class) for limiter in limiters]
                quiet = self._quiet.get(request_class.is_token, _NOT_QUIET)
                delay = max([quiet.until - now, *delays])
                if delay <= 0 and request_class.is_background:
                    delay = self._yielded(now)
                if delay <= 0:
                    for limiter in limiters:
                        limiter.take(now)
                    return
                reason = quiet.reason if quiet.until - now >= delay else "rate limit"
                waiting(self.clock.now() + timedelta(seconds=delay), reason)
                if not request_class.is_background:
                    self._in_front[mine] = now + delay
                await self.clock.sleep(delay)
        finally:
            self._in_front.pop(mine, None)

    def _yielded(self, now: float) -> float:
        """Returns the seconds for which one in the background leaves what is free to one in front."""
        return _YIELD_S if any(due <= now + _YIELD_S for due in self._in_front.values()) else 0.0

    def learn(
        self, request_class: RequestClass, headers: Mapping[str, str], sent: float | None = None
    ) -> None:
        """Takes over what the vendor's headers say about its limits; `sent` is from `slot`."""
        limiters = [limiter for limiter in self._limiters if limiter.concerns(request_class)]
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
        seconds = min(wanted + _MARGIN_S, self.limits.longest_pause.total_seconds())
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
            return min(wanted + _MARGIN_S, longest)
        now = self.clock.monotonic()
        first = replace(request_class, is_urgent=True, is_background=False)
        resets = [
            limiter.delay(now, first)
            for limiter in self._limiters
            if limiter.concerns(request_class)
        ]
        known = max(resets, default=0.0)
        return min(known or self.limits.pause.total_seconds(), longest)

    def _least_pause(self, request_class: RequestClass) -> float:
        earlier = self._refusals.get(request_class.is_token, 0)
        self._refusals[request_class.is_token] = earlier + 1
        first, longest = (
            timedelta(seconds=LEAST_PAUSE_S),
            timedelta(seconds=_LEAST_PAUSE_IN_THE_END_S),
        )
        return backoff_pause(earlier + 1, first=first, longest=longest).total_seconds()


class _Slots:
    """Limits the requests that are under way; those in the background hold half of them at most.

    A slot is held while its request waits for other limits: if details held all of them, a push would wait
    for each.
    """

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self._only = limit.only
        self._all = asyncio.Semaphore(limit.at_once)
        self._background = asyncio.Semaphore(max(1, int(limit.at_once * _BACKGROUND)))

    def wanted_by(self, request_class: RequestClass) -> Iterable[asyncio.Semaphore]:
        """Returns what the request has to hold, in this order."""
        if not request_class.concerns(self._only):
            return ()
        return (self._background, self._all) if request_class.is_background else (self._all,)


class _Quiet(msgspec.Struct, frozen=True):
    """No one sends before `until` (monotonic), which is `wall` by the calendar."""

    until: float
    wall: datetime
    reason: str


_NOT_QUIET = _Quiet(float("-inf"), EPOCH, "")


def requested_pause(headers: Mapping[str, str], name: str, wall: datetime) -> float | None:
    """Returns the seconds that a header says to wait; None if it says none, or cannot be read.

    It may be given as seconds, as a date, or as the moment in seconds or milliseconds since 1970.
    0.0 is for none, negative ones and the past: that is no hint when to try again.
    """
    text = headers.get(name)
    if text is None:
        return None
    present = http_date(headers.get("Date")) or wall
    number = _number(headers, name)
    if number is not None:
        return max(0.0, _seconds_from(number, present))
    moment = http_date(text)
    return None if moment is None else max(0.0, (moment - present).total_seconds())


def _seconds_from(number: float, present: datetime) -> float:
    """No ATS sets a pause of years: so large a number is a moment."""
    if number < _EARLIEST_EPOCH_S:
        return number
    epoch_s = number / 1000 if number >= _EARLIEST_EPOCH_S * 1000 else number
    return epoch_s - present.timestamp()


def _number(headers: Mapping[str, str], name: str | None) -> float | None:
    """A finite number; any other text of the header is no number."""
    text = headers.get(name, "") if name is not None else ""
    return float(text) if _NUMBER.fullmatch(text) else None
