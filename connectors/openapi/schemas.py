"""JSON Schemas: the values that are allowed at a key or in a list, as far as they say so.

A schema here is one of the alternatives (`oneOf`, `anyOf`) with everything of `allOf` in it. An empty one
allows anything: nothing can be said about what is below it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from connectors.openapi.document import Json, OpenApiDocument

ANYTHING: Json = {}
_DEEPEST = 12
_MOST_FORMS = 64
_CHOICES = ("oneOf", "anyOf")


class Schemas:
    """Schemas of one document."""

    def __init__(self, document: OpenApiDocument) -> None:
        self._document = document

    def alternatives(self, schema: Any, depth: int = 0) -> Sequence[Json]:
        """Returns the forms that a value may have."""
        if schema is True or depth > _DEEPEST:
            return [ANYTHING]
        found = dict(self._document.resolve(schema))
        parts = [[each] for each in found.pop("allOf", None) or ()]
        parts += [choices for name in _CHOICES if (choices := found.pop(name, None))]
        forms: list[Json] = [found]
        for choices in parts:
            every = (form for choice in choices for form in self.alternatives(choice, depth + 1))
            each = list(islice(every, _MOST_FORMS))
            forms = [_merged(one, other) for one in forms for other in each][:_MOST_FORMS]
        return forms

    def extended(self, schema: Any, more: Mapping[str, Json]) -> Json:
        """Returns the schema with more keys; a form that lists none of its own stays open."""
        forms = [
            {
                "allOf": [
                    form,
                    {"properties": dict(more), "additionalProperties": not _properties(form)},
                ]
            }
            for form in self.alternatives(schema)
        ]
        return {"anyOf": forms}

    def below(self, schema: Any, name: str) -> Json | None:
        """Returns the schema at a key; None if no form of the value has it."""
        found = [below for each in self.alternatives(schema) for below in _key_of(each, name)]
        return _any_of(found)

    def items(self, schema: Any) -> Json | None:
        """Returns the schema of a list's items; None if no form of the value is a list."""
        return _any_of([item for each in self.alternatives(schema) for item in _items_of(each)])

    def values(self, schema: Any) -> Json:
        """Returns the schema of an object's values, whatever their keys."""
        found: list[Any] = []
        for each in self.alternatives(schema):
            found += [*_properties(each).values(), each.get("additionalProperties", ANYTHING)]
        return _any_of([each for each in found if isinstance(each, dict)]) or ANYTHING

    def names(self, schema: Any) -> list[str]:
        """Returns the keys that any form of the value lists."""
        return sorted({name for each in self.alternatives(schema) for name in _properties(each)})

    def types(self, schema: Any) -> frozenset[str]:
        """Returns the types that a value may have; none if that is not said."""
        found: set[str] = set()
        for each in self.alternatives(schema):
            own = types_of(each)
            if not own:
                return frozenset()
            found |= own
        return frozenset(found)

    def words(self, schema: Any) -> list[str]:
        """Returns the texts that a value may be, where the schema lists them all."""
        found: list[str] = []
        for each in self.alternatives(schema):
            listed = each.get("enum", [each["const"]] if "const" in each else None)
            if listed is None:
                return []
            found += [str(word) for word in listed]
        return found

    def required(self, schema: Any) -> frozenset[str]:
        """Returns the keys that every form of the value demands."""
        demanded = [frozenset(each.get("required", ())) for each in self.alternatives(schema)]
        return frozenset.intersection(*demanded) if demanded else frozenset()


def types_of(schema: Json) -> frozenset[str]:
    given = schema.get("type")
    types = frozenset(given if isinstance(given, list) else [given] if given else [])
    return types | {"null"} if types and schema.get("nullable") else types


def _key_of(schema: Json, name: str) -> Iterator[Any]:
    """Yields the schema at a key, or nothing if the schema lists its keys and this is none."""
    properties, more = _properties(schema), schema.get("additionalProperties")
    if name in properties:
        yield properties[name]
    elif isinstance(more, dict):
        yield more
    elif (
        more is True
        or schema.get("patternProperties")
        or (not properties and more is not False and not _is_no(schema, "object"))
    ):
        yield ANYTHING


def _items_of(schema: Json) -> Iterator[Any]:
    if "items" in schema:
        yield schema["items"] if isinstance(schema["items"], dict) else ANYTHING
    elif not _is_no(schema, "array") and not _properties(schema):
        yield ANYTHING


def _is_no(schema: Json, wanted: str) -> bool:
    """True if the schema says what the value is, and that is something else."""
    types = types_of(schema)
    return (bool(types) and wanted not in types) or "enum" in schema or "const" in schema


def _properties(schema: Json) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _merged(one: Json, other: Json) -> Json:
    """Everything that both say."""
    if not one or not other:
        return one or other
    found = {**one, **other}
    mine, theirs = _properties(one), _properties(other)
    both = {name: {"allOf": [mine[name], theirs[name]]} for name in mine.keys() & theirs.keys()}
    properties = {**mine, **theirs, **both}
    if properties:
        found["properties"] = properties
    if one.get("required") or other.get("required"):
        found["required"] = [*one.get("required", ()), *other.get("required", ())]
    if True in (one.get("additionalProperties"), other.get("additionalProperties")):
        found["additionalProperties"] = True
    return found


def _any_of(found: Sequence[Any]) -> Json | None:
    if not found:
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], dict) else {"anyOf": list(found)}
