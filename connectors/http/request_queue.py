"""The order in which the requests of one credential go, while its limits let them wait."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from connectors.definition.limits import ConcurrencyLimit
from connectors.http.limiters import BACKGROUND, RequestClass

PATIENCE_S = 10.0
"""A read that has waited for so long goes together with what is urgent: many pushes hold up no poll."""
YIELD_S = 0.01
"""One who finds room leaves it to another in front who looks again within so many seconds."""
NEVER = float("inf")


@dataclass(slots=True, eq=False)
class Waiter:
    """One request that waits, from its arrival until it is sent."""

    request_class: RequestClass
    number: int
    since: float
    due: float = NEVER
    """When it looks again, while it waits for time to pass; `NEVER` while it waits for a slot."""

    def is_before(self, other: "Waiter", now: float) -> bool:
        """True if this one goes first where there is room for one of the two."""
        return self.order(now) < other.order(now)

    def order(self, now: float) -> tuple[int, int]:
        """Returns its rank and its number, the lowest first."""
        rank = self.request_class.rank
        return (0 if rank == 1 and now - self.since >= PATIENCE_S else rank, self.number)


@dataclass(slots=True)
class RequestQueue:
    """The requests that wait: pushes and what they read, then polls, then what can wait."""

    _waiting: set[Waiter] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def waiter(self, request_class: RequestClass, now: float) -> Iterator[Waiter]:
        """Has the request in the queue for as long as the context lasts."""
        waiter = Waiter(request_class, next(self._numbers), now)
        self._waiting.add(waiter)
        try:
            yield waiter
        finally:
            self._waiting.discard(waiter)

    def yielded(self, waiter: Waiter, now: float) -> float:
        """Returns the seconds for which a request leaves what is free to one in front; 0 for none."""
        soon = now + YIELD_S
        in_front = any(each.due <= soon and each.is_before(waiter, now) for each in self._waiting)
        return YIELD_S if in_front else 0.0


class Slots:
    """Limits the requests that are under way; those in the background hold half of them at most.

    A request that waits for other limits holds none.
    """

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.only = limit.only
        self._most = limit.at_once
        self._most_background = max(1, int(limit.at_once * BACKGROUND))
        self._held = self._held_background = 0
        self._parked: dict[Waiter, asyncio.Future[None]] = {}

    def has_room(self, waiter: Waiter, now: float) -> bool:
        """True if the request may take a slot, and no one in front of it waits for one."""
        if self._held >= self._most:
            return False
        if waiter.request_class.is_background and self._held_background >= self._most_background:
            return False
        return not any(each.is_before(waiter, now) for each in self._parked)

    async def freed(self, waiter: Waiter) -> None:
        """Waits until there may be room for the request."""
        woken = self._parked[waiter] = asyncio.get_running_loop().create_future()
        try:
            await woken
        finally:
            del self._parked[waiter]

    def take(self, request_class: RequestClass) -> None:
        self._held += 1
        self._held_background += request_class.is_background

    def release(self, request_class: RequestClass) -> None:
        self._held -= 1
        self._held_background -= request_class.is_background
        wake([self])

    def wake(self) -> None:
        """Lets everyone who waits for a slot look again."""
        for woken in self._parked.values():
            if not woken.done():
                woken.set_result(None)


def wake(slots: Iterable[Slots]) -> None:
    """Lets look again who waits for one of these, because someone in front may have left."""
    for each in slots:
        each.wake()
