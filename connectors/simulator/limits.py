"""Rate limits as vendors keep them: fixed windows, token buckets, parallel calls."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Denied:
    """Too much: how long the client must wait, and what the answer's headers say about it."""

    wait_s: float
    headers: dict[str, str]


class Limit(Protocol):
    """Decides about each request; `now` is monotonic time."""

    def admit(self, now: float) -> Denied | None:
        """None when the request may pass, which uses up a part of the budget."""

    def headers(self, now: float) -> dict[str, str]:
        """The headers about the budget in every answer."""


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """A vendor's names of its rate-limit headers; None where it sends none."""

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    retry_after: str | None = None

    def shown(self, *, limit: int, remaining: int, reset: int = 0) -> dict[str, str]:
        """The headers about a budget, under the vendor's names."""
        said = {self.limit: limit, self.remaining: remaining, self.reset: reset}
        return {name: str(value) for name, value in said.items() if name}


@dataclass(slots=True)
class FixedWindow:
    """A number of requests per window; a window begins with the first request after the last one."""

    limit: int
    window_s: float
    names: HeaderNames = HeaderNames()
    epoch_s: Callable[[], float] | None = None
    """Makes the reset header an epoch second instead of seconds to wait."""
    _ends: float = field(default=0.0, init=False)
    _used: int = field(default=0, init=False)

    def admit(self, now: float) -> Denied | None:
        if now >= self._ends:
            self._ends, self._used = now + self.window_s, 0
        if self._used >= self.limit:
            headers = self.headers(now)
            if self.names.retry_after:
                headers[self.names.retry_after] = str(math.ceil(self._ends - now))
            return Denied(self._ends - now, headers)
        self._used += 1
        return None

    def headers(self, now: float) -> dict[str, str]:
        """Limit, remaining and reset under the vendor's names."""
        left = max(0.0, self._ends - now)
        reset = math.ceil(self.epoch_s() + left) if self.epoch_s else math.ceil(left)
        left_over = max(0, self.limit - self._used)
        return self.names.shown(limit=self.limit, remaining=left_over, reset=reset)


@dataclass(slots=True)
class SlidingWindow:
    """A number of requests in any period of that length, wherever it begins."""

    limit: int
    window_s: float
    names: HeaderNames = HeaderNames()
    _admitted: deque[float] = field(default_factory=deque, init=False)

    def admit(self, now: float) -> Denied | None:
        """None while fewer than the limit were admitted in the window that ends now."""
        self._forget(now)
        if len(self._admitted) >= self.limit:
            return Denied(self._admitted[0] + self.window_s - now, self.headers(now))
        self._admitted.append(now)
        return None

    def headers(self, now: float) -> dict[str, str]:
        """Limit and remaining under the vendor's names."""
        self._forget(now)
        remaining = self.limit - len(self._admitted)
        return self.names.shown(limit=self.limit, remaining=remaining)

    def _forget(self, now: float) -> None:
        while self._admitted and self._admitted[0] <= now - self.window_s:
            self._admitted.popleft()


@dataclass(slots=True)
class TokenBucket:
    """A steady rate with a burst; no headers."""

    rate_per_s: float
    burst: int
    _spent: float = field(default=0.0, init=False)
    _seen: float = field(default=0.0, init=False)

    def admit(self, now: float) -> Denied | None:
        self._spent = max(0.0, self._spent - (now - self._seen) * self.rate_per_s)
        self._seen = now
        missing = self._spent + 1.0 - self.burst
        if missing > 0.0:
            return Denied(missing / self.rate_per_s, {})
        self._spent += 1.0
        return None

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002 (the Protocol's shape)
        """Nothing: the vendor sends none."""
        return {}


@dataclass(slots=True)
class Parallel:
    """At most so many requests under way at once."""

    limit: int
    running: int = 0

    def enter(self) -> bool:
        """True when there was room; then `leave` must follow."""
        if self.running >= self.limit:
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        self.running -= 1
