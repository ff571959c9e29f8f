"""Walks a JMESPath through a schema: which of the keys that it reads cannot be there?"""

from collections.abc import Callable, Iterator
from typing import Any

import jmespath

from connectors.openapi.document import Json
from connectors.openapi.findings import meant
from connectors.openapi.schemas import ANYTHING, Schemas

_Node = dict[str, Any]
_Walk = Callable[[_Node, Json], Json | None]
_KEEPS_ITEMS = frozenset({"sort", "sort_by", "reverse"})
_CONSTANT: Json = {"type": "boolean"}


class PathWalk:
    """One walk of one path; `missing` has a sentence for each key that is not there."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self.missing: list[str] = []
        self.is_unsure = False
        """True: a key is read where the schema does not say which there are."""
        self._walks: dict[str, _Walk] = {
            "field": self._field,
            "identity": lambda _, schema: schema,
            "current": lambda _, schema: schema,
            "subexpression": self._chain,
            "index_expression": self._chain,
            "pipe": self._chain,
            "index": lambda _, schema: self._items_of(schema),
            "slice": self._slice,
            "flatten": self._flatten,
            "projection": self._projection,
            "filter_projection": self._projection,
            "value_projection": self._value_projection,
            "or_expression": self._either,
            "and_expression": lambda node, schema: list(self._children(node, schema))[-1],
            "not_expression": self._condition,
            "comparator": self._condition,
            "multi_select_list": self._list_of,
            "multi_select_dict": self._object_of,
            "function_expression": self._function,
            "literal": lambda *_: ANYTHING,
            # An expression for the items of a list, as in `sort_by`, is not looked into.
            "expref": lambda *_: ANYTHING,
        }

    def run(self, path: str, schema: Json) -> Json | None:
        """Returns the schema of the value at a path; None if there can be none."""
        return self.walk(dict(jmespath.compile(path).parsed), schema)

    def walk(self, node: _Node, schema: Json) -> Json | None:
        """Returns the schema of what a part of a path gives."""
        return self._walks.get(node["type"], self._other)(node, schema)

    def _children(self, node: _Node, schema: Json) -> Iterator[Json | None]:
        for child in node["children"]:
            if isinstance(child, dict):
                yield self.walk(child, schema)

    def _field(self, node: _Node, schema: Json) -> Json | None:
        name = node["value"]
        found = self._schemas.below(schema, name)
        if found is None:
            self.missing.append(self._no_key(name, schema))
        elif name not in self._schemas.names(schema):
            self.is_unsure = True
        return found

    def _no_key(self, name: str, schema: Json) -> str:
        names = self._schemas.names(schema)
        if names:
            return f'there is no "{name}"{meant(name, names)}'
        return f'"{name}" is read from a value that is {self._kind(schema) or "no object"}'

    def _kind(self, schema: Json) -> str:
        """Returns the types of a value, with an article; empty if none is known."""
        kinds = " or ".join(sorted(self._schemas.types(schema) - {"null"}))
        return f"{'an' if kinds[0] in 'aeio' else 'a'} {kinds}" if kinds else ""

    def _chain(self, node: _Node, schema: Json) -> Json | None:
        found: Json | None = schema
        for child in node["children"]:
            if found is None:
                return None
            found = self.walk(child, found)
        return found

    def _slice(self, _: _Node, schema: Json) -> Json | None:
        return schema if self._items_of(schema) is not None else None

    def _items_of(self, schema: Json | None) -> Json | None:
        if schema is None:
            return None
        items = self._schemas.items(schema)
        if items is None:
            kind = self._kind(schema) or "an object"
            self.missing.append(f"a list is read where the value is {kind}")
        return items

    def _flatten(self, node: _Node, schema: Json) -> Json | None:
        items = self._items_of(self.walk(node["children"][0], schema))
        if items is None:
            return None
        inner = [
            found if (found := self._schemas.items(each)) is not None else each
            for each in self._schemas.alternatives(items)
        ]
        return {"type": "array", "items": {"anyOf": inner}}

    def _projection(self, node: _Node, schema: Json) -> Json | None:
        base, _, *conditions = node["children"]
        items = self._items_of(self.walk(base, schema))
        if items is not None:
            for condition in conditions:
                self.walk(condition, items)
        return self._each(node, items)

    def _value_projection(self, node: _Node, schema: Json) -> Json | None:
        whole = self.walk(node["children"][0], schema)
        return None if whole is None else self._each(node, self._schemas.values(whole))

    def _each(self, node: _Node, items: Json | None) -> Json | None:
        found = None if items is None else self.walk(node["children"][1], items)
        return None if found is None else {"type": "array", "items": found}

    def _either(self, node: _Node, schema: Json) -> Json | None:
        """One alternative that is there is enough: definitions accept several shapes."""
        reads = [child for child in node["children"] if not _is_constant(child)]
        found: list[Json] = []
        failed: list[str] = []
        for child in reads:
            walk = PathWalk(self._schemas)
            shown = walk.walk(child, schema)
            if shown is not None and not walk.missing:
                found.append(shown)
                self.is_unsure |= walk.is_unsure
            else:
                failed += walk.missing
        if reads and not found:
            self.missing += failed
            return None
        return found[0] if len(found) == 1 == len(node["children"]) else {"anyOf": found or [{}]}

    def _condition(self, node: _Node, schema: Json) -> Json | None:
        list(self._children(node, schema))
        return _CONSTANT

    def _list_of(self, node: _Node, schema: Json) -> Json | None:
        found = [each for each in self._children(node, schema) if each is not None]
        return {"type": "array", "items": {"anyOf": found or [{}]}}

    def _object_of(self, node: _Node, schema: Json) -> Json | None:
        pairs = {pair["value"]: self.walk(pair["children"][0], schema) for pair in node["children"]}
        found = {name: each for name, each in pairs.items() if each is not None}
        return {"type": "object", "properties": found}

    def _function(self, node: _Node, schema: Json) -> Json | None:
        arguments = list(self._children(node, schema))
        first = arguments[0] if arguments else None
        if node["value"] == "values" and first is not None:
            return {"type": "array", "items": self._schemas.values(first)}
        if node["value"] in _KEEPS_ITEMS:
            return first
        return ANYTHING

    def _other(self, node: _Node, schema: Json) -> Json | None:
        list(self._children(node, schema))
        return ANYTHING


def _is_constant(node: _Node) -> bool:
    """True for a literal, and for the bare `null` of many paths: a key that no vendor has."""
    is_null = node["type"] == "field" and node["value"] == "null"
    return bool(node["type"] == "literal") or is_null
