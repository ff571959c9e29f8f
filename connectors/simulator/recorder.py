"""The record of clients: requests counted, rules broken, writes accepted."""

from collections import Counter
from dataclasses import asdict, dataclass, field

from connectors.simulator.clock import iso


@dataclass(frozen=True, slots=True)
class Violation:
    """A client did what the vendor forbids."""

    at_ms: int
    rule: str
    endpoint: str
    detail: str


@dataclass(frozen=True, slots=True)
class RecordedWrite:
    """A write that the vendor accepted. `effect` is False where nothing changed by it."""

    at_ms: int
    kind: str
    application: str | None
    candidate: str | None
    body: dict[str, object]
    effect: bool
    answered: bool = True


@dataclass(slots=True)
class Recorder:
    """The requests, violations and writes of clients so far."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    writes: list[RecordedWrite] = field(default_factory=list)
    emails_sent: int = 0
    most_parallel: int = 0

    def clear(self) -> None:
        for kept in (self.requests, self.statuses, self.violations, self.writes):
            kept.clear()
        self.emails_sent = self.most_parallel = 0

    def as_json(self) -> dict[str, object]:
        return {
            "requests": dict(self.requests),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "violations": len(self.violations),
            "writes": len(self.writes),
            "emails_sent": self.emails_sent,
            "most_parallel": self.most_parallel,
        }


def to_json(event: Violation | RecordedWrite) -> dict[str, object]:
    fields = asdict(event)
    return {"at": iso(fields.pop("at_ms")), **fields}
