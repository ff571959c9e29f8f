"""JMESPaths compiled once: plain dotted names become dictionary look-ups."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from connectors.definition.paths import SIMPLE_PATH

Getter = Callable[[Any], Any]


@lru_cache(maxsize=4096)
def compile_path(path: str) -> Getter:
    """A function from a record to what stands at the path; None where nothing does."""
    if path == "@":
        return _itself
    if SIMPLE_PATH.fullmatch(path):
        return _dotted(tuple(path.split(".")))
    return _interpreted(path)


def _itself(record: Any) -> Any:
    return record


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
