"""Faults that a tester injects: the operation, the number of times, and the kind."""

from dataclasses import dataclass, fields
from random import Random
from typing import Literal, get_args

FaultKind = Literal[
    "rate_limited",
    "error",
    "timeout",
    "reset",
    "redirect",
    "web_page",
    "expire_token",
    "empty_page",
    "endless_next",
    "foreign_next",
    "duplicate_row",
    "missing_row",
    "reset_mid_body",
    "truncated",
    "html",
    "wrong_type",
    "drip",
    "huge",
    "gzip_bomb",
    "lost_answer",
    "unanswered",
]
KINDS: frozenset[str] = frozenset(get_args(FaultKind))
INSTEAD: frozenset[str] = frozenset(
    {"rate_limited", "error", "timeout", "reset", "redirect", "web_page"}
)
"""Faults that replace the answer: the request has no effect."""
OF_LISTS: frozenset[str] = frozenset(
    {"empty_page", "endless_next", "foreign_next", "duplicate_row", "missing_row"}
)
"""Faults that only pages of a list can have."""


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong, for the next `count` matching requests.

    `operation` is list, detail, write, token or any; `name` narrows it to one endpoint; `skip`
    lets so many matching requests pass first; `count` None means until cleared; `probability` is
    drawn with the plan's seed. `retry_after` is a number of seconds, "date" for an HTTP date, or
    None for no header; `date_in_s` is how far ahead that date is.
    """

    kind: FaultKind
    operation: str = "any"
    name: str | None = None
    count: int | None = 1
    skip: int = 0
    probability: float = 1.0
    status: int = 503
    retry_after: float | str | None = None
    date_in_s: float = 1.0
    to: str = "http://other.invalid"
    seconds: float = 0.05
    megabytes: int = 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are {sorted(KINDS)}")

    def matches(self, operation: str, name: str) -> bool:
        """True where this fault is meant for that endpoint."""
        return self.operation in {"any", operation} and self.name in {None, name}


class FaultPlan:
    """The pending faults, in the order in which they were added."""

    def __init__(self, *, kinds: frozenset[str] = KINDS, seed: int = 1) -> None:
        self._kinds = kinds
        self._pending: list[Fault] = []
        self._random = Random(seed)
        self.served = 0

    @property
    def pending(self) -> list[Fault]:
        return list(self._pending)

    def add(self, *faults: Fault) -> None:
        """Plans the faults.

        Raises:
            ValueError: this server has no such fault.
        """
        for fault in faults:
            if fault.kind not in self._kinds:
                raise ValueError(
                    f"{fault.kind!r} is no fault here; there are {sorted(self._kinds)}"
                )
        self._pending.extend(faults)

    def clear(self) -> None:
        self._pending.clear()

    def take(self, operation: str, name: str) -> Fault | None:
        """The fault for this request, if any; counted as served."""
        for fault in [each for each in self._pending if each.matches(operation, name)]:
            if fault.skip > 0:
                fault.skip -= 1
            elif self._random.random() < fault.probability:
                self.served += 1
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._pending.remove(fault)
                return fault
        return None


def fault_from(order: dict[str, object]) -> Fault:
    """A fault from a JSON object with the same names.

    Raises:
        ValueError: a name or a kind is unknown.
    """
    unknown = set(order) - {known.name for known in fields(Fault)}
    if unknown or "kind" not in order:
        raise ValueError(f"a fault needs `kind` and has no {sorted(unknown)}")
    return Fault(**order)  # type: ignore[arg-type]  # a tester's JSON, checked by use
