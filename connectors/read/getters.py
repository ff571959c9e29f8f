"""Compiles where a field comes from to a function of the record: paths, times, names, entries. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from connectors.definition.compiled_paths import Getter, compile_path
from connectors.definition.sources import (
    KEY,
    Constant,
    Each,
    FirstOf,
    JoinText,
    LookUp,
    MapValues,
    ParseTime,
    PathSource,
    Source,
    SplitName,
    paths_in,
)
from connectors.read.conversions import AsItCame, FieldFailed
from connectors.times import read_time

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def getter(source: Source, zone: tzinfo = UTC) -> Getter:
    """A function from a record to the source's value; `zone` is that of times without one."""
    match source:
        case PathSource():
            get = compile_path(source.path)
        case Constant():
            get = _constant(source.value)
        case FirstOf():
            get = _first_of([getter(each, zone) for each in source.sources])
        case ParseTime():
            get = _time(getter(source.source), source.format, zone)
        case SplitName():
            get = _split_name(getter(source.source), first=source.part == "first")
        case MapValues():
            get = _mapped(getter(source.source), source.values, source.otherwise)
        case LookUp():
            get = _named(source)
        case JoinText():
            get = _joined([getter(each, zone) for each in source.sources], source.separator)
        case Each():
            get = _each(source, zone)
    return get


def plain_key(source: Source) -> str | None:
    """The record's own key that is the source's whole path, if that is all there is to it."""
    if isinstance(source, PathSource) and _PLAIN_KEY.fullmatch(source.path):
        return source.path
    return None


def _constant(value: object) -> Getter:
    return lambda _: value


def _time(get: Getter, format_name: str, zone: tzinfo) -> Getter:
    return lambda record: read_time(get(record), format_name, zone)


def _first_of(getters: list[Getter]) -> Getter:
    def first(record: Any) -> Any:
        for get in getters:
            value = get(record)
            if value not in (None, "", []):
                return value
        return None

    return first


def _split_name(get: Getter, *, first: bool) -> Getter:
    def part(record: Any) -> Any:
        name = get(record)
        words = name.split(None, 1) if isinstance(name, str) else []
        if first:
            return words[0] if words else None
        return words[1].strip() if len(words) > 1 else None

    return part


def _mapped(get: Getter, values: Mapping[str, object], otherwise: object) -> Getter:
    def look_up(record: Any) -> Any:
        value = get(record)
        key = "true" if value is True else "false" if value is False else str(value)
        return values.get(key, otherwise) if value is not None else otherwise

    return look_up


def _named(source: LookUp) -> Getter:
    get, rows_of = getter(source.source), compile_path(source.rows)
    by, take = compile_path(source.by), compile_path(source.take)

    def names(record: Any) -> Any:
        given, rows = get(record), rows_of(record)
        found = [(by(row), take(row)) for row in rows] if isinstance(rows, list) else []
        known = {str(key): name for key, name in found if key is not None}
        if isinstance(given, list):
            return [known.get(str(each)) or each for each in given]
        return known.get(str(given)) or given

    return names


def _joined(getters: list[Getter], separator: str) -> Getter:
    def join(record: Any) -> Any:
        parts = (get(record) for get in getters)
        return separator.join(str(part) for part in parts if part not in (None, "")) or None

    return join


def _each(source: Each, zone: tzinfo) -> Getter:
    find = compile_path(source.path)
    keyed = [name for name, each in source.fields.items() if each == PathSource(KEY)]
    fields = [(name, _lenient(e, zone)) for name, e in source.fields.items() if name not in keyed]
    by_key = keyed or ([] if source.fields.keys() & {"key", "type"} else ["key"])
    plain_keys = [(name, key) for name, _ in fields if (key := plain_key(source.fields[name]))]
    paths = [path for each in source.fields.values() for path in paths_in(each)]
    takes_bare_items = any("@" in path for path in paths)

    def entry(item: Any) -> Any:
        if type(item) is dict and len(plain_keys) == len(fields):
            take = item.get
            return {name: take(key) for name, key in plain_keys}
        return {name: get(item) for name, get in fields}

    def entries(record: Any) -> Any:
        found = find(record)
        if isinstance(found, dict) and by_key:
            return [
                {
                    "key": key,
                    **{name: get(item) for name, get in fields},
                    **dict.fromkeys(by_key, key),
                }
                for key, item in found.items()
            ]
        items = found if isinstance(found, list) else [] if found in (None, "") else [found]
        if items is not found and items and not (takes_bare_items or isinstance(found, dict)):
            raise FieldFailed("expected a list or an object, found another value")
        return [entry(item) for item in items]

    return entries


def _lenient(source: Source, zone: tzinfo) -> Getter:
    """A function to a part of an entry; one that cannot be read spoils no other entry."""
    get = getter(source, zone)
    if not isinstance(source, ParseTime):
        return get
    as_it_is = getter(source.source)

    def part(item: Any) -> Any:
        try:
            return get(item)
        except ValueError as error:
            return AsItCame(as_it_is(item), str(error))

    return part
