"""Classifies answers: success, or one of the error classes that say what to do next. Pure."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

from connectors.definition.compiled_paths import compile_path
from connectors.definition.limits import ErrorClass, ErrorRule, Errors
from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    CursorRefused,
    Forbidden,
    GuardRefused,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from connectors.http.vendor_words import harmless, words_in

Kind = Literal["list", "page", "fetch", "lookup", "write", "check"]

_BY_STATUS: dict[int, ErrorClass] = {
    401: "auth", 403: "forbidden", 404: "not_found", 410: "not_found",
    408: "retry", 425: "retry", 429: "rate",
}  # fmt: skip
_ERRORS: dict[ErrorClass, type[AtsError]] = {
    "auth": AuthRefused,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "cursor": CursorRefused,
    "guard": GuardRefused,
    "fatal": Rejected,
}
_SAYS: dict[ErrorClass, str] = {
    "auth": "the ATS refused the credential; check it in the integration's `credentials`",
    "forbidden": "the credential may not do this; a permission or scope is missing at the ATS",
    "not_found": "the ATS has no such record",
    "cursor": "the ATS no longer accepts the page position or sync token",
    "guard": "the application is no longer where this write expected it",
    "fatal": "the ATS refuses this request",
    "retry": "the ATS is not well",
}
_NO_CONTENT = 204
NOT_WHOLE: Mapping[int, str] = {
    202: "which promises the records for later",
    206: "which is a part of the records",
    207: "which mixes success with failure",
    208: "which leaves out what was reported before",
}
"""Successes that are no whole answer: what such a page lacks is not absent at the ATS."""
_SAFE_CODE = re.compile(
    r"(?=.{1,60}\Z)(?:\d{1,6}|[A-Za-z]+\d{0,4}(?:[_.:-](?:[A-Za-z]+\d{0,4}|\d{1,4}))*)"
)
_MOST_DIGITS = 6
"""More are a telephone number, an id or a part of a token."""
_SHOWN_TYPES = frozenset({
    *("text/html", "text/plain", "text/xml", "text/csv", "application/xml", "application/xhtml+xml"),
    *("application/pdf", "application/octet-stream", "application/x-www-form-urlencoded"),
    *("application/json", "application/problem+json", "application/vnd.api+json"),
})  # fmt: skip


class ErrorClassifier:
    """A definition's rules, compiled."""

    def __init__(self, errors: Errors, *, shows_words: bool = True) -> None:
        """Compile once. Without `shows_words` the vendor's own words and codes are left out."""
        self._shows_words = shows_words
        self._ok = compile_path(errors.ok_when) if errors.ok_when else None
        self._code = compile_path(errors.code) if errors.code else None
        self._message = compile_path(errors.message) if errors.message else None
        self._message_header = errors.message_header
        self._rules = errors.rules
        paths = (errors.ok_when, errors.code, errors.message, *(r.when for r in errors.rules))
        self.paths = [path for path in paths if path]

    def classify(
        self, status: int, headers: Mapping[str, str], body: Any, kind: Kind
    ) -> ErrorClass | None:
        """None for success. `body` is None where it is no JSON."""
        good = status < 400 and (self._ok is None or body is None or bool(self._ok(body)))
        for rule in self._rules:
            if _fits(rule, status, headers, body, kind) and not (good and _means_no(rule, status)):
                return rule.then
        if good:
            return None
        return _BY_STATUS.get(status) or ("retry" if status >= 500 else "fatal")

    def code(self, body: Any, secrets: Collection[str] = ()) -> str:
        """The vendor's own error code, if it is safe to show and repeats none of the secrets."""
        if self._code is None or body is None or not self._shows_words:
            return ""
        found = self._code(body)
        safe = isinstance(found, str) and _is_code(found) and not _repeats(found, secrets)
        return f" ({found})" if safe else ""

    @property
    def judges_success(self) -> bool:
        """True if a condition on the body decides, so that a body without JSON shows no success."""
        return self._ok is not None

    def words(self, headers: Mapping[str, str], body: Any, secrets: Collection[str] = ()) -> str:
        """The vendor's words about a refusal, fit to be shown; empty if there are none."""
        if not self._shows_words:
            return ""
        said = headers.get(self._message_header, "") if self._message_header else ""
        if not said and body is not None:
            said = words_in(body if self._message is None else self._message(body))
        return "" if _repeats(said, secrets) else harmless(said)


def _repeats(text: str, secrets: Collection[str]) -> bool:
    """True if a vendor repeats a secret that was sent to it."""
    folded = text.casefold()
    return any(secret.casefold() in folded for secret in secrets)


def _is_code(text: str) -> bool:
    """True for words and small numbers, such as `candidate_not_found` or `E1042`."""
    few = sum(character.isdigit() for character in text) <= _MOST_DIGITS
    return few and _SAFE_CODE.fullmatch(text) is not None


def _means_no(rule: ErrorRule, status: int) -> bool:
    """A rule of mere statuses that include 2xx is meant for bodies that say no.

    204 has no body: there a rule may say that nothing is a good answer.
    """
    only_status = rule.when is None and rule.header is None
    return only_status and not (rule.then == "skip" and status == _NO_CONTENT)


def _fits(rule: ErrorRule, status: int, headers: Mapping[str, str], body: Any, kind: Kind) -> bool:
    if rule.status and status not in rule.status:
        return False
    if rule.on and kind not in rule.on:
        return False
    if rule.header is not None:
        value = headers.get(rule.header)
        if value is None or not re.search(rule.matches or "", value, re.IGNORECASE):
            return False
    return rule.when is None or (body is not None and bool(compile_path(rule.when)(body)))


def error_of(
    found: ErrorClass,
    *,
    status: int,
    operation: str,
    kind: Kind,
    code: str = "",
    words: str = "",
    until: datetime | None = None,
) -> AtsError:
    """The error of a class (not `rate` and `skip`, which are no errors of their own)."""
    message = f"{operation}: {_SAYS.get(found, 'the ATS refuses this request')}"
    message += f" (answered {status}){code}"
    if found == "retry":
        error: type[AtsError] = OutcomeUnknown if kind == "write" and status >= 500 else Unavailable
    else:
        error = _ERRORS[found]
    failed = error(message, status=status, operation=operation, until=until)
    failed.code, failed.words = code.strip(" ()"), words
    return failed


def not_json(operation: str, status: int, content_type: str) -> BrokenAnswer:
    """The error for an answer that is no JSON although it claims success."""
    named = content_type.split(";", maxsplit=1)[0].strip().lower()
    found = (
        named if named in _SHOWN_TYPES else "an odd content type" if named else "no content type"
    )
    why = f"expected JSON, got {found}"
    if "json" in found:
        why = "the answer is no JSON although its header says so; it may be cut short"
    return BrokenAnswer(f"{operation}: {why}", status=status, operation=operation)


def partial_answer(operation: str, status: int) -> BrokenAnswer:
    """The error for a success that does not claim to be the whole answer."""
    message = f"{operation}: answered {status}, {NOT_WHOLE[status]}"
    return BrokenAnswer(message, status=status, operation=operation)


def empty_answer(operation: str, status: int) -> BrokenAnswer:
    """The error for a success without a body where records are due."""
    message = f"{operation}: answered {status} without a body"
    if status == _NO_CONTENT:
        message += (
            "; if that is how this ATS says that nothing is there, the definition needs the rule "
            "{status: [204], then: skip} in `errors`"
        )
    return BrokenAnswer(message, status=status, operation=operation)
