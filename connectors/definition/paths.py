"""JMESPath as definitions use it: checked when it is read, with the names that a path reads."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, WithJsonSchema

SIMPLE_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
"""Plain dotted names, which need no JMESPath interpreter."""

_Node = dict[str, Any]
_QUOTE_HINT = re.compile(r"[A-Za-z0-9_]+-[A-Za-z0-9_-]+")
JOINED = "joined"
DETAIL = "detail"
_MOST_LEVELS = 40
"""Python's stack ends some hundred levels below it."""
_ROOT_CHANGING = frozenset({"projection", "filter_projection", "value_projection", "pipe"})


def checked_path(text: str) -> str:
    """The path itself.

    Raises:
        ValueError: it is no JMESPath; the message says at which character reading stopped.
    """
    if SIMPLE_PATH.fullmatch(text):
        return text
    try:
        parsed = _parsed(text)
        levels = _levels(parsed)
    except JMESPathError as error:
        raise ValueError(_explain(text, error)) from None
    except RecursionError:
        levels = _MOST_LEVELS + 1
    if levels > _MOST_LEVELS:
        raise ValueError(f"is a JMESPath expression of more than {_MOST_LEVELS} levels")
    _check_functions(parsed)
    return text


def _levels(node: _Node) -> int:
    return 1 + max(map(_levels, _inner(node)), default=0)


def _parsed(path: str) -> _Node:
    return dict(jmespath.compile(path).parsed)


def _inner(node: _Node) -> list[_Node]:
    return [child for child in node["children"] if isinstance(child, dict)]


def _explain(text: str, error: JMESPathError) -> str:
    at = getattr(error, "lex_position", None)
    where = f" at character {at + 1}" if isinstance(at, int) and at >= 0 else ""
    hyphenated = _QUOTE_HINT.search(text)
    braces = "; {name} is for requests: write the path itself" if "{" in text[:1] else ""
    advice = f'; write a name with a hyphen as "{hyphenated[0]}"' if hyphenated else ""
    return (
        f"is not a JMESPath expression: reading stopped{where or ' at its end'}{advice or braces}"
    )


def _check_functions(node: _Node) -> None:
    known = jmespath.functions.Functions.FUNCTION_TABLE
    if node["type"] == "function_expression" and node["value"] not in known:
        raise ValueError(
            f"calls the unknown JMESPath function {node['value']}(); "
            f"there are: {', '.join(sorted(known))}"
        )
    for child in _inner(node):
        _check_functions(child)


def joins_used(path: str) -> set[str]:
    """The names X of all `joined.X` that a path reads."""
    return {name for name in _names_after(JOINED, _parsed(path)) if name}


def details_used(path: str) -> set[str]:
    """The names X of all `detail.X` that a path reads."""
    return {name for name in _names_after(DETAIL, _parsed(path)) if name}


def names_after_joins(paths: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """By join X: the names Y of all `joined.X.Y` that paths read; None if they read all of X."""
    found: dict[str, frozenset[str] | None] = {}
    for path in paths:
        for name, after in _read_of_joins(_parsed(path)):
            earlier = found.get(name, frozenset())
            found[name] = None if earlier is None or after is None else earlier | {after}
    return found


def _read_of_joins(node: _Node) -> Iterator[tuple[str, str | None]]:
    fields = [each["value"] if each["type"] == "field" else None for each in node["children"]]
    if node["type"] == "subexpression" and fields[0] == JOINED and fields[1]:
        yield fields[1], fields[2] if len(fields) > 2 else None
        return
    for child in _inner(node):
        yield from _read_of_joins(child)


def _names_after(owner: str, node: _Node) -> set[str | None]:
    """The names X of all `owner.X` below a node; None for one that is no plain name."""
    if node["type"] == "subexpression":
        first, *rest = node["children"]
        if first["type"] == "field" and first["value"] == owner and rest:
            return {rest[0]["value"] if rest[0]["type"] == "field" else None}
    found: set[str | None] = set()
    for child in _inner(node):
        found |= _names_after(owner, child)
    return found


def top_names(path: str) -> set[str]:
    """The record's own keys that a path starts from, as far as they are plain names."""
    return {root["value"] for root in _roots(_parsed(path)) if root["type"] == "field"}


def _roots(node: _Node) -> Iterator[_Node]:
    """Yields the nodes that an expression starts from: fields, the record as such, constants."""
    children = _inner(node)
    if node["type"] in {"subexpression", "index_expression"} or node["type"] in _ROOT_CHANGING:
        children = children[:1]
    if not children:
        yield node
    for child in children:
        yield from _roots(child)


def names_read(paths: Iterable[str], *, whole: str | None = None) -> frozenset[str] | None:
    """The record's own keys that all of these paths read; None where they may read any.

    With `whole`, paths start at a part of the record, which holds the record under that name.
    """
    found: set[str] = set()
    for path in paths:
        parsed = _parsed(path)
        roots = list(_roots(parsed))
        if not all(root["type"] in {"field", "literal"} for root in roots):
            return None
        names = {root["value"] for root in roots if root["type"] == "field"}
        if whole is not None and whole in names:
            after = _names_after(whole, parsed)
            if None in after or not after:
                return None
            names |= {name for name in after if name}
        found |= names
    return frozenset(found)


JmesPath = Annotated[
    str,
    AfterValidator(checked_path),
    WithJsonSchema({"type": "string", "description": "A JMESPath expression."}),
]
