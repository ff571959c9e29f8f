"""Rate limits as vendors keep them: fixed windows, token buckets, parallel calls."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
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


class FixedWindow:
    """A number of requests per window; a window begins with the first request after the last one."""

    def __init__(
        self,
        limit: int,
        window_s: float,
        *,
        names: HeaderNames | None = None,
        epoch_s: Callable[[], float] | None = None,
    ) -> None:
        """`epoch_s` makes the reset header an epoch second instead of seconds to wait."""
        self.limit = limit
        self.window_s = window_s
        self._names = names or HeaderNames()
        self._epoch_s = epoch_s
        self._ends = 0.0
        self._used = 0

    def admit(self, now: float) -> Denied | None:
        """None while the window has room."""
        if now >= self._ends:
            self._ends, self._used = now + self.window_s, 0
        if self._used >= self.limit:
            headers = self.headers(now)
            if self._names.retry_after:
                headers[self._names.retry_after] = str(math.ceil(self._ends - now))
            return Denied(self._ends - now, headers)
        self._used += 1
        return None

    def headers(self, now: float) -> dict[str, str]:
        """Limit, remaining and reset under the vendor's names."""
        left = max(0.0, self._ends - now)
        reset = math.ceil(self._epoch_s() + left) if self._epoch_s else math.ceil(left)
        left_over = max(0, self.limit - self._used)
        return self._names.shown(limit=self.limit, remaining=left_over, reset=reset)


class SlidingWindow:
    """A number of requests in any period of that length, wherever it begins."""

    def __init__(self, limit: int, window_s: float, *, names: HeaderNames | None = None) -> None:
        self.limit = limit
        self.window_s = window_s
        self._names = names or HeaderNames()
        self._admitted: deque[float] = deque()

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
        return self._names.shown(limit=self.limit, remaining=remaining)

    def _forget(self, now: float) -> None:
        while self._admitted and self._admitted[0] <= now - self.window_s:
            self._admitted.popleft()


class TokenBucket:
    """A steady rate with a burst; no headers."""

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._level = float(burst)
        self._seen: float | None = None

    def admit(self, now: float) -> Denied | None:
        """None while the bucket holds a token."""
        since = 0.0 if self._seen is None else now - self._seen
        self._level = min(float(self.burst), self._level + since * self.rate_per_s)
        self._seen = now
        if self._level < 1.0:
            return Denied((1.0 - self._level) / self.rate_per_s, {})
        self._level -= 1.0
        return None

    def headers(self, now: float) -> dict[str, str]:  # noqa: ARG002 (the Protocol's shape)
        """Nothing: the vendor sends none."""
        return {}


class Parallel:
    """At most so many requests under way at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0

    def enter(self) -> bool:
        """True when there was room; then `leave` must follow."""
        if self.running >= self.limit:
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        """A request that had entered is done."""
        self.running -= 1
