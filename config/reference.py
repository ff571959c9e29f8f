"""Generates docs/configuration.md, the page that explains every key of the operator's file."""

import json
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.durations import format_duration
from config.field_types import FieldType, field_type, fields_of, file_key
from config.operator import OperatorConfig

REFERENCE_FILE = Path(__file__).parents[1] / "docs" / "configuration.md"

_HEAD = """\
# Configuration: `ats-sync.yaml`

Generated from the models in `config/` by `python -m config.reference`; do not edit. For editors,
[`config/ats-sync.schema.json`](../config/ats-sync.schema.json) says the same. A commented sample:
[`config/ats-sync.yaml`](../config/ats-sync.yaml). Rules for YAML and references to secrets:
[`config/README.md`](../config/README.md). Settings of the process are environment variables:
[operations](operations.md).
"""


def operator_reference() -> str:
    """Returns the page."""
    return _HEAD + "".join(
        model_section(path, model) for path, model in model_paths(OperatorConfig)
    )


def model_section(path: str, model: type[BaseModel]) -> str:
    """Returns the section of one model: its docstring, and a table of its keys."""
    rows = [_row(file_key(name, info), info) for name, info in model.model_fields.items()]
    table = "\n".join(
        ["| key | value | default | meaning | example |", "|---|---|---|---|---|", *rows]
    )
    return f"\n## {path or 'The whole file'}\n\n{_one_line(model.__doc__ or '')}\n\n{table}\n"


def model_paths(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yields every model of a file, with its path."""
    yield path, model
    for key, field in fields_of(model).items():
        yield from _models_of(field, f"{path}.{key}" if path else key)


def _models_of(field: FieldType, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    if field.model:
        yield from model_paths(field.model, path)
    elif field.is_list:
        yield from _models_of(field.child(0), f"{path}[]")
    elif field.is_mapping:
        yield from _models_of(field.child(""), f"{path}.NAME")
    for member in field.members:
        yield from _models_of(member, path + _tag_of(member))


def _tag_of(member: FieldType) -> str:
    """Returns ` (kind: http)` for a member that such a key chooses."""
    for name, info in member.model.model_fields.items() if member.model else ():
        literals = field_type(info.annotation).literals
        if len(literals) == 1 and info.is_required():
            return f" ({name}: {literals[0]})"
    return ""


def _row(key: str, info: FieldInfo) -> str:
    example = (info.examples or [""])[0]
    text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    cells = [
        f"`{key}`",
        _kind(field_type(info.annotation, info.metadata)),
        _default(info),
        info.description or "",
        f"`{text}`" if text else "",
    ]
    return "| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in cells) + " |"


def _kind(field: FieldType) -> str:
    if field.members:
        return " or ".join(dict.fromkeys(map(_kind, field.members)))
    if field.literals:
        return ", ".join(f"`{word}`" for word in field.literals)
    if field.is_list:
        return f"list of {_kind(field.child(0))}"
    if field.is_mapping:
        key = field_type((get_args(field.annotation) or (str,))[0])
        return f"mapping of {_kind(key)} to {_kind(field.child(''))}"
    return "mapping" if field.model else _scalar_kind(field)


def _scalar_kind(field: FieldType) -> str:
    kind: Any = field.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in kind)
    if field.reads_text and kind in {float, int}:
        return "percentage" if kind is float else "size"
    words = {bool: "true or false", int: "whole number", float: "number", timedelta: "duration"}
    return words.get(kind, {"SecretStr": "secret text", "Path": "path"}.get(kind.__name__, "text"))


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=False)
    if default is None or default is PydanticUndefined or default == []:
        return ""
    if isinstance(default, timedelta):
        return f"`{format_duration(default)}`"
    return f"`{json.dumps(default).strip(chr(34))}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    REFERENCE_FILE.write_text(operator_reference(), encoding="utf-8")
