"""Greenhouse's v3 listings: filters, cursors that stand alone, newest id first."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.simulator.clock import parse_ms
from connectors.simulator.filters import Keep, every
from connectors.simulator.ids import NumberIds
from connectors.simulator.messages import Refusal

OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}
MOST_IDS = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """One list endpoint: which records there are, what they say, how they can be filtered."""

    name: str
    newest: Callable[[], int]
    exists: Callable[[int], bool]
    row: Callable[[int], object]
    space: NumberIds | None = None
    """The ids by which records can be asked for, where they can."""
    times: Mapping[str, Callable[[int], int | None]] = field(default_factory=dict)
    ids: Mapping[str, Callable[[int], object]] = field(default_factory=dict)
    choices: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    numbers_of: Mapping[str, Callable[[str], Iterable[int]]] = field(default_factory=dict)
    on_demand: Mapping[str, Callable[[int], bool]] = field(default_factory=dict)
    """Tests by parameter, for the records that are shown only where it is true."""

    @property
    def allowed(self) -> set[str]:
        """Every query parameter of a first request."""
        own = {"ids"} if self.space else set()
        others = {*self.times, *self.ids, *self.choices, *self.on_demand}
        return {"per_page", "fields"} | own | others


def rows_before(
    listing: Listing, query: Mapping[str, str], before: int
) -> Iterator[tuple[int, object]]:
    """Ids and rows below an id, in falling order.

    Raises:
        Refusal: 422 where a parameter's value is malformed.
    """
    keep = _filters(listing, query)
    shown = _fields(query.get("fields"))
    numbers = (n for n in _numbers(listing, query, before) if listing.exists(n) and keep(n))
    return ((n, shown(listing.row(n))) for n in numbers)


def _numbers(listing: Listing, query: Mapping[str, str], before: int) -> Iterable[int]:
    """Numbers that may match: those of an id filter, else all below the last one seen."""
    known = dict(listing.numbers_of)
    space = listing.space
    if space is not None:
        known["ids"] = lambda text: [space.number(text) or 0]
    for name, numbers_of in known.items():
        if name in query:
            wanted = {n for part in query[name].split(",") for n in numbers_of(part)}
            return sorted((n for n in wanted if n < before), reverse=True)
    return range(before - 1, 0, -1)


def _filters(listing: Listing, query: Mapping[str, str]) -> Keep[int]:
    ids = {**({"ids": listing.space.of} if listing.space else {}), **listing.ids}
    tests: list[Keep[int]] = []
    for name, value in query.items():
        if name in listing.times:
            tests.append(_time_filter(listing.times[name], name, value))
        elif name in ids:
            tests.append(_id_filter(ids[name], name, value))
        elif name in listing.choices:
            tests.append(_choice_filter(listing.choices[name], value))
    tests += [_hides(name, hidden, query) for name, hidden in listing.on_demand.items()]
    return every(tests)


def _hides(name: str, hidden: Callable[[int], bool], query: Mapping[str, str]) -> Keep[int]:
    value = query.get(name, "false")
    if value not in {"true", "false"}:
        raise Refusal(422, f"{name} must be true or false", rule="flag_malformed")
    return lambda number: value == "true" or not hidden(number)


def _time_filter(time_of: Callable[[int], int | None], name: str, value: str) -> Keep[int]:
    parts = value.split("|")
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    bounds = [(OPERATORS.get(op), parse_ms(text)) for op, text in pairs]
    whole = [(op, bound) for op, bound in bounds if op is not None and bound is not None]
    if len(parts) % 2 or not pairs or len(whole) != len(pairs):
        message = f"{name} must look like gte|<ISO 8601>"
        raise Refusal(422, message, rule="malformed_time_filter")

    def keep(number: int) -> bool:
        at = time_of(number)
        return at is not None and all(op(at, bound) for op, bound in whole)

    return keep


def _id_filter(id_of: Callable[[int], object], name: str, value: str) -> Keep[int]:
    wanted = set(value.split(","))
    if len(wanted) > MOST_IDS:
        raise Refusal(422, f"{name} takes at most {MOST_IDS} ids", rule="too_many_ids")
    return lambda number: str(id_of(number)) in wanted


def _choice_filter(value_of: Callable[[int], str], value: str) -> Keep[int]:
    return lambda number: value_of(number) == value


def _fields(fields: str | None) -> Callable[[object], object]:
    """Leaves out of a row what was not asked for."""
    if fields is None:
        return lambda row: row
    wanted = fields.split(",")
    if len(wanted) > MOST_IDS:
        raise Refusal(422, f"fields takes at most {MOST_IDS} names", rule="too_many_fields")

    def shown(row: object) -> object:
        decoded = msgspec.json.decode(msgspec.json.encode(row), type=dict[str, object])
        return {name: decoded[name] for name in wanted if name in decoded}

    return shown
