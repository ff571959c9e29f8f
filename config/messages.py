"""Says pydantic's findings in the operator's words, without ever quoting a value."""

import re
from typing import Any

from pydantic_core import ErrorDetails

_QUOTED = re.compile(r"'([^']*)'")

_SENTENCES: dict[str, str] = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "string_type": "must be text",
    "string_sub_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list; write [a, b], or one `- ` line per item",
    "tuple_type": "must be a list; write [a, b], or one `- ` line per item",
    "set_type": "must be a list; write [a, b], or one `- ` line per item",
    "frozen_set_type": "must be a list; write [a, b], or one `- ` line per item",
    "dict_type": "must be a mapping (key: value)",
    "mapping_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "time_delta_type": "must be a duration, such as 90s, 5m, 24h or 7d",
    "time_delta_parsing": "must be a duration, such as 90s, 5m, 24h or 7d",
    "date_type": "must be a date, such as 2026-11-23",
    "date_parsing": "must be a date, such as 2026-11-23",
    "date_from_datetime_parsing": "must be a date, such as 2026-11-23",
    "datetime_type": "must be a time, such as 2026-11-23T08:00:00Z",
    "datetime_parsing": "must be a time, such as 2026-11-23T08:00:00Z",
    "datetime_from_date_parsing": "must be a time, such as 2026-11-23T08:00:00Z",
    "none_required": "must be null",
}

_WITH_CONTEXT: dict[str, str] = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be one of {words}",
    "enum": "must be one of {words}",
}


def sentence(error: ErrorDetails) -> str:
    """What the error says, in the words of someone who edits YAML."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or "is not valid")
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind in _WITH_CONTEXT:
        return _in_context(kind, context, known_words(error))
    return _decapitalised(error["msg"])


def _in_context(kind: str, context: dict[str, Any], words: list[str]) -> str:
    if context.get("min_length") == 1:
        return "must not be empty"
    if len(words) == 1:
        return f"must be {words[0]}"
    shown = {key: f"{v:g}" if isinstance(v, float) else v for key, v in context.items()}
    return _WITH_CONTEXT[kind].format(**{**shown, "words": ", ".join(words)})


def known_words(error: ErrorDetails) -> list[str]:
    """The words that a place accepts, if it accepts only certain words."""
    expected: Any = error.get("ctx", {}).get("expected", "")
    found = _QUOTED.findall(str(expected))
    return found or [word for word in re.split(r",\s*| or ", str(expected)) if word]


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]
