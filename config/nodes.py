"""The tree of a parsed YAML file, with the line and column of every key and value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

NodePath = tuple[str | int, ...]
"""Keys and list positions from the root of a file down to one value."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN_KEY_LENGTH = 64


class Mark(NamedTuple):
    """A position in a file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """The source of a value: an environment variable or a file, or the default in the reference."""

    kind: Literal["env", "file"]
    name: str
    mark: Mark
    defaulted: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (" (default)" if self.defaulted else "")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, still as text. `unquoted` is False for text in quotes or in a block."""

    mark: Mark
    text: str = field(repr=False)
    unquoted: bool
    raw: str = field(repr=False, default="")
    references: tuple[Reference, ...] = ()
    unresolved: bool = False

    @property
    def is_empty(self) -> bool:
        """True if nothing was written after the key or the dash."""
        return self.unquoted and not (self.text or self.references or self.unresolved)

    @property
    def is_null(self) -> bool:
        """True for an unquoted `null` or `~`."""
        return self.unquoted and not self.references and self.text in {"null", "~"}

    @property
    def is_untyped(self) -> bool:
        """True if the text may be a number or a truth value.

        Quotes say "text", except around a reference, where flow style makes them necessary.
        """
        return self.unquoted or bool(self.references)


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    mark: Mark
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with its value."""

    key: str
    mark: Mark
    value: "Node"


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Keys and values, in the order in which they were written; no key twice."""

    mark: Mark
    entries: tuple[Entry, ...]
    _by_key: dict[str | int, Entry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Indexes the entries: checks search files with thousands of integrations often."""
        object.__setattr__(self, "_by_key", {entry.key: entry for entry in self.entries})

    def entry(self, key: str | int) -> Entry | None:
        """Returns the entry of a key, if there is one."""
        return self._by_key.get(key)

    @property
    def keys(self) -> list[str]:
        """The keys in file order."""
        return [entry.key for entry in self.entries]


Node = Scalar | SequenceNode | MappingNode


def child(node: Node, step: str | int) -> Node | None:
    """Returns the value one step below, if there is one."""
    match node:
        case MappingNode():
            entry = node.entry(step)
            return entry.value if entry else None
        case SequenceNode() if isinstance(step, int) and 0 <= step < len(node.items):
            return node.items[step]
        case _:
            return None


def find(root: Node, path: NodePath) -> Node | None:
    """Returns the value at a path, if there is one."""
    node: Node | None = root
    for step in path:
        if node is None:
            return None
        node = child(node, step)
    return node


def mark_of(root: Node, path: NodePath, *, key: bool = False) -> Mark:
    """Returns the position of a path; for a missing value, that of the nearest value above it.

    A block mapping or list has the position of its key.
    """
    node, mark = root, root.mark
    for index, step in enumerate(path):
        below = child(node, step)
        if below is None:
            return mark
        on_key = key or index < len(path) - 1
        entry = node.entry(step) if isinstance(node, MappingNode) else None
        mark = entry.mark if entry and (on_key or _is_shown_at_key(entry)) else below.mark
        node = below
    return mark


def _is_shown_at_key(entry: Entry) -> bool:
    """Returns True for a block on the lines below its key, and for a missing value."""
    if isinstance(entry.value, Scalar):
        return entry.value.is_empty
    return entry.value.mark.line > entry.mark.line


def scalars(node: Node, path: NodePath = ()) -> Iterator[tuple[NodePath, Scalar]]:
    """Yields every scalar of the tree with its path, in file order."""
    match node:
        case Scalar():
            yield path, node
        case SequenceNode():
            for index, item in enumerate(node.items):
                yield from scalars(item, (*path, index))
        case MappingNode():
            for entry in node.entries:
                yield from scalars(entry.value, (*path, entry.key))


def show_path(path: NodePath) -> str:
    """Returns a path in the form `integrations.acme.statuses.interview[1]`."""
    shown = ""
    for step in path:
        match step:
            case int():
                shown += f"[{step}]"
            case str() if _PLAIN_KEY.fullmatch(step):
                shown += f".{step}" if shown else step
            case str():
                shown += f"[{_quoted(step)}]"
    return shown


def json_pointer(path: NodePath) -> str:
    """Returns a path as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _quoted(key: str) -> str:
    short = key if len(key) <= _SHOWN_KEY_LENGTH else key[: _SHOWN_KEY_LENGTH - 1] + "…"
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)
    return f'"{printable}"'
