"""The state a perfect import arrives at, computed from the world and never from the wire."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.simulator.world import Contact

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """Canonical candidates and applications by external id."""

    candidates: dict[str, Record]
    applications: dict[str, Record]


def contacts(values: Iterable[Contact], *, typed: bool = True) -> list[Record]:
    """Contacts in canonical form; `typed=False` where the vendor does not show the type."""
    return [{"value": c.value, "type": c.type if typed else None} for c in values]


def without(record: Record, names: Iterable[str]) -> Record:
    """The record with these fields empty, where an API does not carry them."""
    empty = {name: _empty(record[name]) for name in names}
    return record | empty


def _empty(value: object) -> object:
    return type(value)() if isinstance(value, list | dict | bool) else None
