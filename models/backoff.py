"""Pauses between attempts: they grow by a factor up to a limit, and part of each is random."""

from datetime import timedelta

_MOST_STEPS = 20
"""Beyond any limit in use, and below what a `timedelta` can hold."""


def backoff_pause(
    failures: int,
    *,
    first: timedelta,
    longest: timedelta,
    growth: int = 2,
    certain: float = 1.0,
    chance: float = 0.0,
) -> timedelta:
    """Returns the pause after `failures` failures in a row (at least one).

    `certain` is the share of the pause that is not random (1: all of it, 0: "full jitter"), and
    `chance` the random number, in [0, 1), that decides about the rest.
    """
    steps = min(max(failures - 1, 0), _MOST_STEPS)
    nominal: timedelta = min(first * growth**steps, longest)
    return nominal * (certain + (1 - certain) * chance)
