"""One configuration file during its checks: its tree and its problems."""

from pathlib import Path

import msgspec

from config.nodes import (
    Mark,
    Node,
    NodePath,
    Reference,
    Scalar,
    find,
    json_pointer,
    mark_of,
    show_path,
)
from config.problems import ConfigIssue, ConfigIssues


class Origin(msgspec.Struct, frozen=True):
    """The source of an effective value: a line of the file, the references on it, or a default."""

    position: str
    """`FILE:LINE`, `default`, or `database`."""
    references: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return ", ".join((*map(str, self.references), self.position))


DEFAULT = Origin("default")
DATABASE = Origin("database")
"""Of an integration that was added at run time: it has no lines."""


class Document(msgspec.Struct, frozen=True):
    """A parsed file, on which every check reports, so that all mistakes are shown together."""

    path: Path
    root: Node
    problems: ConfigIssues = msgspec.field(default_factory=ConfigIssues)

    @property
    def file(self) -> str:
        """The name of the file in messages."""
        return str(self.path)

    def node(self, path: NodePath) -> Node | None:
        """Returns the node at a path."""
        return find(self.root, path)

    def keys(self, path: NodePath) -> list[str]:
        """Returns the keys of the mapping at a path; none if there is no mapping."""
        node = self.node(path)
        return list(getattr(node, "keys", ()))

    def text(self, path: NodePath) -> str | None:
        """Returns the text of the scalar at a path."""
        node = self.node(path)
        return node.text if isinstance(node, Scalar) else None

    def mark(self, path: NodePath, *, key: bool = False) -> Mark:
        """Returns the position of a path, or of the nearest value above it that the file has."""
        return mark_of(self.root, path, key=key)

    def origin(self, path: NodePath) -> Origin:
        """Returns the source of the value at a path, without the value."""
        node = self.node(path)
        if node is None:
            return DEFAULT
        references = node.references if isinstance(node, Scalar) else ()
        line = self.mark(path).line
        return Origin(f"{self.file}:{line}", references) if line else DATABASE

    def error(
        self, path: NodePath, message: str, *, hint: str | None = None, on_key: bool = False
    ) -> None:
        """Reports a mistake at a path."""
        self.problems.errors.append(self._problem(path, message, hint, on_key=on_key))

    def warn(self, path: NodePath, message: str, *, on_key: bool = False) -> None:
        """Reports something unwise at a path."""
        self.problems.warnings.append(self._problem(path, message, None, on_key=on_key))

    def _problem(
        self, path: NodePath, message: str, hint: str | None, *, on_key: bool
    ) -> ConfigIssue:
        mark = self.mark(path, key=on_key)
        position = (self.file, mark.line, mark.column, show_path(path))
        return ConfigIssue(*position, message, hint, json_pointer(path))
