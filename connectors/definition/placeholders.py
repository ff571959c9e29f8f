"""Placeholders `{name}` in addresses, queries and bodies: a closed set of names, no expressions."""

import re
from collections.abc import Callable, Iterator

import msgspec

from config.nodes import Path

PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_.-]*)(?::(int|number|text))?\}")
_LOOKS_LIKE = re.compile(r"\{[^{}]{0,80}\}")


class Use(msgspec.Struct, frozen=True):
    """One placeholder where it stands."""

    path: Path
    name: str


def names_in(value: object, path: Path = ()) -> Iterator[Use]:
    """Every placeholder in a value, however deep."""
    match value:
        case str():
            for match in PLACEHOLDER.finditer(value):
                yield Use(path, match[1])
        case dict():
            for key, item in value.items():
                yield from names_in(item, (*path, str(key)))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from names_in(item, (*path, index))


def malformed_in(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Everything in braces that is no placeholder."""
    match value:
        case str():
            for match in _LOOKS_LIKE.finditer(value):
                if not PLACEHOLDER.fullmatch(match[0]):
                    yield path, match[0]
        case dict():
            for key, item in value.items():
                yield from malformed_in(item, (*path, str(key)))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from malformed_in(item, (*path, index))


Values = Callable[[str], object]
"""Gives a placeholder's value; None where there is none."""


class MissingValue(LookupError):
    """A placeholder inside longer text has no value."""


def fill_text(text: str, values: Values, *, quote: Callable[[str], str] = str) -> str:
    """The text with every placeholder replaced.

    Raises:
        MissingValue: one of them has no value.
    """

    def one(match: re.Match[str]) -> str:
        value = values(match[1])
        if value is None or value == "":
            raise MissingValue(match[1])
        return quote(as_text(value))

    return PLACEHOLDER.sub(one, text)


OMIT = object()
"""Stands for an entry whose only content is a placeholder without a value."""


def fill(value: object, values: Values) -> object:
    """A body with placeholders replaced; entries that are only an unset placeholder are left out.

    Raises:
        MissingValue: a placeholder inside longer text has no value.
    """
    match value:
        case str():
            return _fill_string(value, values)
        case dict():
            filled = ((key, fill(item, values)) for key, item in value.items())
            return {key: item for key, item in filled if item is not OMIT}
        case list() | tuple():
            return [item for item in (fill(each, values) for each in value) if item is not OMIT]
        case _:
            return value


def _fill_string(text: str, values: Values) -> object:
    whole = PLACEHOLDER.fullmatch(text)
    if whole is None:
        return fill_text(text, values)
    value = values(whole[1])
    if value is None:
        return OMIT
    return converted(value, whole[2])


def converted(value: object, kind: str | None) -> object:
    """The value as the placeholder's suffix wants it; a number that is none stays text."""
    if kind is None:
        return value
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


def as_text(value: object) -> str:
    """A value as it stands in an address."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(as_text(item) for item in value)
    return str(value)
