"""Pages that come again byte for byte need not be looked into.

A complete walk that wrote something keeps a print of each of its pages: a book. The checkpoint names
the book, and takes it back before any snapshot of the list is written: so, while it is named, every
record of these pages is stored as they show it. A sweep looks at every record all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from connectors.base import ListFacts, MappingFailed, PagePrint, Window
from daemon.core.walk import Book
from daemon.importing.context import ImportContext
from daemon.importing.reading import PreparedPage
from daemon.importing.seen import ShownIds, hashed
from daemon.ports.imports import KnownPage


@dataclass(slots=True)
class KnownPages:
    """The book that a walk of one list goes by, and the one that it may leave."""

    context: ImportContext
    facts: ListFacts
    known: dict[bytes, KnownPage] | None
    """By digest; None: this walk is not complete, so that its pages say nothing of the others."""
    failed_before: int
    snapshots: int | None = None
    """How many the list had when the walk began, where that was asked."""
    ids: ShownIds = field(default_factory=ShownIds)
    pages: list[PagePrint] = field(default_factory=list)
    is_whole: bool = True
    """Every page so far has a print, and its records are stored as it shows them."""

    @property
    def prints(self) -> Mapping[bytes, PagePrint] | None:
        """What the connector may recognise."""
        if self.known is None:
            return None
        return {digest: page.print for digest, page in self.known.items()}

    def note(self, prepared: PreparedPage, failed: Sequence[MappingFailed]) -> None:
        """A page of the walk, once it is on its way; `failed` could not even be told apart."""
        found = None
        if self.known is not None and prepared.print is not None:
            found = self.known.get(prepared.print.digest)
        recognised = found is not None and prepared.is_recognised
        shown = (*prepared.external_ids, *(failure.external_id or "" for failure in failed))
        self.ids.add(found.ids if found and recognised else hashed(shown))
        if prepared.print is None or not prepared.is_stored_as_shown:
            self.is_whole = False
        elif self.is_whole:
            self.pages.append(prepared.print)

    async def keep(self) -> None:
        """Leave a book, if the walk wrote something and every record stands on one page only."""
        context, name = self.context, self.facts.name
        if name in context.withdrawn and name not in context.written:
            context.state.books[name] = context.withdrawn[name]
        if not self._may_be_kept() or self.ids.distinct() != len(self.ids):
            return
        book = Book(uuid4(), self.facts.mapping_version, await context.ports.snapshots.count(name))
        pages = [KnownPage(*both) for both in zip(self.pages, self.ids.pages, strict=True)]
        context.require_lease()
        await context.ports.prints.replace(name, book.id, pages)
        context.state.books[name] = book

    def _may_be_kept(self) -> bool:
        context, name = self.context, self.facts.name
        return (
            self.known is not None
            and self.is_whole
            and bool(self.pages)
            and name in context.written
            and name not in context.state.books
            and context.run.counts.failed == self.failed_before
        )


async def known_pages(
    context: ImportContext,
    facts: ListFacts,
    window: Window,
    *,
    failing: Sequence[str] | frozenset[str],
    anew: bool,
) -> KnownPages:
    """What this walk may go by: nothing if it is to look at every record, or at some again."""
    name = facts.name
    pages = KnownPages(context, facts, None, context.run.counts.failed)
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
