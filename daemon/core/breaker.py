"""A circuit breaker: it stops requests to an ATS that keeps failing, and lets probes through."""

from collections import deque
from datetime import timedelta

import msgspec

from models.backoff import backoff_pause


class BreakerRule(msgspec.Struct, frozen=True):
    """The failures that open the breaker, and the pauses between probes. Times in seconds."""

    window_s: float = 60.0
    least_calls: int = 20
    failure_share: float = 0.5
    failures_in_a_row: int = 10
    first_probe_s: float = 30.0
    longest_probe_s: float = 900.0


class Breaker:
    """Counts answers on a monotonic clock that the caller reads."""

    def __init__(self, rule: BreakerRule | None = None) -> None:
        self._rule = rule or BreakerRule()
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._in_a_row = 0
        self._openings = 0
        """Openings since the last success, failed probes included."""
        self._pause_s = 0.0
        self._probe_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """True from when it opened until a probe succeeded."""
        return self._probe_at is not None

    @property
    def holds_back(self) -> bool:
        """True while it is open and no probe is in progress."""
        return self.is_open and not self._probing

    def wait(self, now: float) -> float:
        """Returns the seconds until a request may be sent; 0.0 if it may be sent now."""
        if self._probe_at is None:
            return 0.0
        if self._probing:
            return self._pause_s
        return max(0.0, self._probe_at - now)

    def begin_probe(self) -> None:
        """Begins the one request that an open breaker lets through."""
        self._probing = self.is_open

    def succeeded(self, now: float) -> bool:
        """Counts an answer; True if that closed the breaker."""
        closed = self.is_open
        if closed:
            self._calls.clear()
            self._failures = 0
        self._probe_at, self._probing, self._openings, self._in_a_row = None, False, 0, 0
        self._count(now, failed=False)
        return closed

    def failed(self, now: float) -> bool:
        """Counts a failure; True if that opened the breaker."""
        self._in_a_row += 1
        self._count(now, failed=True)
        if self.is_open:
            if self._probing:
                self._wait_longer(now)
            return False
        if not self._too_many():
            return False
        self._wait_longer(now)
        return True

    def end_probe(self) -> None:
        """Ends a probe without a result: the next request is a probe."""
        self._probing = False

    def _wait_longer(self, now: float) -> None:
        self._openings += 1
        self._pause_s = backoff_pause(
            self._openings,
            first=timedelta(seconds=self._rule.first_probe_s),
            longest=timedelta(seconds=self._rule.longest_probe_s),
        ).total_seconds()
        self._probe_at = now + self._pause_s
        self._probing = False

    def _count(self, now: float, *, failed: bool) -> None:
        self._calls.append((now, failed))
        self._failures += failed
        while self._calls and self._calls[0][0] <= now - self._rule.window_s:
            self._failures -= self._calls.popleft()[1]

    def _too_many(self) -> bool:
        if self._in_a_row >= self._rule.failures_in_a_row:
            return True
        calls = len(self._calls)
        return (
            calls >= self._rule.least_calls and self._failures >= calls * self._rule.failure_share
        )
