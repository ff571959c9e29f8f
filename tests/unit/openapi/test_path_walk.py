"""Each part of a JMESPath is followed through a schema: what cannot be there is named, and nothing else."""

from typing import Any

import jmespath
import pytest

from connectors.openapi.document import OpenApiDocument
from connectors.openapi.path_walk import PathWalk
from connectors.openapi.schemas import Schemas

STAGE: Any = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
}
DOCUMENT: Any = {
    "openapi": "3.1.0",
    "paths": {
        "/a~b": {
            "post": {
                "responses": {
                    200: {
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"x": STAGE}}
                            }
                        }
                    }
                }
            }
        }
    },
    "components": {
        "schemas": {
            "Stage": STAGE,
            "Person": {
                "type": "object",
                "properties": {
                    "name": {"type": ["string", "null"]},
                    "stage": {
                        "$ref": "#/components/schemas/Stage",
                        "description": "Where they are.",
                    },
                    "stages": {"type": "array", "items": {"$ref": "#/components/schemas/Stage"}},
                    "groups": {"type": "array", "items": {"type": "array", "items": STAGE}},
                    "web": {"type": "object", "additionalProperties": {"type": "string"}},
                    "boss": {"$ref": "#/components/schemas/Person"},
                    "state": {"enum": ["open", "closed"]},
                    "either": {
                        "oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Stage"}]
                    },
                    "both": {"allOf": [STAGE, {"properties": {"kind": {"type": "string"}}}]},
                    "far": {
                        "$ref": "#/paths/~1a~0b/post/responses/200/content/application~1json/schema/properties/x"
                    },
                    "closed": {"type": "object", "additionalProperties": False},
                    "open": {"type": "object"},
                },
            },
        }
    },
}
INSTANCE: Any = {
    "name": "Ada",
    "stage": {"id": "1", "name": "Offer"},
    "stages": [{"id": "1", "name": "Offer"}],
    "groups": [[{"id": "1", "name": "Offer"}]],
    "web": {"home": "x"},
    "boss": {"name": "Bo", "stages": []},
    "state": "open",
    "either": {"id": "1", "name": "Offer"},
    "both": {"id": "1", "kind": "a"},
    "far": {"id": "1"},
    "open": {"anything": 1},
}


def walked(path: str) -> PathWalk:
    walk = PathWalk(Schemas(OpenApiDocument(DOCUMENT)))
    walk.run(path, {"$ref": "#/components/schemas/Person"})
    return walk


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "@.name",
        "stage.name",
        "stages[].id",
        "stages[0].id",
        "stages[*].name",
        "stages[?name == 'Offer'].id",
        "stages[?name].id | [0]",
        "stages[:2].id",
        "groups[][].id",
        "groups[].id",
        "web.home",
        "values(web)",
        "web.*",
        "boss.boss.boss.name || name",
        "state == 'open'",
        "state == 'open' && name || stage.name",
        "!state",
        "either.name",
        "both.[id, kind]",
        "both.{a: id, b: kind}.b",
        "far.id",
        "[stage, stages][].id",
        "sort_by(stages, &id)[0].name",
        "join(', ', stages[].name)",
        "zzz || name",
        "contains(name || '', 'a')",
    ],
)
def test_what_the_schema_has_is_found(path: str) -> None:
    walk = walked(path)

    assert (walk.missing, walk.is_unsure) == ([], path == "web.home")
    assert jmespath.search(path, INSTANCE) is not None


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("nam", 'there is no "nam" (did you mean "name"?)'),
        ("stage.nam.x", 'there is no "nam" (did you mean "name"?)'),
        ("stages.id", '"id" is read from a value that is an array'),
        ("stage[].id", "a list is read where the value is an object"),
        ("stage[0]", "a list is read where the value is an object"),
        ("stages[?nam].id", 'there is no "nam" (did you mean "name"?)'),
        ("stages[].nam", 'there is no "nam" (did you mean "name"?)'),
        ("name.first", '"first" is read from a value that is a string'),
        ("state.name", '"name" is read from a value that is no object'),
        ("closed.x", '"x" is read from a value that is an object'),
        ("zzz && name", 'there is no "zzz"'),
        ("name && zzz || null", 'there is no "zzz"'),
        ("zzz == 'x'", 'there is no "zzz"'),
        ("to_string(zzz) == 'x'", 'there is no "zzz"'),
        ("{a: zzz}", 'there is no "zzz"'),
        ("[zzz, name]", 'there is no "zzz"'),
        ("both.{a: id}.b", 'there is no "b"'),
        ("boss.boss.stages[].nam", 'there is no "nam" (did you mean "name"?)'),
    ],
)
def test_what_the_schema_does_not_have_is_named(path: str, missing: str) -> None:
    assert walked(path).missing == [missing]
    assert jmespath.search(path, INSTANCE) in (None, False, [], {"a": None}, [None, "Ada"])


@pytest.mark.parametrize("path", ["open.x", "open.x.y", "open.x[].y", "web.a"])
def test_what_the_schema_leaves_open_is_unsure(path: str) -> None:
    walk = walked(path)

    assert (walk.missing, walk.is_unsure) == ([], True)
