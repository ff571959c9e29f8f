"""The words of an ATS about its refusal: found in the body, and masked before they are shown. Pure."""

import re
from collections.abc import Collection
from typing import Any

_LONGEST = 200
"""Characters that are shown."""
_MESSAGES = (
    "message", "error_message", "errorMessage", "error_description", "detail", "description",
    "reason", "title",
)  # fmt: skip
_ERRORS = ("error", "errors", "errorInfo", "validation_errors")
_MOST_ERRORS = 3
_DEPTH = 4


def words_in(body: Any) -> str:
    """The messages of an error body, from the keys that vendors usually have them under."""
    return "; ".join(dict.fromkeys(_words(body, _DEPTH)))


def _words(found: Any, depth: int) -> list[str]:
    if isinstance(found, str):
        return [found] if found.strip() else []
    if depth == 0:
        return []
    if isinstance(found, list):
        return [words for item in found[:_MOST_ERRORS] for words in _words(item, depth - 1)]
    if not isinstance(found, dict):
        return []
    own = next((w for name in _MESSAGES if (w := _words(found.get(name), depth - 1))), [])
    nested = [w for name in _ERRORS for w in _of_errors(found.get(name), depth - 1)]
    return [*own, *nested]


def _of_errors(errors: Any, depth: int) -> list[str]:
    """Errors may be texts, objects with a message, or messages by the field that is wrong."""
    words = _words(errors, depth)
    if words or not isinstance(errors, dict):
        return words
    fields = list(errors.items())[:_MOST_ERRORS]
    return [f"{name} {said}" for name, value in fields for said in _words(value, depth - 1)]


_MASKED = re.compile(
    r"[^\s@\"'<>(]+@[^\s@\"'<>)]+"  # an e-mail address
    r"|\bhttps?://\S+"
    r"|(?<![\w-])\+?\(?\d[\d\s()./-]{6,}\d(?![\w-])"  # a telephone number
    r"|\b[A-Za-z0-9_-]{24,}\b"  # a token
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ud800-\udfff]+")


def harmless(words: str, names: Collection[str] = ()) -> str:
    """An ATS's words without addresses, numbers, tokens and these names, cut to a line's length."""
    visible = " ".join(_UNPRINTABLE.sub(" ", words[:2000]).split())
    masked = _MASKED.sub("…", visible)
    parts = sorted({part for name in names for part in name.split() if len(part) > 1}, key=len)
    for part in reversed(parts):
        masked = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "…", masked, flags=re.IGNORECASE)
    return masked if len(masked) <= _LONGEST else masked[: _LONGEST - 1].rstrip() + "…"
