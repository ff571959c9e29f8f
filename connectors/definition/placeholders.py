"""Placeholders `{name}` in addresses, queries and bodies: a closed set of names, no expressions.

`{{` and `}}` are a brace each, for texts that hold braces of their own, such as GraphQL queries.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from config.nodes import NodePath
from connectors.times import read_time, write_time

PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_.-]*)(?::(int|number|text|date|time))?\}")
_TOKEN = re.compile(rf"(?:{PLACEHOLDER.pattern}|\{{\{{|\}}\}})")
"""A placeholder, or the escape of a brace. Read from the left: `{{{x}}}` is `{x}` in braces."""
_NO_TOKEN = re.compile(rf"{_TOKEN.pattern}|(\{{[^{{}}]{{0,60}}\}}|[{{}}])")
"""The third group: what is in braces and is no token, or a brace on its own."""


class Use(msgspec.Struct, frozen=True):
    """One placeholder at its path."""

    path: NodePath
    name: str


def texts_in(value: object, path: NodePath = ()) -> Iterator[tuple[NodePath, str]]:
    """Every text in a value, however deep, with its path."""
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                yield from texts_in(item, (*path, str(key)))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from texts_in(item, (*path, index))


def names_in(value: object, path: NodePath = ()) -> Iterator[Use]:
    """Every placeholder in a value, however deep."""
    for at, text in texts_in(value, path):
        for match in _TOKEN.finditer(text):
            if match[1]:
                yield Use(at, match[1])


def malformed_in(value: object, path: NodePath = ()) -> Iterator[tuple[NodePath, str]]:
    """In each text the first that is in braces and is neither a placeholder nor an escape."""
    for at, text in texts_in(value, path):
        odd = next((each[3] for each in _NO_TOKEN.finditer(text) if each[3]), None)
        if odd is not None:
            yield at, odd


Values = Callable[[str], object]
"""Gives a placeholder's value; None where there is none."""


class MissingValue(LookupError):
    """A placeholder inside longer text has no value."""


def fill_text(text: str, values: Values, *, quote: Callable[[str], str] = str) -> str:
    """The text with every placeholder replaced, and `{{` and `}}` by single braces.

    Raises:
        MissingValue: one of them has no value.
    """

    def one(match: re.Match[str]) -> str:
        if not match[1]:
            return match[0][0]
        value = values(match[1])
        if value is None or value == "":
            raise MissingValue(match[1])
        return quote(as_text(value))

    return _TOKEN.sub(one, text)


OMIT = object()
"""The value of an entry whose only content is a placeholder without a value."""


def fill(value: object, values: Values) -> object:
    """A body with placeholders replaced; entries that are only an unset placeholder are left out, and
    so are objects of nothing but such entries.

    Raises:
        MissingValue: a placeholder inside longer text has no value.
    """
    match value:
        case str():
            return _fill_string(value, values)
        case dict():
            filled = {key: fill(item, values) for key, item in value.items()}
            return {key: item for key, item in filled.items() if not _is_unset(item, value[key])}
        case list() | tuple():
            return [item for item in (fill(each, values) for each in value) if item is not OMIT]
        case _:
            return value


def _is_unset(filled: object, before: object) -> bool:
    return filled is OMIT or (filled == {} and isinstance(before, dict) and bool(before))


def _fill_string(text: str, values: Values) -> object:
    whole = PLACEHOLDER.fullmatch(text)
    if whole is None:
        return fill_text(text, values)
    value = values(whole[1])
    if value is None:
        return OMIT
    return converted(value, whole[2])


def converted(value: object, kind: str | None) -> object:
    """The value as the placeholder's suffix wants it; a number or moment that is none stays text."""
    if kind is None:
        return value
    if kind in _MOMENTS:
        return _moment(value, _MOMENTS[kind])
    text = as_text(value)
    if kind == "text":
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text) if kind == "number" else text
    except ValueError:
        return text


_MOMENTS = {"date": "date", "time": "iso"}


def _moment(value: object, format_name: str) -> object:
    """The moment in that format; what is no moment stays as it is, for the vendor to refuse."""
    try:
        moment = value if isinstance(value, datetime) else read_time(value)
    except ValueError:
        return value
    return value if moment is None else write_time(moment, format_name)


def as_text(value: object) -> str:
    """Returns a value as it is written in an address."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(as_text(item) for item in value)
    return str(value)
