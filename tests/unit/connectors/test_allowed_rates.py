"""Requests as a vendor counts them: from wherever its second begins, and after the network's delay."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from connectors.definition import load_definition
from connectors.http.limiters import RequestClass
from connectors.http.rate_limits import Budget
from connectors.simulator.limits import FixedWindow, Limit, SlidingWindow

REQUESTS = 600


class JumpingClock:
    """Sleeping makes its time jump; no sleep is shorter than a microsecond."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 1e-6)


async def refusals(
    limit: Limit, request_class: RequestClass, *, slowest_s: float
) -> tuple[int, float]:
    """Of many requests, as fast as the definition lets them: how many too many, and requests/s."""
    clock, delay = JumpingClock(), random.Random(7)
    budget = Budget(load_definition("smartrecruiters").model.limits, clock)
    arrivals: list[float] = []
    for _ in range(REQUESTS):
        async with budget.slot(request_class, lambda _, __: None):
            arrivals.append(clock.seconds + delay.uniform(0.005, slowest_s))
    refused = sum(limit.admit(at) is not None for at in sorted(arrivals))
    return refused, REQUESTS / (max(arrivals) - min(arrivals))


@pytest.mark.parametrize("slowest_s", [0.006, 0.05, 0.1])
@pytest.mark.parametrize("limit", [SlidingWindow, FixedWindow])
@pytest.mark.parametrize("is_write", [False, True])
async def test_smartrecruiters_never_gets_more_than_ten_requests_in_any_second(
    limit: type[SlidingWindow] | type[FixedWindow], slowest_s: float, is_write: bool
) -> None:
    request_class = RequestClass("candidates.fetch", is_write=is_write)

    refused, per_second = await refusals(limit(10, 1.0), request_class, slowest_s=slowest_s)

    assert refused == 0
    assert 8.9 < per_second < 9.1
