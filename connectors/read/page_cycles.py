"""Finds walks that would never end: the same pages come again, or empty ones without an end."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import xxhash

from connectors.errors import BrokenAnswer

_REPEATS = 3
"""A record may come twice, and a small page then looks like another one; not so often."""
_MOST_EMPTY = 1000
"""A filter may leave pages empty that a cursor leads through, but not so many in a row."""


class PagesRead:
    """The pages of one walk so far that others follow.

    A scroll has its position at the ATS, and the same cursor brings the next page each time. So it
    is no loop that a position comes again, but that it brings a page that it has brought before. Numbers of
    pages grow also where the ATS ignores them: there it is one that the same content comes again and again.
    """

    def __init__(self, list_name: str) -> None:
        self._list_name = list_name
        self._seen: set[int] = set()
        self._scope: str | None = None
        self._contents: Counter[int] = Counter()
        self._empty = 0

    def note(self, position: object, marks: Sequence[str], *, scope: str | None = None) -> None:
        """Remember a page by its position and by what marks its records: ids, or digests.

        Raises:
            BrokenAnswer: the walk would not end.
        """
        if scope != self._scope:
            self._scope = scope
            self._contents.clear()
        self._empty = 0 if marks else self._empty + 1
        if self._empty > _MOST_EMPTY:
            raise self._broken("the ATS sends empty pages without an end")
        page = _digest([scope, position, marks])
        if page in self._seen:
            raise self._broken(
                "the ATS names a page as the next that was already read; if it sends the same "
                "cursor on every page and an empty page at the end, the definition's "
                "`pagination` needs `scroll: true`"
            )
        self._seen.add(page)
        if marks:
            content = _digest(marks)
            self._contents[content] += 1
            if self._contents[content] > _REPEATS:
                raise self._broken("the ATS sends the same page again and again")

    def _broken(self, why: str) -> BrokenAnswer:
        return BrokenAnswer(f"{self._list_name}: {why}", operation=self._list_name)


def _digest(value: object) -> int:
    return xxhash.xxh3_64_intdigest(msgspec.json.encode(value, order="sorted"))
