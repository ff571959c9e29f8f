"""Sources of canonical fields: a JMESPath, or one of a few named functions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import InitErrorDetails

from config.nodes import NodePath
from config.problems import did_you_mean
from config.values import issue_at, reject
from connectors.definition.paths import checked_path
from connectors.times import TIME_FORMATS, can_read_time

KEY = "@key"
"""Inside `each` over an object: the key of an entry."""


class PathSource(msgspec.Struct, frozen=True):
    """The value at a path."""

    path: str


class Constant(msgspec.Struct, frozen=True):
    """Always the same."""

    value: object


class FirstOf(msgspec.Struct, frozen=True):
    """The first of several that has a value."""

    sources: tuple["Source", ...]


class ParseTime(msgspec.Struct, frozen=True):
    """A moment, written in a certain format."""

    source: "Source"
    format: str


class SplitName(msgspec.Struct, frozen=True):
    """The first word of a full name, or the rest."""

    source: "Source"
    part: str


class MapValues(msgspec.Struct, frozen=True):
    """One word for another."""

    source: "Source"
    values: Mapping[str, object]
    otherwise: object


class LookUp(msgspec.Struct, frozen=True):
    """The names of ids, which rows of the record have; an id that none has stays."""

    source: "Source"
    rows: str
    by: str
    take: str


class JoinText(msgspec.Struct, frozen=True):
    """Several texts as one, without those that are empty."""

    sources: tuple["Source", ...]
    separator: str


class Each(msgspec.Struct, frozen=True):
    """One entry for every item at a path."""

    path: str
    fields: Mapping[str, "Source"]


Source = (
    PathSource | Constant | FirstOf | ParseTime | SplitName | MapValues | LookUp | JoinText | Each
)

FUNCTIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "constant": (frozenset(), frozenset()),
    "parse_time": (frozenset({"format"}), frozenset()),
    "split_name": (frozenset({"part"}), frozenset()),
    "map": (frozenset({"values"}), frozenset({"otherwise"})),
    "look_up": (frozenset({"among", "take"}), frozenset({"by"})),
    "join_text": (frozenset(), frozenset({"separator"})),
}
"""Function name → the arguments that it needs, and those that it may have besides."""

EACH_FIELDS: dict[str, tuple[str, ...]] = {
    "contacts": ("value", "type"),
    "files": ("external_id", "name", "kind", "url", "url_expires_at", "handle"),
    "fields": ("key", "value"),
}


def read_source(value: object, *, items: str | None = None) -> Source:
    """Returns the source that a value of the file declares.

    Raises:
        ValidationError: with every mistake at its path.
    """
    mistakes: list[InitErrorDetails] = []
    source = _Reader(mistakes, items).read(value, ())
    reject(mistakes)
    return source


@dataclass(slots=True)
class _Reader:
    mistakes: list[InitErrorDetails]
    items: str | None

    def read(self, value: object, path: NodePath) -> Source:
        match value:
            case None:
                return Constant(None)
            case str():
                return self._path(value, path)
            case list():
                return self._first_of(value, path)
            case dict():
                return self._function(value, path)
        if isinstance(value, Source):
            return value
        message = "must be a path, a list of paths, or a function such as {constant: …}"
        return self._wrong(path, message)

    def _wrong(self, path: NodePath, message: str, hint: str | None = None) -> Source:
        """Notes a mistake. The source that is returned is a substitute: with a mistake none is read."""
        self.mistakes.append(issue_at(path, message, hint=hint))
        return Constant(None)

    def _path(self, text: str, path: NodePath) -> Source:
        try:
            return PathSource(text if text == KEY else checked_path(text))
        except ValueError as error:
            return self._wrong(path, str(error))

    def _first_of(self, values: list[object], path: NodePath) -> Source:
        if not values:
            return self._wrong(path, "must not be empty")
        return FirstOf(tuple(self.read(value, (*path, at)) for at, value in enumerate(values)))

    def _function(self, value: dict[str, Any], path: NodePath) -> Source:
        if "each" in value:
            return self._each(value, path)
        named = [key for key in value if key in FUNCTIONS]
        if len(named) != 1:
            return self._unknown_function(value, named, path)
        if not self._arguments_fit(named[0], value, path):
            return Constant(None)
        return getattr(self, f"_{named[0]}")(value, path)  # type: ignore[no-any-return]  # a table of methods

    def _unknown_function(self, value: dict[str, Any], named: list[str], path: NodePath) -> Source:
        if not value:
            return self._wrong(path, "must not be empty")
        if named:
            return self._wrong(path, f"has two functions: {', '.join(named)}; take one")
        key, known = next(iter(value)), [*FUNCTIONS, "each"]
        message = f"unknown function; known here: {', '.join(known)}"
        return self._wrong((*path, key), message, did_you_mean(key, known))

    def _arguments_fit(self, name: str, value: dict[str, Any], path: NodePath) -> bool:
        needed, optional = FUNCTIONS[name]
        before = len(self.mistakes)
        for key in sorted(needed - value.keys()):
            self._wrong(path, f"{name} needs `{key}`")
        for key in value.keys() - needed - optional - {name}:
            known = sorted(needed | optional)
            message = f"unknown argument of {name}; known here: {', '.join(known) or 'none'}"
            self._wrong((*path, key), message, did_you_mean(key, known))
        return len(self.mistakes) == before

    def _constant(self, value: dict[str, Any], _: NodePath) -> Source:
        return Constant(value["constant"])

    def _parse_time(self, value: dict[str, Any], path: NodePath) -> Source:
        source = self.read(value["parse_time"], (*path, "parse_time"))
        if not can_read_time(value["format"]):
            known = ", ".join(TIME_FORMATS)
            message = f"must be one of {known}, or a pattern such as %Y-%m-%d"
            hint = did_you_mean(str(value["format"]), TIME_FORMATS)
            return self._wrong((*path, "format"), message, hint)
        return ParseTime(source, value["format"])

    def _split_name(self, value: dict[str, Any], path: NodePath) -> Source:
        source = self.read(value["split_name"], (*path, "split_name"))
        if value["part"] not in ("first", "last"):
            return self._wrong((*path, "part"), "must be one of first, last")
        return SplitName(source, value["part"])

    def _map(self, value: dict[str, Any], path: NodePath) -> Source:
        source = self.read(value["map"], (*path, "map"))
        if not isinstance(value["values"], dict) or not value["values"]:
            message = "must be a mapping (vendor's word: our word)"
            return self._wrong((*path, "values"), message)
        return MapValues(source, value["values"], value.get("otherwise"))

    def _look_up(self, value: dict[str, Any], path: NodePath) -> Source:
        source = self.read(value["look_up"], (*path, "look_up"))
        paths = {"by": "id", **{key: value[key] for key in ("among", "by", "take") if key in value}}
        for key, each in paths.items():
            if not isinstance(each, str):
                return self._wrong((*path, key), "must be a path")
            self._path(each, (*path, key))
        return LookUp(source, paths["among"], paths["by"], paths["take"])

    def _join_text(self, value: dict[str, Any], path: NodePath) -> Source:
        parts = value["join_text"]
        if not isinstance(parts, list) or not parts:
            return self._wrong((*path, "join_text"), "must be a list of paths")
        sources = [self.read(each, (*path, "join_text", at)) for at, each in enumerate(parts)]
        return JoinText(tuple(sources), str(value.get("separator", " ")))

    def _each(self, value: dict[str, Any], path: NodePath) -> Source:
        if self.items is None:
            return self._wrong((*path, "each"), "this field holds one value; `each` makes several")
        known = EACH_FIELDS[self.items]
        for key in value.keys() - {"each", *known}:
            message = f"unknown key; known here: each, {', '.join(known)}"
            self._wrong((*path, key), message, did_you_mean(key, known))
        inner = _Reader(self.mistakes, None)
        fields = {key: inner.read(value[key], (*path, key)) for key in known if key in value}
        if not isinstance(value["each"], str):
            return self._wrong((*path, "each"), "must be a path")
        self._path(value["each"], (*path, "each"))
        return Each(value["each"], fields)


def paths_in(source: Source) -> Iterator[str]:
    """Every path that a source reads from the record (not those inside `each`)."""
    match source:
        case PathSource():
            yield source.path
        case FirstOf() | JoinText():
            for each in source.sources:
                yield from paths_in(each)
        case ParseTime() | SplitName() | MapValues():
            yield from paths_in(source.source)
        case LookUp():
            yield from paths_in(source.source)
            yield source.rows
        case Each():
            yield source.path
        case Constant():
            return


_ONE = "A JMESPath, a list of them (the first that has a value), or a named function."
_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}, {"type": "object"}],
    "description": _ONE,
}


def _reads(items: str | None) -> Callable[[object], Source]:
    return lambda value: read_source(value, items=items)


Text = Annotated[object, AfterValidator(_reads(None)), WithJsonSchema(_SCHEMA)]
"""One value: a path, several of which the first counts, or a function."""

Contacts = Annotated[object, AfterValidator(_reads("contacts")), WithJsonSchema(_SCHEMA)]
"""Contact points: a path to texts or to objects with `value` and `type`, or `each`."""

Files = Annotated[object, AfterValidator(_reads("files")), WithJsonSchema(_SCHEMA)]
"""Attachments, by `each`."""

Fields = Annotated[object, AfterValidator(_reads("fields")), WithJsonSchema(_SCHEMA)]
"""Custom fields: a path to an object, or `each` with `key` and `value`."""
