"""The limits that a vendor publishes, each counted by itself.

Nothing is counted back: a request that failed was still a request.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.definition.limits import BucketLimit, WindowLimit
from connectors.http.pause_headers import number_of

LEAST_PAUSE_S = 0.1
"""No pause is shorter, whatever a header says."""
MARGIN_S = 0.05
"""Vendors' windows end a little later than their own headers say."""
_ROUNDED_S = 1.5
"""So much too late a header of whole seconds, and its way, may say that a window ends."""
BACKGROUND = 0.5
"""The share of a limit that requests in the background leave to others."""


class RequestClass(msgspec.Struct, frozen=True):
    """The kind of a request, by which limits count it: its list or operation, and its effect."""

    operation: str
    is_write: bool = False
    is_token: bool = False
    is_urgent: bool = False
    """A read that a write waits for: it may use what is reserved for writes."""
    is_background: bool = False
    """It can wait, as details and analytics can: it leaves half of a bucket to polls and pushes, and
    spreads over a window as evenly as they let it."""

    @property
    def rank(self) -> int:
        """Its rank among those that wait, the lowest first. All others wait for a token."""
        if self.is_background:
            return 2
        return 0 if self.is_write or self.is_urgent or self.is_token else 1

    def left_over(self, reserve: float) -> float:
        """The share of a limit that this request leaves to others."""
        if self.is_background:
            return max(BACKGROUND, reserve)
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

    only: list[str]
    """The requests that it counts; see `RequestClass.concerns`."""

    def delay(self, now: float, request_class: RequestClass) -> float:
        """Seconds until there is room; 0 when there is room now."""

    def take(self, now: float) -> None: ...

    def learn(
        self, headers: Mapping[str, str], now: float, wall: datetime, *, sent: float
    ) -> None: ...


class WindowLimiter:
    """Limits requests in a window that starts with the first of them or when the vendor says."""

    def __init__(self, limit: WindowLimit, reserve: float) -> None:
        self.only = limit.only
        self._limit = limit
        self._length = limit.per.total_seconds()
        self._allowed = limit.requests
        self._reserve = reserve
        self._ends = float("-inf")
        self._left = self._allowed
        self._began = float("-inf")
        self._answered: float | None = None
        """When the first answer of this window came: the vendor's has begun by then."""

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
        allowed = number_of(headers, self._limit.limit_header)
        if allowed is not None and 1 <= allowed <= 1_000_000:
            self._left += int(allowed) - self._allowed
            self._allowed = int(allowed)
        left = number_of(headers, self._limit.remaining_header)
        ends = self._end_said(headers, now, wall)
        latest = self._answered + self._length
        if ends is not None and ends > latest + _ROUNDED_S:
            # The vendor has begun another window than ours, or its windows are longer than it says.
            self._began, self._answered, latest = sent, now, ends
            self._left = self._allowed - 1 if left is None else int(left)
        elif left is not None:
            self._left = min(self._left, int(left))
        if ends is not None:
            self._ends = max(min(ends, latest) + MARGIN_S, now + LEAST_PAUSE_S)

    def _end_said(self, headers: Mapping[str, str], now: float, wall: datetime) -> float | None:
        """Returns when the vendor's window ends; None where it does not say it, or nothing credible."""
        reset = number_of(headers, self._limit.reset_header)
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
        self.only = limit.only
        self._limit = limit
        self._rate = limit.requests / limit.per.total_seconds()
        self._level = float(limit.burst)
        self._at: float | None = None
        self._reserve = reserve

    def delay(self, now: float, request_class: RequestClass) -> float:
        """Until there is a whole token, above the reserve for a read."""
        self._fill(now)
        wanted = 1 + _kept(self._limit.burst, request_class.left_over(self._reserve))
        return max(0.0, (wanted - self._level) / self._rate)

    def take(self, now: float) -> None:
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
