"""Group commit: writes that many tasks request at once are made together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class GroupCommit(Generic[T, R]):
    """Writes one batch while the next one gathers; with several `run` tasks, several at once."""

    write: Callable[[Sequence[T]], Awaitable[R]]
    gather_s: float = 0.0
    """The wait of a batch for more items."""
    limit: int = 500
    _waiting: list[tuple[T, asyncio.Future[R]]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def submit(self, item: T) -> R:
        """Returns the result of the batch that the item was written with."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    async def run(self) -> None:
        """Writes batch after batch until cancelled.

        Raises:
            Exception: what a write raised; the tasks that wait for it are cancelled.
        """
        while True:
            await self._arrived.wait()
            if self.gather_s and len(self._waiting) < self.limit:
                await asyncio.sleep(self.gather_s)
            batch, self._waiting = self._waiting[: self.limit], self._waiting[self.limit :]
            if not self._waiting:
                self._arrived.clear()
            if not batch:
                continue
            try:
                result = await self.write([item for item, _ in batch])
            except BaseException:
                for _, future in batch:
                    future.cancel()
                raise
            for _, future in batch:
                if not future.done():
                    future.set_result(result)
