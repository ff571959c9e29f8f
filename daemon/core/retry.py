"""When a failed push is tried again: full jitter, a cap, and a horizon after which a person looks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

Jitter = Callable[[], float]
"""Uniform in [0, 1)."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How long to go on trying."""

    base: timedelta = timedelta(seconds=2)
    cap: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
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
    """A random part of the exponentially growing, capped delay."""
    doublings = min(max(attempts - 1, 0), 40)
    ceiling: timedelta = min(rule.cap, rule.base * 2**doublings)
    return ceiling * fraction
