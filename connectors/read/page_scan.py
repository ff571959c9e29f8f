"""Finds the records of a page that no parser takes, so that one bad record spoils no other. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import msgspec

from connectors.http.decoding import NOT_JSON, as_text

_MOST = 8 * 1024 * 1024
"""Characters; a larger page would keep the event loop for seconds."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+|"', re.DOTALL)


class _Open(NamedTuple):
    """An object or array that has not ended yet."""

    bracket: str
    at: int
    keys: Sequence[str] | None
    """The keys that lead to it; None where they cannot lead to the array."""


class _Scan:
    """One reading of a text for the array at some keys. Depth costs no recursion."""

    def __init__(self, text: str, path: Sequence[str]) -> None:
        self.text = text
        self._path = list(path)
        self._stack: list[_Open] = []
        self._key = ""
        self._before = ""
        self._found = False
        self.edges: list[int] = []
        """The offsets of the array's start, of its commas and of its end."""

    def read(self) -> None:
        """Find the array.

        Raises:
            msgspec.DecodeError: brackets or quotes are out of order, or there is no such array.
        """
        ended = False
        for match in _TOKEN.finditer(self.text):
            if ended:
                refuse()
            self._take(match[0], match.start())
            ended = not self._stack
        if not ended or not self.edges:
            refuse()

    def _take(self, mark: str, at: int) -> None:
        if mark in "{[":
            self._stack.append(_Open(mark, at, self._keys()))
        elif mark in "}]":
            self._close(mark, at)
        elif mark == '"' or not self._stack:
            refuse()
        elif mark == ":":
            self._key = self._before[1:-1]
        elif mark == "," and self._is_the_array(self._stack[-1]):
            self.edges.append(at)
        self._before = mark

    def _keys(self) -> Sequence[str] | None:
        if not self._stack:
            return []
        outer = self._stack[-1]
        if outer.keys is None or outer.bracket == "[":
            return None
        keys = [*outer.keys, self._key]
        return keys if keys == self._path[: len(keys)] else None

    def _is_the_array(self, container: _Open) -> bool:
        return container.bracket == "[" and container.keys == self._path

    def _close(self, mark: str, at: int) -> None:
        if not self._stack or (self._stack[-1].bracket == "{") != (mark == "}"):
            refuse()
        closed = self._stack.pop()
        if self._is_the_array(closed):
            if self._found:
                refuse()  # the same key twice: which of the two is meant cannot be known
            self._found = True
            self.edges = [closed.at, *self.edges, at]


def refuse() -> NoReturn:
    """End with the error that a parser would raise."""
    raise msgspec.DecodeError(NOT_JSON)


def split_array(raw: bytes, path: Sequence[str]) -> tuple[str, list[str]]:
    """The text around the array at these keys, and each of its items, not parsed.

    Raises:
        msgspec.DecodeError: there is no such array, or the body is cut short or goes on after it.
    """
    text, _ = as_text(raw)
    if len(text) > _MOST:
        refuse()
    scan = _Scan(text, path)
    scan.read()
    start, end = scan.edges[0], scan.edges[-1]
    pairs = zip(scan.edges, scan.edges[1:], strict=False)
    items = [text[one + 1 : other].strip() for one, other in pairs]
    return text[: start + 1] + text[end:], [] if items == [""] else items
