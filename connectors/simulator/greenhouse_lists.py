"""Greenhouse's v3 listings: filters, cursors that stand alone, newest id first."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from connectors.simulator.clock import parse_ms
from connectors.simulator.messages import Call, Page, Refusal, integer, seal, unseal

OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}
CURSOR_ALONE = "When passing a cursor, do not include other query params."
MOST_IDS = 50
Keep = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Listing:
    """One list endpoint: which records there are, what they say, how they can be filtered."""

    name: str
    newest: Callable[[], int]
    exists: Callable[[int], bool]
    encode: Callable[[int], bytes]
    times: Mapping[str, Callable[[int], int | None]] = field(default_factory=dict)
    ids: Mapping[str, Callable[[int], object]] = field(default_factory=dict)
    choices: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    numbers_of: Mapping[str, Callable[[str], Iterable[int]]] = field(default_factory=dict)
    on_demand: Mapping[str, Callable[[int], bool]] = field(default_factory=dict)
    """By parameter: the records that are shown only where it is true."""

    @property
    def allowed(self) -> set[str]:
        """Every query parameter of a first request."""
        return {"per_page", "fields", *self.times, *self.ids, *self.choices, *self.on_demand}


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk stands: the first request's parameters and the last id it has seen."""

    query: dict[str, str]
    before: int
    page: int

    def sealed(self, list_name: str, now_ms: int) -> str:
        """The walk as an opaque cursor."""
        state = {"l": list_name, "q": self.query, "b": self.before, "n": self.page, "t": now_ms}
        return seal(state)


def walk_of(call: Call, listing: Listing, *, now_ms: int, cursor_life_ms: int) -> Walk:
    """The walk that a request begins or goes on with.

    Raises:
        Refusal: 422 for anything beside a cursor, a stale or foreign cursor, an unknown parameter.
    """
    if "cursor" not in call.query:
        unknown = sorted(call.params - listing.allowed)
        if unknown:
            raise Refusal(422, f"Unknown parameter: {unknown[0]}", rule="unknown_parameter")
        return Walk(dict(call.query), listing.newest() + 1, 1)
    if len(call.query) > 1:
        raise Refusal(422, CURSOR_ALONE, rule="parameter_beside_cursor")
    state = unseal(call.query["cursor"])
    if state is None or state.get("l") != listing.name:
        raise Refusal(422, "Invalid cursor.", rule="invalid_cursor")
    if now_ms - int(str(state["t"])) > cursor_life_ms:
        raise Refusal(422, "Expired cursor.")
    query = state["q"]
    kept = {str(k): str(v) for k, v in query.items()} if isinstance(query, dict) else {}
    return Walk(kept, int(str(state["b"])), int(str(state["n"])))


def page_of(listing: Listing, walk: Walk, *, now_ms: int) -> Page:
    """The next rows of a walk, in order of falling id.

    Raises:
        Refusal: 422 where a parameter's value is malformed.
    """
    limit = integer(walk.query.get("per_page", "100"), low=1, high=500)
    if limit is None:
        raise Refusal(422, "per_page must be between 1 and 500", rule="per_page_out_of_bounds")
    keep = _filters(listing, walk.query)
    numbers = (n for n in _candidates(listing, walk) if listing.exists(n) and keep(n))
    found = list(islice(numbers, limit + 1))
    shown = found[:limit]
    rows = [listing.encode(number) for number in shown]
    onward = Walk(walk.query, shown[-1], walk.page + 1) if len(found) > limit else None
    return Page(
        rows=_selected(rows, walk.query.get("fields")),
        next=onward.sealed(listing.name, now_ms) if onward else None,
        here=walk.sealed(listing.name, now_ms),
    )


def _candidates(listing: Listing, walk: Walk) -> Iterable[int]:
    """Numbers worth looking at: those of an id filter, else all below the last one seen."""
    for name, numbers_of in listing.numbers_of.items():
        if name in walk.query:
            wanted = {n for part in walk.query[name].split(",") for n in numbers_of(part)}
            return sorted((n for n in wanted if n < walk.before), reverse=True)
    return range(walk.before - 1, 0, -1)


def _filters(listing: Listing, query: Mapping[str, str]) -> Keep:
    tests: list[Keep] = []
    for name, value in query.items():
        if name in listing.times:
            tests.append(_time_filter(listing.times[name], name, value))
        elif name in listing.ids:
            tests.append(_id_filter(listing.ids[name], name, value))
        elif name in listing.choices:
            tests.append(_choice_filter(listing.choices[name], value))
    tests += [_hides(name, hidden, query) for name, hidden in listing.on_demand.items()]
    return lambda number: all(test(number) for test in tests)


def _hides(name: str, hidden: Callable[[int], bool], query: Mapping[str, str]) -> Keep:
    value = query.get(name, "false")
    if value not in {"true", "false"}:
        raise Refusal(422, f"{name} must be true or false", rule="flag_malformed")
    return lambda number: value == "true" or not hidden(number)


def _time_filter(time_of: Callable[[int], int | None], name: str, value: str) -> Keep:
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


def _id_filter(id_of: Callable[[int], object], name: str, value: str) -> Keep:
    wanted = set(value.split(","))
    if len(wanted) > MOST_IDS:
        raise Refusal(422, f"{name} takes at most {MOST_IDS} ids", rule="too_many_ids")
    return lambda number: str(id_of(number)) in wanted


def _choice_filter(value_of: Callable[[int], str], value: str) -> Keep:
    return lambda number: value_of(number) == value


def _selected(rows: list[bytes], fields: str | None) -> list[bytes]:
    if fields is None:
        return rows
    wanted = fields.split(",")
    if len(wanted) > MOST_IDS:
        raise Refusal(422, f"fields takes at most {MOST_IDS} names", rule="too_many_fields")
    decoded = [msgspec.json.decode(row, type=dict[str, object]) for row in rows]
    return [msgspec.json.encode({k: r[k] for k in wanted if k in r}) for r in decoded]
