"""JMESPaths compiled once to plain functions; what is too rare to compile is interpreted."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from connectors.definition.paths import SIMPLE_PATH

Getter = Callable[[Any], Any]
_Node = dict[str, Any]


@lru_cache(maxsize=4096)
def compile_path(path: str) -> Getter:
    """Returns a function from a record to the value at the path; None where there is none."""
    if SIMPLE_PATH.fullmatch(path):
        return _dotted(tuple(path.split(".")))
    parsed = jmespath.compile(path).parsed
    try:
        return _compiled(dict(parsed))
    except _RareError:
        return _interpreted(path)


class _RareError(Exception):
    """The expression has a part that is not compiled."""


def _dotted(names: tuple[str, ...]) -> Getter:
    if len(names) == 1:
        (only,) = names
        return lambda record: record.get(only) if isinstance(record, dict) else None

    def walk(record: Any) -> Any:
        for name in names:
            if not isinstance(record, dict):
                return None
            record = record.get(name)
        return record

    return walk


def _interpreted(path: str) -> Getter:
    expression = jmespath.compile(path)

    def search(record: Any) -> Any:
        try:
            return expression.search(record)
        except JMESPathError:
            # A function met a value of another type than it takes: there is nothing to be had.
            return None

    return search


def _compiled(node: _Node) -> Getter:
    """The node as a function, with exactly the language's own rules for missing values."""
    build = _BUILDERS.get(node["type"])
    if build is None:
        raise _RareError
    return build(node)


def _children(node: _Node) -> list[Getter]:
    return [_compiled(child) for child in node["children"]]


def _is_false(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _literal(node: _Node) -> Getter:
    value = node["value"]
    return lambda _: value


def _chain(node: _Node) -> Getter:
    steps = _children(node)

    def walk(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return walk


def _index(node: _Node) -> Getter:
    at = node["value"]

    def pick(record: Any) -> Any:
        try:
            return record[at] if isinstance(record, list) else None
        except IndexError:
            return None

    return pick


def _either_or_both(node: _Node) -> Getter:
    """`||` and `&&`: the first value, unless its truth leaves it to the second."""
    first, second = _children(node)
    goes_on = node["type"] == "or_expression"

    def choose(record: Any) -> Any:
        value = first(record)
        return second(record) if _is_false(value) is goes_on else value

    return choose


def _not(node: _Node) -> Getter:
    (inner,) = _children(node)
    return lambda record: _is_false(inner(record))


def _comparator(node: _Node) -> Getter:
    if node["value"] not in {"eq", "ne"}:
        raise _RareError
    first, second = _children(node)
    wanted = node["value"] == "eq"
    return lambda record: _equal(first(record), second(record)) is wanted


def _equal(one: Any, other: Any) -> bool:
    """Unlike in Python, true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _list_of(node: _Node) -> Getter:
    parts = _children(node)
    return lambda record: None if record is None else [part(record) for part in parts]


def _object_of(node: _Node) -> Getter:
    pairs = [(pair["value"], _compiled(pair["children"][0])) for pair in node["children"]]
    return lambda record: None if record is None else {name: get(record) for name, get in pairs}


def _flatten(node: _Node) -> Getter:
    (inner,) = _children(node)

    def flat(record: Any) -> Any:
        found = inner(record)
        if not isinstance(found, list):
            return None
        merged: list[Any] = []
        for item in found:
            if isinstance(item, list):
                merged += item
            else:
                merged.append(item)
        return merged

    return flat


def _projection(node: _Node) -> Getter:
    base, each, *conditions = _children(node)
    holds = conditions[0] if conditions else None

    def project(record: Any) -> Any:
        found = base(record)
        if not isinstance(found, list):
            return None
        if holds is not None:
            found = [item for item in found if not _is_false(holds(item))]
        return [value for item in found if (value := each(item)) is not None]

    return project


_BUILDERS: dict[str, Callable[[_Node], Getter]] = {
    "field": lambda node: _dotted((node["value"],)),
    "literal": _literal,
    "identity": lambda _: lambda record: record,
    "current": lambda _: lambda record: record,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "index": _index,
    "or_expression": _either_or_both,
    "and_expression": _either_or_both,
    "not_expression": _not,
    "comparator": _comparator,
    "multi_select_list": _list_of,
    "multi_select_dict": _object_of,
    "flatten": _flatten,
    "projection": _projection,
    "filter_projection": _projection,
}
