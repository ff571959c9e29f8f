"""Compares declared indexes with those that a collection has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from pymongo import IndexModel

Row = Mapping[str, Any]
Verdict = Literal["there", "kept", "clash", "missing"]
"""`kept`: another index has the same keys; `clash`: one with other keys has the name."""
_OPTIONS = ("unique", "partialFilterExpression", "sparse", "expireAfterSeconds")


class Compared(msgspec.Struct, frozen=True):
    """A declared index, and the index that serves or blocks it."""

    name: str
    wanted: IndexModel
    verdict: Verdict
    found: str | None = None
    """The other index, where it has another name."""
    differs: Sequence[str] = ()
    """Options in which an index that is kept differs."""

    @property
    def keys(self) -> str:
        """The declared keys, as a person reads them."""
        return keys_of(self.wanted.document)


def keys_of(index: Row) -> str:
    """Returns the names of an index's keys."""
    return ", ".join(map(str, index["key"]))


def compare_indexes(declared: Iterable[IndexModel], existing: Sequence[Row]) -> list[Compared]:
    """Compares each declared index with those of the collection."""
    return [_compared(index, existing) for index in declared]


def _compared(wanted: IndexModel, existing: Sequence[Row]) -> Compared:
    name, keys = str(wanted.document["name"]), _keys(wanted.document)
    by_name = next((index for index in existing if index["name"] == name), None)
    if by_name is not None and _keys(by_name) != keys:
        return Compared(name, wanted, "clash", found=keys_of(by_name))
    alike = [index for index in existing if _keys(index) == keys]
    if not alike:
        return Compared(name, wanted, "missing")
    for index in alike:
        if not _differences(wanted.document, index):
            return Compared(name, wanted, "there")
    closest = by_name or alike[0]
    return Compared(
        *(name, wanted, "kept", str(closest["name"])),
        differs=_differences(wanted.document, closest),
    )


def _keys(index: Row) -> list[tuple[str, Any]]:
    """Returns keys and directions; the server may return a direction as a double."""
    return [
        (str(field), int(direction) if isinstance(direction, float) else direction)
        for field, direction in dict(index["key"]).items()
    ]


def _differences(wanted: Row, found: Row) -> list[str]:
    return [
        name for name in _OPTIONS if _comparable(wanted.get(name)) != _comparable(found.get(name))
    ]


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, bytes):
        return bytes(value)  # a Binary, which equals no bytes
    return value or None if isinstance(value, bool) else value
