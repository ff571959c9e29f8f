"""Reads JSON as vendors send it: strictly first, then with repairs that are reported. Pure."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

Note = Callable[[str], None]
"""Takes the reason of a repair, for an operator; it holds no content."""

NOT_JSON = "is no JSON"
TOO_DEEP = "is nested too deeply"
FAILURES = (ValueError, RecursionError)
"""Everything that decoding may raise: msgspec's own errors, invalid UTF-8, endless nesting."""

_REPAIRED = "held what JSON does not allow, such as raw control characters, half characters or NaN"
_REPLACED = "invalid UTF-8 bytes were replaced"
_LONGEST_INT = 4000
"""Digits; Python refuses to read longer integers (since 3.11)."""


def unnoted(_: str) -> None:
    """Keeps no count."""


def decode(raw: bytes | memoryview, note: Note = unnoted) -> Any:
    """JSON as Python values; what the standard forbids is repaired where its meaning is clear.

    Raises:
        msgspec.DecodeError: it is no JSON, or nested deeper than Python's stack allows.
    """
    try:
        return msgspec.json.decode(raw)
    except FAILURES:
        return repaired(raw, note)


def repaired(raw: bytes | memoryview, note: Note = unnoted) -> Any:
    """JSON that msgspec refuses, as Python values.

    Numbers that no double holds stay texts; NaN and infinities are null.

    Raises:
        msgspec.DecodeError: it is no JSON, or nested deeper than Python's stack allows.
    """
    text, how = as_text(bytes(raw))
    value = _parsed(text)
    note(how or _REPAIRED)
    return value


def _parsed(text: str) -> Any:
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: "\\ufffd" if found["half"] else found[0], text)
    try:
        return _LENIENT.decode(text.strip())
    except RecursionError:
        raise msgspec.DecodeError(TOO_DEEP) from None
    except ValueError:
        raise msgspec.DecodeError(NOT_JSON) from None


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INT else digits


_LENIENT = json.JSONDecoder(
    strict=False, parse_float=_number, parse_int=_integer, parse_constant=lambda _: None
)
_ESCAPE = re.compile(
    r"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def as_text(raw: bytes) -> tuple[str, str | None]:
    """The body as text, and the repair that this took, if any."""
    encoding = json.detect_encoding(raw)
    if encoding not in {"utf-8", "utf-8-sig"}:
        return raw.decode(encoding, "replace").lstrip("\ufeff"), f"was read as {encoding}"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return _guessed(raw.removeprefix(b"\xef\xbb\xbf"))
    return text, "began with a byte order mark" if encoding == "utf-8-sig" else None


def _guessed(raw: bytes) -> tuple[str, str]:
    """Latin text where nothing in it looks like UTF-8; else UTF-8 with its broken parts replaced.

    0xC2 and 0xC3 begin nearly every accented letter in UTF-8 and are rare letters otherwise: one
    that is alone is a letter cut in half.
    """
    text = raw.decode("utf-8", "replace")
    looks_like_utf8 = any(character > "\x7f" and character != "\ufffd" for character in set(text))
    if looks_like_utf8 or not {0xC2, 0xC3}.isdisjoint(raw):
        return text, _REPLACED
    try:
        return raw.decode("cp1252"), "was read as windows-1252"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "was read as latin-1"


_CHARSET = re.compile(r';\s*charset\s*=\s*"?([A-Za-z0-9._:-]+)', re.IGNORECASE)
_UTF8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def in_utf8(body: bytes, content_type: str) -> bytes:
    """The body in UTF-8, where it is none and the header names another encoding truly."""
    declared = _CHARSET.search(content_type)
    if declared is None or declared[1].lower() in _UTF8_NAMES or _is_utf8(body):
        return body
    try:
        return body.decode(declared[1]).encode()
    except (LookupError, ValueError):
        return body


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return b"\0" not in body
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
