"""Work that a loop repeats at an interval, beside its other work."""

from collections.abc import Callable


class Interval:
    """An interval in seconds, on a monotonic clock."""

    def __init__(
        self, every_s: float, monotonic: Callable[[], float], *, due_now: bool = False
    ) -> None:
        self._every_s = every_s
        self._monotonic = monotonic
        self._due_at = float("-inf") if due_now else monotonic() + every_s

    @property
    def has_passed(self) -> bool:
        return self._monotonic() >= self._due_at

    def restart(self) -> None:
        self._due_at = self._monotonic() + self._every_s

    def expire(self) -> None:
        self._due_at = float("-inf")

    def restart_if_passed(self) -> bool:
        """Returns True once per interval: it restarts then."""
        if not self.has_passed:
            return False
        self.restart()
        return True
