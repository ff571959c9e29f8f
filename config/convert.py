"""Turns a marked tree into the plain values that a pydantic model is validated from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Discriminator, TypeAdapter, ValidationError

from config.annotations import Wanted, wanted_by, wanted_by_fields
from config.document import Document
from config.nodes import Mapping, Node, Path, Scalar, Sequence
from config.problems import did_you_mean
from config.scalars import WrongKindError, typed, untyped


@dataclass(slots=True)
class Converter:
    """Walks tree and annotations together.

    It settles what only it can tell: kinds of single values, and which member of a union was
    meant, so that a wrong value is told once, for the kind that was chosen. Places in `settled`
    need no further word from pydantic; `models` says which model a mapping was read for.
    """

    document: Document
    explain: Callable[[ValidationError, Path], None]
    settled: set[Path] = field(default_factory=set)
    models: dict[Path, type[BaseModel]] = field(default_factory=dict)

    def convert(self, node: Node, wanted: Wanted, path: Path) -> object:
        """The value of a node for the place it stands in; mistakes are reported on the way."""
        if isinstance(node, Scalar) and (node.unresolved or node.is_empty):
            self._nothing(node, path)
            return None
        if wanted.is_anything:
            return plain(node)
        if wanted.is_union:
            return self._one_of(node, wanted, path)
        if isinstance(node, Scalar):
            return self._scalar(node, wanted, path)
        if isinstance(node, Sequence):
            return self._list(node, wanted, path)
        return self._mapping(node, wanted, path)

    def _nothing(self, scalar: Scalar, path: Path) -> None:
        self.settled.add(path)
        if scalar.is_empty:
            self.document.error(path, "has no value; give it one, or remove the key")

    def _scalar(self, scalar: Scalar, wanted: Wanted, path: Path) -> object:
        if not wanted.is_scalar:
            return None if scalar.is_null else scalar.text
        try:
            return typed(scalar, wanted)
        except WrongKindError as error:
            self._settle(path, error.message, error.hint)
            return scalar.text

    def _list(self, node: Sequence, wanted: Wanted, path: Path) -> object:
        if not wanted.is_list:
            return plain(node)
        return [
            self.convert(item, wanted.item(at), (*path, at)) for at, item in enumerate(node.items)
        ]

    def _mapping(self, node: Mapping, wanted: Wanted, path: Path) -> object:
        if wanted.model is None and not wanted.is_mapping:
            return plain(node)
        if wanted.model is None:
            value = wanted.value()
            return {e.key: self.convert(e.value, value, (*path, e.key)) for e in node.entries}
        self.models[path] = wanted.model
        fields = wanted_by_fields(wanted.model)
        return {
            e.key: self.convert(e.value, fields[e.key], (*path, e.key))
            if e.key in fields
            else plain(e.value)
            for e in node.entries
        }

    def _one_of(self, node: Node, wanted: Wanted, path: Path) -> object:
        if isinstance(node, Scalar) and node.is_null and wanted.accepts_null:
            return None
        members = [member for member in wanted.members if _fits(node, wanted_by(member))]
        if wanted.discriminator is not None and isinstance(node, Mapping):
            members = self._tagged(node, wanted, path, members)
        elif not members:
            self._settle(path, f"must be {_kinds(wanted)}")
        if not members:
            return plain(node)
        return self._first_valid(node, _best_first(node, members), path)

    def _tagged(self, node: Mapping, wanted: Wanted, path: Path, members: list[Any]) -> list[Any]:
        if isinstance(wanted.discriminator, Discriminator):
            return members
        key = str(wanted.discriminator)
        by_tag = {tag: member for member in members for tag in _tags(member, key)}
        tag = self.document.text((*path, key))
        if tag in by_tag:
            return [by_tag[tag]]
        known = ", ".join(by_tag)
        if node.entry(key) is None:
            self._settle((*path, key), f"is required; one of {known}")
        else:
            hint = did_you_mean(tag or "", by_tag)
            self._settle((*path, key), f"must be one of {known}", hint)
        self.settled.add(path)
        return []

    def _first_valid(self, node: Node, members: list[Any], path: Path) -> object:
        """The value for the first member that it fits; the best member's mistakes if it fits none."""
        fitting = [
            m for m in members if len(members) > 1 and _would_do(self.document, node, m, path)
        ]
        member = (fitting or members)[0]
        value = self.convert(node, wanted_by(member), path)
        try:
            TypeAdapter[object](member).validate_python(value)
        except ValidationError as error:
            self.explain(error, path)
            self.settled.add(path)
        return value

    def _settle(self, path: Path, message: str, hint: str | None = None) -> None:
        self.document.error(path, message, hint=hint)
        self.settled.add(path)


def _would_do(document: Document, node: Node, member: Any, path: Path) -> bool:
    """Whether a node would be accepted as this member of a union; leaves no trace."""
    aside = Converter(Document(document.path, document.root), lambda _error, _path: None)
    value = aside.convert(node, wanted_by(member), path)
    try:
        TypeAdapter[object](member).validate_python(value)
    except ValidationError:
        return False
    return not aside.settled


def plain(node: Node) -> object:
    """The node as JSON would have it."""
    match node:
        case Scalar():
            return untyped(node)
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {entry.key: plain(entry.value) for entry in node.entries}


def _fits(node: Node, wanted: Wanted) -> bool:
    if wanted.is_anything or wanted.is_union:
        return True
    match node:
        case Scalar():
            return wanted.is_scalar
        case Sequence():
            return wanted.is_list
        case Mapping():
            return wanted.is_mapping or wanted.model is not None


def _best_first(node: Node, members: list[Any]) -> list[Any]:
    """Models by the number of keys they know, then the strictest kinds before text."""
    if isinstance(node, Mapping):
        return sorted(members, key=lambda member: -_known_keys(node, wanted_by(member)))
    return sorted(members, key=lambda member: wanted_by(member).annotation is str)


def _known_keys(node: Mapping, wanted: Wanted) -> int:
    known = wanted_by_fields(wanted.model) if wanted.model else {}
    return sum(key in known for key in node.keys)


def _tags(member: Any, key: str) -> list[str]:
    model = wanted_by(member).model
    wanted = wanted_by_fields(model).get(key) if model else None
    return [str(getattr(tag, "value", tag)) for tag in wanted.literals] if wanted else []


def _kinds(wanted: Wanted) -> str:
    members = [wanted_by(member) for member in wanted.members]
    kinds = {
        "a mapping (key: value)": any(m.model or m.is_mapping for m in members),
        "a list": any(m.is_list for m in members),
        "a single value": any(m.is_scalar for m in members),
    }
    return " or ".join(kind for kind, allowed in kinds.items() if allowed)
