"""Entries of a JSON body by dotted name: `variables.after` is `after` inside `variables`."""

import re
from collections.abc import Mapping
from typing import Any

_NAME = r'(?:"[^"]+"|[^".]+)'
_DOTTED = re.compile(rf"{_NAME}(?:\.{_NAME})*")


def body_names(parameter: str) -> tuple[str, ...]:
    """The names from the outside in; one with a dot of its own is in double quotes.

    Raises:
        ValueError: it is no dotted name.
    """
    if not _DOTTED.fullmatch(parameter):
        raise ValueError('must be names with dots between, such as variables.after or "a.b".after')
    return tuple(name.strip('"') for name in re.findall(_NAME, parameter))


def body_entry(parameter: str, value: object) -> dict[str, Any]:
    """A body that holds only this entry."""
    *outer, own = body_names(parameter)
    entry: dict[str, Any] = {own: value}
    for name in reversed(outer):
        entry = {name: entry}
    return entry


def merged(body: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The body with more entries; objects under the same name are merged, all else is replaced."""
    found = dict(body)
    for name, value in more.items():
        old = found.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        found[name] = merged(old, value) if both else value  # type: ignore[arg-type]  # mappings
    return found


def obstacle(body: Mapping[str, Any], parameter: str) -> str | None:
    """The dotted name of what is no object although an entry has to go into it."""
    inner: Any = body
    *outer, _ = body_names(parameter)
    for at, name in enumerate(outer, start=1):
        inner = inner.get(name)
        if inner is None:
            return None
        if not isinstance(inner, Mapping):
            return ".".join(outer[:at])
    return None
