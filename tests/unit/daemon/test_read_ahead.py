"""One item is ready and the next one under way while the present one is used."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from daemon.importing.prefetch import prefetched


class Source:
    """Counts how far it was asked, and tells when it is closed."""

    def __init__(self, count: int, *, broken_at: int | None = None) -> None:
        self.count = count
        self.broken_at = broken_at
        self.asked = 0
        self.closed = False

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for item in range(self.count):
                self.asked = item + 1
                if item == self.broken_at:
                    raise ConnectionError("broken")
                yield item
                await asyncio.sleep(0)
        finally:
            self.closed = True


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_every_item_comes_once_and_in_order() -> None:
    assert [item async for item in prefetched(Source(5).items())] == [0, 1, 2, 3, 4]


async def test_it_works_two_items_ahead_and_no_further() -> None:
    source = Source(9)
    async with aclosing(prefetched(source.items())) as ready:
        assert await anext(ready) == 0
        await settled()

        assert source.asked == 3


async def test_an_error_comes_behind_the_items_before_it() -> None:
    ready = prefetched(Source(5, broken_at=2).items())

    assert [await anext(ready), await anext(ready)] == [0, 1]
    with pytest.raises(ConnectionError):
        await anext(ready)


async def test_closing_it_ends_the_work_ahead() -> None:
    source = Source(9)
    async with aclosing(prefetched(source.items())) as ready:
        await anext(ready)

    assert source.closed
