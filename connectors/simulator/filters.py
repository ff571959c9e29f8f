"""Tests that a list's rows have to pass."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")
V = TypeVar("V")
Keep = Callable[[T], bool]
FAR_MS = 1 << 62


def every(tests: Iterable[Keep[T]]) -> Keep[T]:
    """True for what passes every test."""
    kept = list(tests)
    return lambda value: all(test(value) for test in kept)


def filters(given: Mapping[str, V], tests: Mapping[str, Callable[[V], Keep[T]]]) -> Keep[T]:
    """True for what passes the test of every parameter that is given."""
    return every(make(given[name]) for name, make in tests.items() if name in given)


def within(moment_of: Callable[[T], int | None], low: int, high: int = FAR_MS) -> Keep[T]:
    """True for what has a time from `low` to `high`, both included."""

    def keep(value: T) -> bool:
        at = moment_of(value)
        return at is not None and low <= at <= high

    return keep
