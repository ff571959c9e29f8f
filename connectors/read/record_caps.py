"""Bounds what one record may hold; one that holds more fails with the reason. Pure.

The caps are far above what vendors send (a whole candidate with answers and files has 20 kB, 6 levels and
200 custom fields) and below what MongoDB takes (16 MB and 100 levels for a document).
"""

from collections.abc import Sized
from typing import Any

import msgspec

from connectors.http.decoding import FAILURES

MAX_RECORD_BYTES = 1024 * 1024
MAX_DEPTH = 100
MAX_ITEMS = 2_000
"""Custom fields of a record, entries of a list, applications of a candidate."""


class TooMuch(ValueError):
    """A record exceeds a cap; the message has no content of it."""


def oversize(raw: bytes | memoryview) -> str | None:
    """The reason why a record is too large; None if it is not."""
    if len(raw) <= MAX_RECORD_BYTES:
        return None
    return f"has {len(raw)} bytes; at most {MAX_RECORD_BYTES} are taken"


def too_deep(raw: bytes | memoryview) -> str | None:
    """The reason why a record is nested too deeply; None if it is not."""
    text = bytes(raw)
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return None
    try:
        fits = _fits(msgspec.json.decode(text))
    except FAILURES:
        return None
    return None if fits else f"is nested deeper than {MAX_DEPTH} levels"


def _fits(value: Any) -> bool:
    """Goes down level by level: depth costs no recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def capped(entries: Sized) -> None:
    """Refuse more entries than a field may have.

    Raises:
        TooMuch: there are more.
    """
    if len(entries) > MAX_ITEMS:
        raise TooMuch(f"has {len(entries)} entries; at most {MAX_ITEMS} are taken")
