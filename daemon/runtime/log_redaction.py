"""Keeps secrets and personal data out of the logs: text passes only under keys known to be harmless."""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

REDACTED = "[redacted]"
DEEPEST = 6
LONGEST_TEXT = 10_000
SHORTEST_SECRET = 4
"""Shorter ones would black out ordinary words; no one is protected by them anyway."""

LOGGABLE = frozenset({
    *("event", "level", "logger", "timestamp", "exception", "stack", "error", "error_message"),
    *("error_type", "error_kind", "reason", "remedy", "message", "hint", "path", "file", "files"),
    *("integration", "integrations", "connector", "connectors", "ats_name", "job", "run", "task"),
    *("state", "status", "outcome", "kind", "severity", "change", "origin", "policy", "winner"),
    *("list", "lists", "operation", "collection", "database", "index", "mode", "trigger", "action"),
    *("target_status", "expected_status", "previous_status", "stage", "key"),
    *("url", "uri", "host", "method", "scheme", "signal", "version", "fields", "changed_fields"),
    *("owner", "lease", "component", "service", "checkpoint", "unmapped", "problem", "problems"),
    *("cursor_kind", "setting", "setting_name", "format", "code", "code_name", "tasks"),
    *("channel", "address", "addresses", "schedule", "definition", "page", "next_run", "role"),
})  # fmt: skip
_LOGGABLE_ENDINGS = ("_id", "_ids", "_at", "_state", "_status", "_kind", "_outcome", "_until")

_SENSITIVE = (
    r"(?:api|private|access|secret|encryption)[_-]?key|token|secret|passw(?:or)?d|passphrase"
    r"|signature|authorization|cookie|credentials?"
)
_HARMLESS = frozenset({"fencing_token", "resume_token", "token_age_s"})
_SENSITIVE_KEY = re.compile(_SENSITIVE, re.IGNORECASE)
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"([a-z][a-z0-9+.-]{0,20}://)[^/\s]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*"), REDACTED),
    (
        re.compile(
            rf"""({_SENSITIVE})(["']?\s*[=:]\s*["']?)(?!\[redacted])[^\s"'&,;}})]+""",
            re.IGNORECASE,
        ),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"\b(?:sk|pk|rk|ghp|glpat|xox[abp])[-_][\w-]{8,}"), REDACTED),
    (re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[email]"),
    (re.compile(r"\+\d[\d ().-]{6,}\d|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b"), "[phone]"),
)  # fmt: skip
SUSPICIOUS = re.compile(r"[\s:=.@%+]|-\d{3}-\d|sk|pk|rk|gh|gl|xox")
"""Text without any of these fits none of the patterns: words, ids, and so nearly all there is."""


class Redactor:
    """A structlog processor that lets numbers, times and ids through, and text only where it is harmless."""

    def __init__(self) -> None:
        self._secrets: list[str] = []
        """The longest first: one may be a part of another."""

    def remember(self, secret: str) -> None:
        """Hides this value from now on, in every text and traceback."""
        if len(secret) >= SHORTEST_SECRET and secret not in self._secrets:
            self._secrets = sorted([*self._secrets, secret], key=len, reverse=True)

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Returns what may be logged of one event."""
        return {self._key(key): self._value(key, value, 0) for key, value in event.items()}

    def scrub(self, text: str) -> str:
        """The text without anything that looks like a secret, an e-mail address or a telephone number."""
        if not text.isascii():
            text = _HALF.sub("\ufffd", text)
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        if len(text) > LONGEST_TEXT:  # of a traceback the end matters most
            text = f"{text[: LONGEST_TEXT // 5]} … {text[-LONGEST_TEXT * 4 // 5 :]}"
        if text.isalnum():
            return text
        return _masked_again(text) if len(text) <= _REPEATED else _masked(text)

    def _key(self, key: str) -> str:
        """A mapping from an ATS may have anything as its keys."""
        return key if key.isascii() and key.isidentifier() else self.scrub(key)

    def _value(self, key: str, value: object, depth: int) -> object:
        if _is_sensitive(key):
            return None if value is None else REDACTED
        if type(value) is str:  # nearly every value is
            return self._text(key, value)
        match value:
            case None | bool() | int() | float():
                return value
            case Enum():
                return self._value(key, value.value, depth)
            case Mapping() | list() | tuple() | set() | frozenset():
                return self._nested(key, value, depth)
        return self._text(key, value)

    def _text(self, key: str, value: object) -> str:
        match value:
            case UUID() | date() | timedelta():
                return str(value)
            case str() | BaseException() | PurePath():
                is_loggable = key in LOGGABLE or key.endswith(_LOGGABLE_ENDINGS)
                return self.scrub(str(value)) if is_loggable else REDACTED
        # The text of any other object may be a whole candidate.
        return f"<{type(value).__name__}>"

    def _nested(self, key: str, value: Any, depth: int) -> object:
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return {self._key(str(k)): self._value(str(k), v, depth + 1) for k, v in value.items()}
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [self._value(key, item, depth + 1) for item in items]


@lru_cache(maxsize=1024)
def _is_sensitive(key: str) -> bool:
    return key not in _HARMLESS and _SENSITIVE_KEY.search(key) is not None


def _masked(text: str) -> str:
    if SUSPICIOUS.search(text):
        for pattern, replacement in PATTERNS:
            text = pattern.sub(replacement, text)
    return text


_HALF = re.compile("[\ud800-\udfff]")
"""Half characters, which no log could be written with."""
_REPEATED = 32
"""Texts of this length at most are mostly words that come again: names of events and modules."""
_masked_again = lru_cache(maxsize=512)(_masked)
