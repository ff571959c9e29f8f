"""The operator's words for each of pydantic's errors. No message quotes a value."""

import re
from collections.abc import Iterable

from pydantic_core import ErrorDetails

from config.nodes import MappingNode, Node, Scalar, SequenceNode
from config.problems import did_you_mean
from config.to_json import NUMBER, TRUTH_VALUES, WHOLE_NUMBER

_WORD = re.compile(r"'([^']*)'|([^\s,']+)")
_MAPPING, _LIST, _SCALAR = "a mapping (key: value)", "a list", "a single value"
NODE_KINDS: dict[type, str] = {MappingNode: _MAPPING, SequenceNode: _LIST, Scalar: _SCALAR}
_NO_NULL = "must have a value; put the word null in quotes if that word is meant"
_MEANT_TRUTH = {
    **{word: word for word in TRUTH_VALUES},
    **dict.fromkeys(("yes", "on", "y", "1", "t", "enabled"), "true"),
    **dict.fromkeys(("no", "off", "n", "0", "f", "disabled"), "false"),
}

_OF_MAPPINGS = frozenset({"dict_type", "mapping_type", "model_type", "model_attributes_type"})
_OF_LISTS = frozenset({"list_type", "tuple_type", "set_type", "frozen_set_type"})
_OF_SCALARS = frozenset({
    *("string_type", "string_sub_type", "int_type", "float_type", "bool_type", "literal_error"),
    *("enum", "date_type", "datetime_type", "time_delta_type"),
})  # fmt: skip
"""Errors of values that should have been one scalar."""

_BY_SENTENCE: dict[str, Iterable[str]] = {
    "is required": ("missing",),
    "unknown key": ("extra_forbidden",),
    "must be text": ("string_type", "string_sub_type"),
    "must be a whole number": ("int_type", "int_parsing", "int_from_float"),
    "must be a number": ("float_type", "float_parsing"),
    "must be a finite number": ("finite_number",),
    "must be true or false": ("bool_type", "bool_parsing"),
    "must be a list; write [a, b], or one `- ` line per item": _OF_LISTS,
    "must be a mapping (key: value)": _OF_MAPPINGS,
    "must be a duration, such as 90s, 5m, 24h or 7d": ("time_delta_type", "time_delta_parsing"),
    "must be a date, such as 2026-11-23": (
        *("date_type", "date_parsing", "date_from_datetime_parsing"),
    ),
    "must be a time, such as 2026-11-23T08:00:00Z": (
        *("datetime_type", "datetime_parsing", "datetime_from_date_parsing"),
    ),
    "must be null": ("none_required",),
}
_SENTENCES = {kind: words for words, kinds in _BY_SENTENCE.items() for kind in kinds}

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


def wanted_kind(error_type: str) -> str | None:
    """Returns the kind of node that a value should have been; None where its kind was right."""
    if error_type in _OF_MAPPINGS:
        return _MAPPING
    if error_type in _OF_LISTS:
        return _LIST
    return _SCALAR if error_type in _OF_SCALARS else None


def message_of(details: ErrorDetails, subject: Node | str | None) -> tuple[str, str | None]:
    """Returns the message and the word that was probably meant; the subject is a value or a key."""
    message, words = sentence(details), known_words(details)
    match subject:
        case str():
            return message, did_you_mean(subject, words)
        case Scalar():
            return _about_scalar(details["type"], message, words, subject)
        case MappingNode() if wanted_kind(details["type"]) == _SCALAR:
            return f"{message}; this is a mapping", None
        case SequenceNode() if wanted_kind(details["type"]) == _SCALAR:
            return f"{message}; this is a list", None
        case _:
            return message, None


def _about_scalar(
    error_type: str, message: str, words: list[str], scalar: Scalar
) -> tuple[str, str | None]:
    if scalar.is_null:
        is_wanted = wanted_kind(error_type) == _SCALAR or error_type == "value_error"
        return (_NO_NULL if is_wanted else message), None
    hint = did_you_mean(scalar.text, words)
    if error_type == "bool_type":
        hint = _MEANT_TRUTH.get(scalar.text.casefold())
    if _is_right_without_quotes(error_type, scalar, hint):
        return f"{message}, without quotes", None
    return message, hint


def _is_right_without_quotes(error_type: str, scalar: Scalar, hint: str | None) -> bool:
    if error_type == "literal_error":
        return hint == scalar.text
    if scalar.is_untyped:
        return False
    match error_type:
        case "bool_type":
            return scalar.text.casefold() in TRUTH_VALUES
        case "int_type":
            return WHOLE_NUMBER.fullmatch(scalar.text) is not None
        case "float_type":
            return NUMBER.fullmatch(scalar.text) is not None
        case _:
            return False


def sentence(error: ErrorDetails) -> str:
    """Returns the rule that a value breaks, in the words of a person who edits YAML."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or "is not valid")
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind in _WITH_CONTEXT:
        words = known_words(error)
        if context.get("min_length") == 1:
            return "must not be empty"
        if len(words) == 1:
            return f"must be {words[0]}"
        shown = {key: f"{v:g}" if isinstance(v, float) else v for key, v in context.items()}
        return _WITH_CONTEXT[kind].format(**{**shown, "words": ", ".join(words)})
    return error["msg"][:1].lower() + error["msg"][1:]


def known_words(error: ErrorDetails) -> list[str]:
    """Returns the words that a field takes, if it takes only certain words."""
    expected = str(error.get("ctx", {}).get("expected", ""))
    return [quoted or bare for quoted, bare in _WORD.findall(expected) if bare != "or"]
