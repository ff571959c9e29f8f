"""Requests that can wait use up what the vendor allows, and pushes wait for none of them.

A first import in virtual time: the limits of the definitions against the simulators' ones.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from multidict import CIMultiDict

from connectors.definition import load_definition
from connectors.definition.limits import BucketLimit, ConcurrencyLimit, Limits
from connectors.http.limiters import RequestClass
from connectors.http.rate_limits import Budget
from connectors.simulator.limits import FixedWindow, HeaderNames, Limit, SlidingWindow, TokenBucket

START = datetime(2026, 11, 23, tzinfo=UTC)
DETAIL = RequestClass("candidates.full", is_background=True)
FETCH = RequestClass("candidates.fetch")
READ, WRITE = RequestClass("candidates.fetch", is_urgent=True), RequestClass("move", is_write=True)
NAMES = {
    "limit": "X-Rate-Limit-Limit",
    "remaining": "X-Rate-Limit-Remaining",
    "reset": "X-Rate-Limit-Reset",
}


@dataclass(slots=True)
class VirtualTime:
    """Time that jumps to the next sleeper once everything sleeps."""

    seconds: float = 1000.0
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.seconds + max(seconds, 1e-6), next(self._order), woken)
        heapq.heappush(self._sleepers, entry)
        await woken

    async def run(self, until: float, *work: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(each) for each in work]
        await asyncio.sleep(0)
        while self.seconds < until and self._sleepers:
            self.seconds, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            for _ in range(6):
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class Account:
    """One credential at one vendor, with a network in between."""

    clock: VirtualTime
    budget: Budget
    limit: Limit
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    admitted: int = 0
    refused: int = 0
    pushes: list[float] = field(default_factory=list)

    async def request(self, request_class: RequestClass) -> None:
        async with self.budget.slot(request_class, lambda _, __: None) as sent:
            await self.clock.sleep(self.chance.uniform(0.02, 0.1))
            denied = self.limit.admit(self.clock.seconds)
            self.admitted += denied is None
            self.refused += denied is not None
            headers = CIMultiDict(self.limit.headers(self.clock.seconds))
            await self.clock.sleep(self.chance.uniform(0.02, 0.1))
            self.budget.learn(request_class, headers, sent)

    async def go_on(self, request_class: RequestClass) -> None:
        while True:
            await self.request(request_class)

    async def push(self, every_s: float) -> None:
        """A push reads the application, writes, and sometimes reads once more."""
        while True:
            await self.clock.sleep(self.chance.expovariate(1 / every_s))
            began = self.clock.seconds
            await self.request(READ)
            await self.request(WRITE)
            self.pushes.append(self.clock.seconds - began)


def epoch_of(clock: VirtualTime) -> Callable[[], float]:
    return lambda: clock.now().timestamp()


def limit_of(vendor: str, clock: VirtualTime) -> tuple[Limit, float]:
    """The vendor's published limit, and the requests per second that it allows."""
    if vendor == "workable":
        names = HeaderNames(**NAMES)
        return FixedWindow(10, 10.0, names=names, epoch_s=epoch_of(clock)), 1.0
    if vendor == "teamtailor":
        return FixedWindow(50, 10.0, names=HeaderNames(**NAMES)), 5.0
    if vendor == "lever":
        return TokenBucket(10.0, 20), 10.0
    names = HeaderNames("X-RateLimit-Limit", "X-RateLimit-Remaining")
    return SlidingWindow(10, 1.0, names=names), 9.0  # of ten: see the definition


@pytest.mark.parametrize(
    ("vendor", "push_every_s", "seconds"),
    [
        ("workable", 10.0, 3600.0),
        ("teamtailor", 2.0, 800.0),
        ("lever", 1.0, 400.0),
        ("smartrecruiters", 1.0, 400.0),
    ],
)
async def test_details_use_what_is_allowed_while_pushes_take_less_than_five_seconds(
    vendor: str, push_every_s: float, seconds: float
) -> None:
    clock = VirtualTime()
    limit, allowed_per_s = limit_of(vendor, clock)
    account = Account(clock, Budget(load_definition(vendor).model.limits, clock), limit)
    readers = [account.go_on(DETAIL) for _ in range(4)]

    await clock.run(clock.seconds + seconds, *readers, account.push(push_every_s))

    pushes = sorted(account.pushes)
    assert account.refused == 0
    assert account.admitted >= 0.95 * allowed_per_s * seconds
    assert len(pushes) > 100
    assert pushes[int(len(pushes) * 0.99)] < 5.0


@pytest.mark.parametrize("vendor", ["lever", "smartrecruiters"])
async def test_a_push_goes_before_the_reads_of_a_poll_and_waits_for_one_request_at_most(
    vendor: str,
) -> None:
    """A first import that reads each candidate by itself always has reads that wait."""
    clock = VirtualTime()
    limit, allowed_per_s = limit_of(vendor, clock)
    account = Account(clock, Budget(load_definition(vendor).model.limits, clock), limit)
    readers = [account.go_on(each) for each in (FETCH, DETAIL) for _ in range(6)]

    await clock.run(clock.seconds + 150, *readers, account.push(1.0))

    on_its_way_s = 2 * 0.2
    assert account.refused == 0
    assert account.admitted >= 0.99 * allowed_per_s * 150
    assert len(account.pushes) > 50
    assert max(account.pushes) < on_its_way_s + 2 * (1 / allowed_per_s + 0.02)


async def test_pushes_that_use_up_the_limit_do_not_keep_a_poll_waiting() -> None:
    clock = VirtualTime()
    limit, allowed_per_s = limit_of("smartrecruiters", clock)
    account = Account(clock, Budget(load_definition("smartrecruiters").model.limits, clock), limit)
    polled: list[float] = []

    async def poll() -> None:
        while True:
            began = clock.seconds
            await account.request(FETCH)
            polled.append(clock.seconds - began)

    await clock.run(clock.seconds + 100, *(account.go_on(WRITE) for _ in range(16)), poll())

    assert len(polled) > 5
    assert max(polled) < 14
    assert account.admitted >= 0.99 * allowed_per_s * 100


async def in_order(limits: Limits, classes: Sequence[RequestClass]) -> list[RequestClass]:
    """Returns the requests in the order in which they go; each takes a second."""
    clock, order = VirtualTime(), []
    budget = Budget(limits, clock)

    async def ask(request_class: RequestClass) -> None:
        async with budget.slot(request_class, lambda _, __: None):
            order.append(request_class)
            await clock.sleep(1.0)

    await clock.run(clock.seconds + 60, *(ask(each) for each in classes))
    assert len(order) == len(classes)
    return order


BUCKET = BucketLimit(kind="bucket", requests=2, per=timedelta(seconds=1), burst=1)
SLOTS = ConcurrencyLimit(kind="concurrency", at_once=4)


@pytest.mark.parametrize("budgets", [[BUCKET, SLOTS], [BUCKET], [SLOTS]])
async def test_a_push_goes_first_however_many_others_wait(
    budgets: list[BucketLimit | ConcurrencyLimit],
) -> None:
    waiting = [DETAIL] * 8 + [FETCH] * 8

    order = await in_order(Limits(budgets=budgets), [*waiting, READ, WRITE])

    first = 4 if SLOTS in budgets else 1
    assert max(order.index(READ), order.index(WRITE)) <= first + 2


async def test_requests_of_one_kind_go_in_the_order_in_which_they_came() -> None:
    waiting = [RequestClass(f"list{number}") for number in range(10)]

    assert await in_order(Limits(budgets=[BUCKET, SLOTS]), waiting) == waiting
    assert await in_order(Limits(budgets=[SLOTS]), waiting) == waiting


async def test_a_list_that_waits_for_its_own_slot_holds_up_no_other_request() -> None:
    one = ConcurrencyLimit(kind="concurrency", at_once=1, only=["candidates"])
    pages, others = [RequestClass("candidates")] * 3, [DETAIL] * 2

    order = await in_order(Limits(budgets=[SLOTS, one]), [*pages, *others])

    assert order[:3] == [pages[0], *others]


async def test_a_request_that_is_cancelled_while_it_waits_gives_its_turn_to_the_next() -> None:
    clock = VirtualTime()
    budget = Budget(Limits(budgets=[ConcurrencyLimit(kind="concurrency", at_once=1)]), clock)
    served = asyncio.Event()

    async def ask() -> None:
        async with budget.slot(FETCH, lambda _, __: None):
            served.set()

    async with budget.slot(FETCH, lambda _, __: None):
        pushed = asyncio.ensure_future(budget.slot(WRITE, lambda _, __: None).__aenter__())
        read = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
    pushed.cancel()
    await asyncio.wait_for(served.wait(), 10)
    await read
