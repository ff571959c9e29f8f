"""Answers of an ATS: what a success holds, and how bodies are read."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from connectors.http.auth import Applied
from connectors.http.decoding import decode

Payload = TypeVar("Payload")
_SHORTEST_SECRET = 7
"""Shorter parts, such as `Bearer`, are ordinary words."""


class SuccessResponse(msgspec.Struct, Generic[Payload], frozen=True):
    """A successful answer, parsed. `payload` is None where the ATS said "nothing there"."""

    payload: Payload | None
    headers: CIMultiDictProxy[str]
    url: URL
    status: int = 200
    skipped: bool = False
    """A rule of the definition says that there was nothing to do."""


Parse = Callable[[bytes], tuple[Any, Payload]]
"""From a body to the value that error rules are checked against, and the caller's payload."""
Accept = Callable[[SuccessResponse[Payload]], None]
"""Raises `BrokenAnswer` for an answer that proves too little."""


def whole(body: bytes) -> tuple[Any, Any]:
    """Parses a body completely."""
    value = decode(body)
    return value, value


def secrets_in(applied: Applied) -> frozenset[str]:
    """Returns what a credential adds to a request, whole and word by word, as it may be repeated."""
    texts = [*applied.headers.values(), *applied.query.values()]
    parts = {part for text in texts for part in (text, *text.split())}
    for part in list(parts):
        with suppress(ValueError):  # a user and a password are sent in base64
            parts |= set(b64decode(part, validate=True).decode().split(":"))
    return frozenset(part for part in parts if len(part) >= _SHORTEST_SECRET)


def json_or_none(body: bytes) -> Any:
    """Parses a body; None where it is no JSON."""
    try:
        return decode(body)
    except msgspec.DecodeError:
        return None
