"""Writes that many tasks want at once, made together: one alone waits for no one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """While one batch is being written the next one gathers; or so many as `run` runs."""

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[R]],
        *,
        gather_s: float = 0.0,
        limit: int = 500,
    ) -> None:
        """`gather_s`: how long a batch waits for more, where no one is in a hurry."""
        self._write = write
        self._gather_s = gather_s
        self._limit = limit
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._arrived = asyncio.Event()

    async def submit(self, item: T) -> R:
        """The result of the batch that the item was written with."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    async def run(self) -> None:
        """Write batch after batch until cancelled.

        Raises:
            Exception: what a write raised; everybody who waits for it is cancelled.
        """
        while True:
            await self._arrived.wait()
            if self._gather_s and len(self._waiting) < self._limit:
                await asyncio.sleep(self._gather_s)
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            if not self._waiting:
                self._arrived.clear()
            if not batch:
                continue
            try:
                result = await self._write([item for item, _ in batch])
            except BaseException:
                for _, future in batch:
                    future.cancel()
                raise
            for _, future in batch:
                if not future.done():
                    future.set_result(result)
