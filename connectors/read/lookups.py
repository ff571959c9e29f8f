"""The lookup lists of a connector, each loaded whole once a run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.clock import ConnectorClock
from connectors.definition.compiled_paths import compile_path
from connectors.read.ids import identifier

Rows = list[dict[str, Any]]
LoadAll = Callable[[str, str | None], Awaitable[Rows]]
"""From a list's name and a scope to all its records."""

STALE_S = 30.0
SPARSE_STALE_S = 300.0
"""The same where most keys have no record, so that a missing one says little."""


@dataclass(slots=True)
class _Table:
    rows: Rows
    loaded_at: float
    indexes: dict[str, dict[str, Rows]] = field(default_factory=dict)

    def index(self, by: str) -> dict[str, Rows]:
        """Returns the records by the value at a path."""
        if by not in self.indexes:
            self.indexes[by] = index_rows(self.rows, by)
        return self.indexes[by]


def distinct(rows: Rows) -> Rows:
    """Each row once: pages may overlap, and of many records only a few values may be of use."""
    return list({msgspec.json.encode(row, order="sorted"): row for row in rows}.values())


def index_rows(rows: Rows, by: str) -> dict[str, Rows]:
    """Returns the records by the value at a path, in their order."""
    get = compile_path(by)
    found: dict[str, Rows] = {}
    for row in rows:
        key = identifier(get(row))
        if key is not None:
            found.setdefault(key, []).append(row)
    return found


class Lookups:
    """The tables of one connector."""

    def __init__(self, load: LoadAll, clock: ConnectorClock) -> None:
        self._load = load
        self._clock = clock
        self._tables: dict[tuple[str, str | None], _Table] = {}
        self._locks: dict[tuple[str, str | None], asyncio.Lock] = {}

    def has(self, name: str) -> bool:
        """True if the list was loaded before, however long ago."""
        return (name, None) in self._tables

    async def rows(
        self, name: str, scope: str | None = None, *, max_age_s: float = float("inf")
    ) -> Rows:
        newest = self._clock.monotonic() - max_age_s
        return (await self._loaded(name, scope, newer_than=newest)).rows

    async def ensure(
        self, name: str, by: str, keys: Iterable[str], *, stale_s: float = STALE_S
    ) -> Mapping[str, Rows]:
        """An index that has these keys, if the ATS has them.

        A table that lacks one of them is loaded again, unless it is fresher than `stale_s`.
        """
        table = await self._loaded(name, None, newer_than=float("-inf"))
        if any(key not in table.index(by) for key in keys):
            newest = self._clock.monotonic() - stale_s
            table = await self._loaded(name, None, newer_than=newest)
        return table.index(by)

    async def _loaded(self, name: str, scope: str | None, *, newer_than: float) -> _Table:
        key = (name, scope)
        known = self._tables.get(key)
        if known is not None and known.loaded_at >= newer_than:
            return known
        async with self._locks.setdefault(key, asyncio.Lock()):
            table = self._tables.get(key)
            if table is None or table.loaded_at < newer_than:
                at = self._clock.monotonic()
                table = _Table(distinct(await self._load(name, scope)), at)
                self._tables[key] = table
            return table
