"""Generates the JSON Schema that gives editors completion and checks for the operator's file."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from config.durations import format_duration
from config.operator import OperatorConfig

SCHEMA_FILE = Path(__file__).with_name("ats-sync.schema.json")

_REFERENCE = {"type": "string", "pattern": r"\$\{"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def operator_schema() -> str:
    """Returns the schema of the operator's file."""
    schema = {
        "$schema": _DIALECT,
        "title": "ClearView ATS Sync configuration",
        **editor_schema(OperatorConfig),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def editor_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns a model's schema, widened to everything that YAML may have for the same value.

    A reference may replace any value, and a bare number or truth value may replace text.
    """
    schema = model.model_json_schema(mode="validation", schema_generator=_AsWritten)
    widened = _widened(schema)
    if not isinstance(widened, dict):
        raise TypeError("the schema of a model is an object")
    return widened


class _AsWritten(GenerateJsonSchema):
    """Shows defaults as they would be written in YAML."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def _widened(schema: object) -> object:
    if isinstance(schema, list):
        return [_widened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return _with_alternatives(
        {
            key: _part(key, value)
            for key, value in schema.items()
            if key != "title" or not isinstance(value, str)
        }
    )


def _part(key: str, value: object) -> object:
    if key in {"properties", "patternProperties", "$defs"} and isinstance(value, dict):
        return {name: _widened(part) for name, part in value.items()}
    if key in {"default", "examples", "propertyNames", "const", "enum", "required"}:
        return value
    return _widened(value)


def _with_alternatives(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if "patternProperties" in schema:
        return {**schema, "additionalProperties": False}
    if kind == "string" and "pattern" in schema:
        return {**schema, "pattern": f"{schema['pattern']}|{_REFERENCE['pattern']}"}
    if kind == "string" and not schema.keys() & {"enum", "const"}:
        loose = {**schema, "type": ["string", "number", "boolean"]}
        return {key: value for key, value in loose.items() if key not in {"format", "writeOnly"}}
    if (kind in {"integer", "number", "boolean"} or "enum" in schema) and "const" not in schema:
        words = ("description", "examples", "default")
        about = {key: schema[key] for key in words if key in schema}
        rule = {key: value for key, value in schema.items() if key not in about}
        return {**about, "anyOf": [rule, _REFERENCE]}
    return schema


if __name__ == "__main__":
    SCHEMA_FILE.write_text(operator_schema(), encoding="utf-8")
