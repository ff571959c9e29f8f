"""Collects what a connector could not read, or only after a repair, until the run takes it."""

from collections.abc import Callable, Iterable, Sequence

from connectors.read.mapping import FieldIssue
from connectors.values import IssueKind, ReadIssue

_MOST = 500
"""Different issues that are kept; a run that has more of them has named enough."""


class IssueLog:
    """The issues of one connector; a new one is warned of once, then only counted."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._counts: dict[tuple[IssueKind, str, str], int] = {}
        self._missing_keys: set[str] = set()
        """Lists whose missing keys were warned of: a poll that maps no record says nothing of them."""

    def note(self, kind: IssueKind, name: str, reason: str, count: int = 1) -> None:
        key = (kind, name, reason)
        if key in self._counts:
            self._counts[key] += count
        elif len(self._counts) < _MOST:
            self._counts[key] = count
            if kind != "key" or name not in self._missing_keys:
                self._warn(f"{name}: {reason}")
            self._missing_keys |= {name} if kind == "key" else set()

    def note_fields(self, issues: Iterable[FieldIssue]) -> None:
        """Remember fields that could not be read."""
        for each in issues:
            became = "it is kept as it came" if each.kept else "it is left out"
            self.note("field", each.name, f"{each.reason}; {became}")

    def take(self) -> Sequence[ReadIssue]:
        """Everything since the last call, in the order of appearance."""
        counts, self._counts = self._counts, {}
        return [ReadIssue(*key, count) for key, count in counts.items()]
