"""The simulated ATS's own time: real time plus an offset, or frozen and advanced by hand."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SimClock:
    """The time that every timestamp, token expiry and `Date` header of a simulator follows."""

    def __init__(self, *, not_before_ms: int = 0, real: Callable[[], float] = time.time) -> None:
        """A clock that never shows less than `not_before_ms` and otherwise follows `real`."""
        self._real = real
        self._offset_ms = max(0, not_before_ms - self._real_ms())
        self._frozen_ms: int | None = None

    @property
    def frozen(self) -> bool:
        return self._frozen_ms is not None

    def now_ms(self) -> int:
        """The present moment in milliseconds since 1970."""
        return self._real_ms() + self._offset_ms if self._frozen_ms is None else self._frozen_ms

    def freeze(self, at_ms: int | None = None) -> None:
        self._frozen_ms = self.now_ms() if at_ms is None else at_ms

    def resume(self) -> None:
        """Lets the clock continue from the time it shows."""
        if self._frozen_ms is not None:
            self._offset_ms = self._frozen_ms - self._real_ms()
            self._frozen_ms = None

    def advance(self, seconds: float) -> None:
        """Move the clock forward (or back) by so many seconds, frozen or not."""
        step = round(seconds * 1000)
        if self._frozen_ms is None:
            self._offset_ms += step
        else:
            self._frozen_ms += step

    def _real_ms(self) -> int:
        return int(self._real() * 1000)


def moment(ms: int | None) -> datetime | None:
    """The UTC datetime of a moment in milliseconds; None stays None."""
    return None if ms is None else EPOCH + timedelta(milliseconds=ms)


@overload
def iso(ms: int) -> str: ...


@overload
def iso(ms: int | None) -> str | None: ...


def iso(ms: int | None) -> str | None:
    """ISO 8601 with milliseconds and a final Z; None stays None."""
    at = moment(ms)
    return None if at is None else at.isoformat(timespec="milliseconds")[:-6] + "Z"


def http_date(ms: int) -> str:
    """The same moment as HTTP headers write it."""
    return format_datetime((EPOCH + timedelta(milliseconds=ms)).replace(microsecond=0), usegmt=True)


def parse_ms(text: str) -> int | None:
    """Milliseconds of an ISO 8601 moment with a zone; None when the text is not one."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        return None
    return (parsed - EPOCH) // timedelta(milliseconds=1)
