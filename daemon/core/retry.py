"""Pauses between attempts, random and growing, and the horizon after which they end: of pushes and of files."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from models.backoff import backoff_pause

Jitter = Callable[[], float]
"""Uniform in [0, 1)."""


class RetryRule(msgspec.Struct, frozen=True):
    """Pauses between attempts, and the time after which a push is given up."""

    floor: timedelta = timedelta(milliseconds=250)
    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(days=7)


def next_attempt(
    rule: RetryRule, *, attempts: int, first_attempt_at: datetime, now: datetime, jitter: Jitter
) -> datetime | None:
    """Returns the moment of the attempt after the `attempts`-th failed one; None to give up.

    The last attempt falls on the horizon itself, so that a short outage at the end is not fatal.
    """
    end = first_attempt_at + rule.horizon
    if now >= end:
        return None
    pause = backoff_pause(attempts, first=rule.base, longest=rule.cap, certain=0.0, chance=jitter())
    return min(now + max(pause, min(rule.floor, rule.base)), end)
