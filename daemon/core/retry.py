"""When a failed push is tried again: jitter between a floor and a cap, and a horizon after which a person looks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

Jitter = Callable[[], float]
"""Uniform in [0, 1)."""


class RetryRule(msgspec.Struct, frozen=True):
    """How long to go on trying."""

    floor: timedelta = timedelta(milliseconds=250)
    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(days=7)


class RetryAt(msgspec.Struct, frozen=True):
    """Try again then."""

    at: datetime


class GiveUp(msgspec.Struct, frozen=True):
    """The horizon is behind us."""


def next_attempt(
    rule: RetryRule, *, attempts: int, first_attempt_at: datetime, now: datetime, jitter: Jitter
) -> RetryAt | GiveUp:
    """What follows the `attempts`-th failed attempt.

    The last try falls on the horizon itself, so that a short outage at the end is not fatal.
    """
    end = first_attempt_at + rule.horizon
    if now >= end:
        return GiveUp()
    return RetryAt(min(now + backoff(rule, attempts, jitter()), end))


def backoff(rule: RetryRule, attempts: int, fraction: float) -> timedelta:
    """A random part of the exponentially growing, capped delay, but no less than the floor."""
    doublings = min(max(attempts - 1, 0), 40)
    ceiling: timedelta = min(rule.cap, rule.base * 2**doublings)
    return max(ceiling * fraction, min(rule.floor, ceiling))
