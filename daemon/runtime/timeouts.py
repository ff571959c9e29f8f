"""A limit that holds although a driver may lose a cancellation.

Before Python 3.12 `asyncio.wait_for` swallows a cancellation that arrives in the moment in which what
it waits for is done. PyMongo waits so for a server, twice a second: of 3,600 commands to a MongoDB
that was away, each given 0.5, 1 or 1.5 s by `asyncio.timeout`, eleven waited for the driver's own
limit instead (PyMongo 4.20, Python 3.11, seen 2026-11-25).
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def bounded(work: Coroutine[Any, Any, T], limit_s: float, *, name: str) -> T:
    """Returns or raises what the work does, unless it takes longer.

    Raises:
        TimeoutError: it did; it was cancelled, and no one waits for it any more.
    """
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            # Whatever it ends with is too late to matter.
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            task.cancel()
