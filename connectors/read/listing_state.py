"""A page as it came, and the state of a walk, whose JSON form is the stored position. Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import xxhash
from yarl import URL

from connectors.errors import AtsError, CursorRefused
from connectors.read.pagination import PageKey
from connectors.times import read_time
from connectors.values import Position
from models.times import iso


class Fetched(msgspec.Struct, frozen=True):
    """A page as it came: its records, not yet identified, and where the next one is."""

    around: Any = None
    records: Sequence[bytes | memoryview] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    url: URL = URL()
    following: PageKey | None = None
    """None: this is the last page, by an explicit end."""
    nothing: bool = False
    """True: the definition says that this answer means "nothing there"."""
    total: int | None = None
    """The number of records that the ATS reports, if the definition says where."""
    doubt: AtsError | None = None
    """The reason why the page proves neither an end nor a next page; its records are good."""


NOTHING = Fetched()
"""The page of a scope that is gone, or after a last page that was passed over."""


class Counted(msgspec.Struct, frozen=True):
    """The records that a walk has shown, beside the totals that the ATS gave page by page."""

    shown: int = 0
    total: int | None = None
    """The latest one."""
    rose: int = 0
    """The sum of its increases: so many records were added during the walk, perhaps on earlier pages."""

    def page(self, shown: int, total: int | None) -> "Counted":
        rise = max(total - self.total, 0) if total is not None and self.total is not None else 0
        latest = self.total if total is None else total
        return Counted(self.shown + shown, latest, self.rose + rise)

    @property
    def least(self) -> int | None:
        """The number of records that existed all the time, and must have been shown; None if unknown.

        Deletions lower the total, and additions may come on earlier pages: what the last
        total has above all increases was there from the first page to the last.
        """
        return None if self.total is None else self.total - self.rose


class HashedIds:
    """Ids of the records that a walk has shown, eight bytes each."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, external_ids: Iterable[str]) -> None:
        self._hashes.extend(map(xxhash.xxh3_64_intdigest, map(str.encode, external_ids)))

    def clear(self) -> None:
        del self._hashes[:]

    def repeats(self, more: Iterable[str]) -> int:
        """Returns how many ids came again, with one page more."""
        hashes = array("Q", self._hashes)
        hashes.extend(map(xxhash.xxh3_64_intdigest, map(str.encode, more)))
        return len(hashes) - len(set(hashes))


class ListingState(msgspec.Struct, frozen=True):
    """The next page of a walk, and what is known from those before it."""

    page_key: PageKey = msgspec.field(default_factory=dict)
    page: int = 0
    seen: datetime | None = None
    started: datetime | None = None
    scope: str | None = None
    partial: bool = False
    """True: a page or scope was passed over."""
    counted: Counted = Counted()
    ended: bool = False
    """True: there is no next page; the last of them was passed over."""

    @property
    def where(self) -> tuple[str | None, PageKey]:
        """The position without what was found before it."""
        return self.scope, self.page_key

    def position(self) -> Position:
        """As plain JSON."""
        scoped = {} if self.scope is None else {"scope": self.scope}
        passed = {"partial": True} if self.partial else {}
        return {
            **scoped,
            **passed,
            "place": dict(self.page_key),
            "page": self.page,
            "seen": iso(self.seen) if self.seen else None,
            "started": iso(self.started) if self.started else None,
            "counted": msgspec.to_builtins(self.counted),
        }

    @classmethod
    def of(cls, position: Position) -> "ListingState":
        """From what `position` gave.

        Raises:
            CursorRefused: it is no position of this version.
        """
        try:
            return cls(
                page_key=_page_key(position["place"]),
                page=int(position["page"]),
                seen=read_time(position["seen"]),
                started=read_time(position["started"]),
                scope=position.get("scope"),
                partial=bool(position.get("partial")),
                counted=msgspec.convert(position.get("counted", {}), Counted),
            )
        except (LookupError, ValueError, TypeError, AttributeError):
            raise CursorRefused("the stored page position cannot be read") from None


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "page": int, "offset": int, "url": str, "cursor": (str, int),
}  # fmt: skip


def _page_key(value: Any) -> PageKey:
    page_key = {name: value[name] for name in value if name in _KINDS}
    if not all(isinstance(each, _KINDS[name]) for name, each in page_key.items()):
        raise TypeError
    return page_key
