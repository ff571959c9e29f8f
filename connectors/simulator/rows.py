"""Encoded rows kept until their record changes, orderings and answers kept while nothing changes."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from connectors.simulator.world import Kind, World

Key = tuple[int | str, ...]
T = TypeVar("T")
Row = dict[str, object]


class Rows:
    """The JSON of records, encoded when first asked for and dropped on change."""

    def __init__(self, world: World, kind: Kind, row: Callable[[int], Row]) -> None:
        """Rows of one kind of record; a change of the account's setup drops them all."""
        self._kind = kind
        self._row = row
        self._encoded: dict[int, msgspec.Raw] = {}
        world.observers.append(self._changed)

    def __getitem__(self, number: int) -> msgspec.Raw:
        found = self._encoded.get(number)
        if found is None:
            found = self._encoded[number] = msgspec.Raw(msgspec.json.encode(self._row(number)))
        return found

    def _changed(self, kind: Kind, number: int) -> None:
        if kind == "setup":
            self._encoded.clear()
        elif kind == self._kind:
            self._encoded.pop(number, None)


class Ordered:
    """Records in the order of a key that changes with them."""

    def __init__(self, world: World, kind: Kind, key: Callable[[int], Key | None]) -> None:
        """`key` returns a record's position, its last part unique, or None when it is gone."""
        self._kind = kind
        self._key = key
        records = world.people if kind == "person" else world.applications
        self._positions: dict[int, Key] = {}
        for number in records:
            position = key(number)
            if position is not None:
                self._positions[number] = position
        self._order = sorted((position, number) for number, position in self._positions.items())
        world.observers.append(self._changed)

    def after(self, position: Key | None) -> Iterator[tuple[Key, int]]:
        """Positions and numbers after the given position, from the start when it is None."""
        start = 0 if position is None else bisect_left(self._order, (position, 1 << 60))
        for index in range(start, len(self._order)):
            yield self._order[index]

    def _changed(self, kind: Kind, number: int) -> None:
        if kind != self._kind:
            return
        old = self._positions.pop(number, None)
        if old is not None:
            del self._order[bisect_left(self._order, (old, number))]
        new = self._key(number)
        if new is not None:
            self._positions[number] = new
            insort(self._order, (new, number))


class Kept(Generic[T]):
    """The answer to each question asked, kept until something in the account changes."""

    MOST = 16

    def __init__(self, world: World) -> None:
        self._answers: dict[tuple[str, ...], T] = {}
        world.observers.append(self._changed)

    def get(self, question: tuple[str, ...], answer: Callable[[], T]) -> T:
        """The answer, computed where it is not known."""
        if question not in self._answers:
            if len(self._answers) >= self.MOST:
                self._answers.clear()
            self._answers[question] = answer()
        return self._answers[question]

    def _changed(self, kind: Kind, number: int) -> None:  # noqa: ARG002 (an observer's shape)
        self._answers.clear()


def empty(*names: str) -> Row:
    """The fields that the API shows and that no simulated record has: null."""
    return dict.fromkeys(names)
