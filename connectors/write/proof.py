"""Proof that a write took effect. Pure.

A status below 400 is not enough: a proxy, a login page or a maintenance page answers 200 as well. A
write whose answer does not show success has an unknown outcome: the application is read, and the
write is repeated if it is not there.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from connectors.http.decoding import decode

_SUCCESS = frozenset({200, 201, 202, 203})
_SUCCESS_WITHOUT_BODY = frozenset({204, 205})


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
    what = "an empty body" if answer.form == "empty" else "JSON that does not report success"
    return f"answered {status} with {what}"


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
    return any(denies(value[name]) for name, denies in _DENIALS if name in value)


def _is_no(value: Any) -> bool:
    return value == 0 if isinstance(value, int) else _folded(value) in {"false", "no"}


def _is_failure(value: Any) -> bool:
    return _folded(value) in {"error", "errors", "fail", "failed", "failure"}


def _is_refusal(value: Any) -> bool:
    """True for the HTTP status of a failure, which gateways repeat in a body but did not send."""
    return isinstance(value, int) and 400 <= value <= 599


def _folded(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


_NAMES_OF_ERRORS = (
    *("error", "errors", "errorInfo", "errorCode", "error_code", "errorMessage", "error_message"),
    *("fault", "exception"),
)
_DENIALS: Sequence[tuple[str, Callable[[Any], bool]]] = (
    *((name, bool) for name in _NAMES_OF_ERRORS),
    *((name, _is_no) for name in ("success", "ok", "succeeded")),
    *((name, _is_failure) for name in ("status", "result", "outcome")),
    *((name, _is_refusal) for name in ("status", "statusCode", "status_code")),
)
"""Keys of an answer, each with the values that deny success."""
