"""Working on what comes next while what came before is used."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


async def prefetched(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items of `source`, in their order, with one ready and the next one under way.

    Close it (`contextlib.aclosing`) to stop the work ahead.

    Raises:
        Exception: whatever `source` raises, behind the items that came before it.
    """
    ready: asyncio.Queue[T | None] = asyncio.Queue()
    page_slots = asyncio.Semaphore(1)

    async def read() -> None:
        try:
            async with aclosing(source):
                async for item in source:
                    ready.put_nowait(item)
                    del item  # it is someone else's now, who may be done with it soon
                    await page_slots.acquire()
        finally:
            ready.put_nowait(None)

    reading = asyncio.create_task(read(), name="read ahead")
    try:
        while (item := await ready.get()) is not None:
            page_slots.release()
            yield item
            del item
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])
