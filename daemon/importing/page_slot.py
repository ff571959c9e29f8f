"""A slot for one page: all imports of a process share them, which bounds its memory."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
SLOT_PATIENCE_S = 2.0
"""An ATS may take so long to answer before its page's slot is lent to others."""


class PageSlot:
    """Held from before a page is requested until ClearView has it."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()

    async def lend_while(self, answer: Coroutine[Any, Any, T]) -> T:
        """Returns the answer of the ATS; while that takes long, others have the slot."""
        coming = asyncio.ensure_future(answer)
        try:
            if not (await asyncio.wait({coming}, timeout=SLOT_PATIENCE_S))[0]:
                self._release()
                await asyncio.wait({coming})
                await self._acquire()
            return await coming
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.wait({coming})

    async def _acquire(self) -> None:
        await self._slots.acquire()
        self._is_held = True

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots.release()
