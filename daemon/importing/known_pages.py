"""Pages that come again byte for byte need not be looked into.

A complete walk that wrote something keeps a print of each of its pages: a book. The checkpoint names
the book, and takes it back before any snapshot of the list is written: so, while it is named, every
record of these pages is stored as they show it. A sweep looks at every record all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from connectors.base import ListFacts, MappingFailed, PagePrint, Window
from daemon.core.walk import Book
from daemon.importing.context import ImportContext
from daemon.importing.reading import PreparedPage
from daemon.importing.seen import ShownIds, hashed
from daemon.ports.imports import KnownPage

AT_ONCE = 50
"""Pages that are stored together."""


@dataclass(slots=True)
class KnownPages:
    """The book that a walk of one list goes by, and the one that it may leave."""

    context: ImportContext
    facts: ListFacts
    known: dict[bytes, KnownPage] | None
    """By digest; None: this walk is not complete, so that its pages say nothing of the others."""
    began_empty: bool
    """There was no snapshot of the list: whatever is there at the end, this walk has shown."""
    failed_before: int
    snapshots: int | None = None
    """How many the list had when the walk began, where that was asked."""
    ids: ShownIds = field(default_factory=ShownIds)
    """Of an empty list's walk only those that are not stored yet."""
    pages: list[PagePrint] = field(default_factory=list)
    """Not stored yet."""
    is_whole: bool = True
    """Every page so far has a print, and its records are stored as it shows them."""
    _book: UUID | None = None
    _stored: int = 0
    """Records whose pages are stored."""

    @property
    def prints(self) -> Mapping[bytes, PagePrint] | None:
        """What the connector may recognise."""
        if self.known is None:
            return None
        return {digest: page.print for digest, page in self.known.items()}

    async def note(self, prepared: PreparedPage, failed: Sequence[MappingFailed]) -> None:
        """A page of the walk, once it is on its way; `failed` could not even be told apart."""
        self._note_ids(prepared, failed)
        if prepared.print is None or not prepared.is_stored_as_shown:
            self.is_whole = False
        elif self.is_whole:
            self.pages.append(prepared.print)
        if self.began_empty and len(self.ids.pages) >= AT_ONCE:
            await self._make_room()

    def _note_ids(self, prepared: PreparedPage, failed: Sequence[MappingFailed]) -> None:
        if prepared.is_recognised and prepared.print is not None and self.known is not None:
            digest = prepared.print.digest
            # A book is only kept where each record stands on one page.
            self.ids.add(self.known[digest].ids, name=digest)
            return
        failures = (one.external_id or "" for one in failed)
        self.ids.add(hashed((*prepared.external_ids, *failures)))

    async def _make_room(self) -> None:
        """Nobody will ask what an empty list's walk showed: a million ids need not be kept."""
        if self._may_be_kept():
            await self._store(len(self.pages))
        self.pages.clear()
        self.ids.pages.clear()

    async def keep(self) -> None:
        """Leave a book, if the walk wrote something and every record stands on one page only."""
        context, name = self.context, self.facts.name
        if name in context.withdrawn and name not in context.written:
            context.state.books[name] = context.withdrawn[name]
        if not self._may_be_kept():
            return
        count = await context.ports.snapshots.count(name)
        shown = self._stored + len(self.ids)
        if shown != (count if self.began_empty else self.ids.distinct()):
            return
        while self.pages:
            await self._store(AT_ONCE)
        if self._book is not None:
            context.state.books[name] = Book(self._book, self.facts.mapping_version, count)

    async def _store(self, pages: int) -> None:
        prints, ids = self.pages[:pages], self.ids.pages[:pages]
        self.context.require_lease()
        if self._book is None:
            self._book = uuid4()
            await self.context.ports.prints.clear(self.facts.name)
        known = [KnownPage(*both) for both in zip(prints, ids, strict=True)]
        await self.context.ports.prints.add(self.facts.name, self._book, known)
        self._stored += sum(page.print.records for page in known)
        del self.pages[:pages], self.ids.pages[:pages]

    def _may_be_kept(self) -> bool:
        context, name = self.context, self.facts.name
        return (
            self.known is not None
            and self.is_whole
            and bool(self.pages or self._book)
            and name in context.written
            and name not in context.state.books
            and context.run.counts.failed == self.failed_before
        )


async def known_pages(
    context: ImportContext,
    facts: ListFacts,
    window: Window,
    *,
    failing: frozenset[str],
    anew: bool,
    began_empty: bool,
) -> KnownPages:
    """What this walk may go by: nothing if it is to look at every record, or at some again."""
    name = facts.name
    pages = KnownPages(context, facts, None, began_empty, context.run.counts.failed)
    is_complete = window.is_full and facts.complete_listing_proves_absence
    if not is_complete or name in context.walk.taken_up:
        return pages
    pages.known = {}
    if failing or anew or context.walk.sweep:
        return pages
    book = context.state.books.get(name)
    if book is None or book.mapping_version != facts.mapping_version:
        return pages
    pages.snapshots = await context.ports.snapshots.count(name)
    if pages.snapshots == book.snapshots:
        loaded = await context.ports.prints.load(name, book.id)
        pages.known = {page.print.digest: page for page in loaded}
    return pages
