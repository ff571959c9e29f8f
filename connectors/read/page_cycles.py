"""Finds walks that go round in circles, although pages may all have the same position."""

import msgspec
import xxhash

from connectors.errors import BrokenAnswer


class PagesRead:
    """The pages of one walk so far.

    A scroll has its position at the ATS, and the same cursor brings the next page each time. So it
    is no loop that a position comes again, but that it brings a page that it has brought before.
    """

    def __init__(self, list_name: str) -> None:
        self._list_name = list_name
        self._seen: set[int] = set()

    def note(self, position: object, records: object) -> None:
        """Remember a page by its position and by the ids of its records.

        Raises:
            BrokenAnswer: this position has brought the same page before.
        """
        mark = xxhash.xxh3_64_intdigest(msgspec.json.encode([position, records], order="sorted"))
        if mark in self._seen:
            raise BrokenAnswer(
                f"{self._list_name}: the ATS names a page as the next that was already read; if "
                "it sends the same cursor on every page and an empty page at the end, the "
                "definition's `pagination` needs `scroll: true`",
                operation=self._list_name,
            )
        self._seen.add(mark)
