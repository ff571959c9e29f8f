"""The listing that an import gets its pages from, and the slots that bound how many are in memory."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import msgspec

from connectors.values import Page
from daemon.importing.prepared_page import PreparedPage

T = TypeVar("T")
SLOT_PATIENCE_S = 2.0
"""An ATS may take so long to answer before its page's slot is lent to others."""


class PageSlot:
    """A slot for one page, held from before it is requested until ClearView has it.

    All imports of a process share the slots, which bounds its memory.
    """

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


class RequestedPage(msgspec.Struct, frozen=True):
    """A page, and a moment before the ATS was asked for it."""

    page: Page
    asked_at: datetime


class ImportSource(Protocol):
    """The listing that pages come from."""

    @property
    def has_failed_before(self) -> bool:
        """True if earlier runs failed at the page that is to be written next: it goes record by record."""

    async def fetch(self, slot: PageSlot) -> RequestedPage | None:
        """Returns the next page; None after the last one."""

    def note_compared(self, prepared: PreparedPage) -> None:
        """Takes note that the records of the page were compared."""

    def note_written(self, page: Page) -> None:
        """Takes note that the page cannot be lost any more."""


@dataclass(slots=True)
class OnePage:
    """Records that were read by id, as the only page of a listing."""

    page: Page
    asked_at: datetime
    has_failed_before: bool = False

    async def fetch(self, slot: PageSlot) -> RequestedPage | None:  # noqa: ARG002  # it is read already
        return RequestedPage(self.page, self.asked_at)

    def note_compared(self, prepared: PreparedPage) -> None: ...

    def note_written(self, page: Page) -> None: ...
