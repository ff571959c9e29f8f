"""Waiting for what another task, process or server does: asked again and again, with a time limit."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(
    reached: Callable[[], bool | Awaitable[bool]], *, within: float = 20.0, every: float = 0.02
) -> None:
    """Returns once the condition holds; both times are in seconds.

    Raises:
        TimeoutError: it did not hold within that time.
    """
    async with asyncio.timeout(within):
        while not await _answer(reached()):
            await asyncio.sleep(every)


async def _answer(found: bool | Awaitable[bool]) -> bool:
    return found if isinstance(found, bool) else await found
