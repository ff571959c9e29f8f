"""Generates the JSON Schema and the reference page of the definition language from its models."""

import json
from pathlib import Path

from config.field_types import field_type
from config.reference import model_paths, model_section
from config.schema import editor_schema
from connectors.definition.root import DefinitionModel

HERE = Path(__file__).parent
SCHEMA_FILE = HERE / "definition.schema.json"
REFERENCE_FILE = HERE.parent / "REFERENCE.md"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HEAD = """\
# Reference of connector definitions

Generated from the models in `connectors/definition/` by `python -m connectors.definition.publish`;
do not edit. `definition.schema.json` says the same to editors. `README.md` explains by example.
Where the value is "text or list or mapping" below a mapping (`candidate`, `application`, `writes.stages`,
`writes.reasons`), it is a source: a JMESPath, a list of sources, or a function.
"""


def definition_schema() -> str:
    """The schema of definition files, as it is in the repository."""
    title = {"$schema": _DIALECT, "title": "ClearView ATS Sync connector definition"}
    schema = {**title, **editor_schema(DefinitionModel)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def definition_reference() -> str:
    """The page as it is in the repository."""
    sections: dict[str, str] = {}
    for path, model in model_paths(DefinitionModel):
        sections.setdefault(f"{model.__name__} {_kind(model)}", model_section(path, model))
    return _HEAD + "".join(sections.values())


def _kind(model: type) -> str:
    kind = getattr(model, "model_fields", {}).get("kind")
    return str(field_type(kind.annotation).literals) if kind else ""


if __name__ == "__main__":
    SCHEMA_FILE.write_text(definition_schema(), encoding="utf-8")
    REFERENCE_FILE.write_text(definition_reference(), encoding="utf-8")
