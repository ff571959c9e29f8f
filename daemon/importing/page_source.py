"""The listing that an import gets its pages from, and the records of one read by id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.values import Page
from daemon.importing.page_slot import PageSlot
from daemon.importing.prepared_page import PreparedPage


class RequestedPage(msgspec.Struct, frozen=True):
    """A page, and a moment before the ATS was asked for it."""

    page: Page
    asked_at: datetime


class ImportSource(Protocol):
    """The listing that pages come from."""

    @property
    def is_doubtful(self) -> bool:
        """True if the next page has failed before: it is written record by record."""
        ...

    async def fetch(self, slot: PageSlot) -> RequestedPage | None:
        """Returns the next page; None after the last one."""
        ...

    def compared(self, prepared: PreparedPage) -> None:
        """Takes that the records of the page were compared."""
        ...

    def written(self, page: Page) -> None:
        """Takes that the page cannot be lost any more."""
        ...


@dataclass(slots=True)
class OnePage:
    """Records that were read by id, as the only page of a listing."""

    page: Page
    asked_at: datetime
    is_doubtful: bool = False

    async def fetch(self, slot: PageSlot) -> RequestedPage | None:  # noqa: ARG002  # it is read already
        return RequestedPage(self.page, self.asked_at)

    def compared(self, prepared: PreparedPage) -> None: ...

    def written(self, page: Page) -> None: ...
