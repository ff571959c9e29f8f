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
    """The body with more entries. Objects under the same name are merged, and numbers as names lead
    into a list under it; all else is replaced.
    """
    found = dict(body)
    for name, value in more.items():
        found[name] = _together(found.get(name), value)
    return found


def _together(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return merged(old, new)
    if isinstance(old, list) and isinstance(new, Mapping) and new and new.keys() <= _indexes(old):
        return [
            _together(each, new[str(at)]) if str(at) in new else each for at, each in enumerate(old)
        ]
    return new


def _indexes(items: list[Any]) -> set[str]:
    return {str(at) for at in range(len(items))}


def obstacle(body: Mapping[str, Any], parameter: str) -> str | None:
    """The dotted name of what neither is an object nor a list with such an item, although an entry
    has to go into it.
    """
    inner: Any = body
    names = body_names(parameter)
    for at, name in enumerate(names[:-1], start=1):
        inner = inner[int(name)] if isinstance(inner, list) else inner.get(name)
        if inner is None:
            return None
        has_index = isinstance(inner, list) and names[at] in _indexes(inner)
        if not (isinstance(inner, Mapping) or has_index):
            return ".".join(names[:at])
    return None
