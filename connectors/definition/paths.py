"""JMESPath as definitions use it: checked when it is read, asked for the names that it needs."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, WithJsonSchema

SIMPLE_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
"""Plain dotted names, which need no JMESPath interpreter."""

_QUOTE_HINT = re.compile(r"[A-Za-z0-9_]+-[A-Za-z0-9_-]+")
JOINED = "joined"
_ROOT_CHANGING = frozenset({"projection", "filter_projection", "value_projection", "pipe"})


def checked_path(text: str) -> str:
    """The path itself.

    Raises:
        ValueError: it is no JMESPath; the message says at which character reading stopped.
    """
    if SIMPLE_PATH.fullmatch(text):
        return text
    try:
        parsed = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(_explain(text, error)) from None
    _check_functions(dict(parsed.parsed))
    return text


def _explain(text: str, error: JMESPathError) -> str:
    at = getattr(error, "lex_position", None)
    where = f" at character {at + 1}" if isinstance(at, int) and at >= 0 else ""
    hyphenated = _QUOTE_HINT.search(text)
    braces = "; {name} is for requests: write the path itself" if "{" in text[:1] else ""
    advice = f'; write a name with a hyphen as "{hyphenated[0]}"' if hyphenated else ""
    return (
        f"is not a JMESPath expression: reading stopped{where or ' at its end'}{advice or braces}"
    )


def _check_functions(node: dict[str, Any]) -> None:
    known = jmespath.functions.Functions.FUNCTION_TABLE
    for each in _nodes(node):
        if each["type"] == "function_expression" and each["value"] not in known:
            raise ValueError(
                f"calls the unknown JMESPath function {each['value']}(); "
                f"there are: {', '.join(sorted(known))}"
            )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _nodes(child)


def joins_used(path: str) -> set[str]:
    """The names X of all `joined.X` that a path reads."""
    return _joins(dict(jmespath.compile(path).parsed))


def _joins(node: dict[str, Any]) -> set[str]:
    if node["type"] == "subexpression":
        first, *rest = node["children"]
        if first["type"] == "field" and first["value"] == JOINED and rest:
            return {rest[0]["value"]} if rest[0]["type"] == "field" else set()
    found: set[str] = set()
    for child in node["children"]:
        if isinstance(child, dict):
            found |= _joins(child)
    return found


def top_names(path: str) -> set[str]:
    """The record's own keys that a path starts from, as far as they can be told."""
    return _tops(dict(jmespath.compile(path).parsed))


def _tops(node: dict[str, Any]) -> set[str]:
    if node["type"] == "field":
        return {node["value"]}
    children = [child for child in node["children"] if isinstance(child, dict)]
    if node["type"] in {"subexpression", "index_expression"} or node["type"] in _ROOT_CHANGING:
        children = children[:1]
    return set().union(*(_tops(child) for child in children)) if children else set()


JmesPath = Annotated[
    str,
    AfterValidator(checked_path),
    WithJsonSchema({"type": "string", "description": "A JMESPath expression."}),
]
