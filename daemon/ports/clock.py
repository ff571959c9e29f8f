"""Time, passed in so that tests can move it."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The present moment and the passing of time."""

    def now(self) -> datetime:
        """UTC, in milliseconds."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, duration: timedelta) -> Awaitable[None]: ...
