"""The findings of a comparison, each at its line of the definition."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from config.checked_document import Document
from config.nodes import NodePath, show_path
from config.problems import did_you_mean


class Discrepancy(msgspec.Struct, frozen=True):
    """Something that the document does not confirm."""

    verdict: Literal["mismatch", "unknown"]
    """`unknown`: the document does not say enough."""
    line: int
    column: int
    path: str
    message: str


class Comparison(msgspec.Struct, frozen=True):
    """A definition beside its vendor's document."""

    connector: str
    document: str
    """The document's title and version."""
    checked: int
    """Requests, parameters, body fields and paths that were looked for."""
    findings: Sequence[Discrepancy]

    def count(self, verdict: str) -> int:
        return sum(finding.verdict == verdict for finding in self.findings)


def meant(name: str, known: Iterable[str]) -> str:
    """Returns the word that was probably meant, as the end of a message."""
    hint = did_you_mean(name, known)
    return f' (did you mean "{hint}"?)' if hint else ""


@dataclass(slots=True)
class Findings:
    """Collects what is found at the paths of a definition."""

    source: Document
    checked: int = 0
    found: list[Discrepancy] = field(default_factory=list)

    def agrees(self) -> None:
        """Counts one thing that is as the document has it."""
        self.checked += 1

    def mismatch(self, path: NodePath, message: str, *, on_key: bool = False) -> None:
        self._add("mismatch", path, message, on_key=on_key)

    def unknown(self, path: NodePath, message: str) -> None:
        self._add("unknown", path, message, on_key=False)

    def _add(
        self, verdict: Literal["mismatch", "unknown"], path: NodePath, message: str, *, on_key: bool
    ) -> None:
        mark = self.source.mark(path, key=on_key)
        found = Discrepancy(verdict, mark.line, mark.column, show_path(path), message)
        self.checked += 1
        if found not in self.found:
            self.found.append(found)
