"""Proof that a write took effect, and the ATS's words where it did not. Pure.

A status below 400 is not enough: a proxy, a login page or a maintenance page answers 200 as well. A
write whose answer does not show success has an unknown outcome: the application is read, and the
write is repeated if it is not there.
"""

import re
from collections.abc import Collection
from typing import Any, Literal

import msgspec

from connectors.read.records import decode

_SUCCESS = frozenset({200, 201, 202, 203})
_SUCCESS_WITHOUT_BODY = frozenset({204, 205})
_SAYS_NO = frozenset({"error", "errors", "fail", "failed", "failure"})
_MOST_WORDS = 200
_MESSAGES = (
    "message", "error_message", "errorMessage", "error_description", "detail", "description",
    "reason", "title",
)  # fmt: skip
_ERRORS = ("error", "errors", "errorInfo", "validation_errors")
_MOST_ERRORS = 3
_DEPTH = 4


class Written(msgspec.Struct, frozen=True):
    """The body of an answer to a write."""

    form: Literal["empty", "json", "other"]
    value: Any = None


EMPTY = Written("empty")
_OTHER = Written("other")


def written(body: bytes) -> tuple[Any, Written]:
    """The body for error rules, and as a write's answer. Never raises."""
    if not body.strip():
        return None, EMPTY
    try:
        value = decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None, _OTHER
    return value, Written("json", value)


def doubt(status: int, answer: Written, content_type: str, *, is_shown: bool | None) -> str | None:
    """Returns why an answer does not show that the write took effect; None if it does.

    `is_shown` is the definition's own condition on the body, None where it has none. Without one an
    empty body shows it, and JSON that reports no error.
    """
    if status in _SUCCESS_WITHOUT_BODY and answer.form == "empty":
        return None
    if status not in _SUCCESS:
        return f"answered {status}"
    if answer.form == "other":
        return f"answered {status} with {_form_of(content_type)} instead of JSON"
    if is_shown is None:
        is_shown = answer.form == "empty" or not _reports_error(answer.value)
    if is_shown:
        return None
    return f"answered {status} with {_what(answer)}"


def _what(answer: Written) -> str:
    return "an empty body" if answer.form == "empty" else "JSON that does not report success"


def _form_of(content_type: str) -> str:
    shown = content_type.split(";", maxsplit=1)[0].strip().lower()
    if "html" in shown:
        return "a web page"
    return shown if re.fullmatch(r"[\w.+/-]{1,60}", shown) else "something unreadable"


def _reports_error(value: Any) -> bool:
    """True for JSON that no vendor sends when a write succeeded."""
    if isinstance(value, list):
        return any(_reports_error(item) for item in value)
    if not isinstance(value, dict):
        return value is not True
    if any(value.get(name) for name in ("error", "errors", "errorInfo", "errorCode")):
        return True
    if any(value.get(name) is False for name in ("success", "ok", "succeeded")):
        return True
    status = value.get("status")
    return isinstance(status, str) and status.lower() in _SAYS_NO


def words_in(body: Any) -> str:
    """The words of an error body, looked for where vendors usually have them."""
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
    plain = next((w for name in _MESSAGES if (w := _words(found.get(name), depth - 1))), [])
    nested = [w for name in _ERRORS for w in _of_errors(found.get(name), depth - 1)]
    return [*plain, *nested]


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
    plain = " ".join(_UNPRINTABLE.sub(" ", words[:2000]).split())
    masked = _MASKED.sub("…", plain)
    parts = sorted({part for name in names for part in name.split() if len(part) > 1}, key=len)
    for part in reversed(parts):
        masked = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "…", masked, flags=re.IGNORECASE)
    return masked if len(masked) <= _MOST_WORDS else masked[: _MOST_WORDS - 1].rstrip() + "…"
