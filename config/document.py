"""One configuration file while it is being checked: its tree, its places, its problems."""

from pathlib import Path as FilePath

import msgspec

from config.nodes import Mark, Node, Path, Reference, Scalar, find, place_of, show_path
from config.problems import Problem, Problems


class Origin(msgspec.Struct, frozen=True):
    """Where an effective value comes from: a line of the file, a reference on it, or a default."""

    place: str
    references: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return ", ".join((*map(str, self.references), self.place))


DEFAULT = Origin("default")


class Document(msgspec.Struct, frozen=True):
    """A parsed file. Every check reports here, so that all mistakes are shown together."""

    path: FilePath
    root: Node
    problems: Problems = msgspec.field(default_factory=Problems)

    @property
    def file(self) -> str:
        """The name that problems are shown under."""
        return str(self.path)

    def node(self, path: Path) -> Node | None:
        """What the file has at a path."""
        return find(self.root, path)

    def keys(self, path: Path) -> list[str]:
        """The keys of the mapping at a path; none where there is no mapping."""
        node = self.node(path)
        return list(getattr(node, "keys", ()))

    def text(self, path: Path) -> str | None:
        """The text of the single value at a path."""
        node = self.node(path)
        return node.text if isinstance(node, Scalar) else None

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Line and column of a path, or of the nearest thing above it that the file has."""
        return place_of(self.root, path, key=key)

    def origin(self, path: Path) -> Origin:
        """Where the value at a path comes from."""
        node = self.node(path)
        if node is None:
            return DEFAULT
        line = self.mark(path).line
        references = node.references if isinstance(node, Scalar) else ()
        return Origin(f"{self.file}:{line}", references)

    def error(
        self, path: Path, message: str, *, hint: str | None = None, on_key: bool = False
    ) -> None:
        """Report a mistake at a path."""
        self.problems.error(self._problem(path, message, hint, on_key=on_key))

    def warn(
        self, path: Path, message: str, *, hint: str | None = None, on_key: bool = False
    ) -> None:
        """Report something unwise at a path."""
        self.problems.warn(self._problem(path, message, hint, on_key=on_key))

    def _problem(self, path: Path, message: str, hint: str | None, *, on_key: bool) -> Problem:
        mark = self.mark(path, key=on_key)
        return Problem(self.file, mark.line, mark.column, show_path(path), message, hint)
