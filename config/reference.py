"""Generates REFERENCE.md, the page that explains every key of the operator's file."""

import json
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.annotations import Wanted, file_key, wanted_by
from config.durations import format_duration
from config.operator import OperatorConfig
from config.values import show_share

REFERENCE_FILE = FilePath(__file__).with_name("REFERENCE.md")

_HEAD = """\
# Reference of `ats-sync.yaml`

Generated from the models in `config/` by `python -m config.reference`; do not edit.
`ats-sync.schema.json` says the same to editors.
"""


def operator_reference() -> str:
    """The page as it stands in the repository."""
    return _HEAD + "".join(
        model_section(path, model) for path, model in model_paths(OperatorConfig)
    )


def model_section(path: str, model: type[BaseModel]) -> str:
    """One model: what it is, and a table of its keys."""
    rows = [_row(file_key(name, info), info) for name, info in model.model_fields.items()]
    table = "\n".join(
        ["| key | value | default | meaning | example |", "|---|---|---|---|---|", *rows]
    )
    return f"\n## {path or 'The whole file'}\n\n{_one_line(model.__doc__ or '')}\n\n{table}\n"


def model_paths(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model of a file with the path at which it stands."""
    yield path, model
    for name, info in model.model_fields.items():
        below = f"{path}.{file_key(name, info)}" if path else file_key(name, info)
        yield from _models_of(wanted_by(info.annotation), below)


def _models_of(wanted: Wanted, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    if wanted.model:
        yield from model_paths(wanted.model, path)
    elif wanted.is_list:
        yield from _models_of(wanted.item(0), f"{path}[]")
    elif wanted.is_mapping:
        yield from _models_of(wanted.value(), f"{path}.NAME")
    elif wanted.is_union:
        for member in wanted.members:
            inner = wanted_by(member)
            yield from _models_of(inner, path + _tag_of(inner))


def _tag_of(wanted: Wanted) -> str:
    """` (kind: http)` for a member that is chosen by such a key."""
    for name, info in wanted.model.model_fields.items() if wanted.model else ():
        literals = wanted_by(info.annotation).literals
        if len(literals) == 1 and info.is_required():
            return f" ({name}: {literals[0]})"
    return ""


def _row(key: str, info: FieldInfo) -> str:
    cells = [
        f"`{key}`",
        _kind(_whole(info)),
        _default(info),
        info.description or "",
        _example(info),
    ]
    return "| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in cells) + " |"


def _whole(info: FieldInfo) -> Wanted:
    return wanted_by(info.annotation, info.metadata)


def _kind(wanted: Wanted) -> str:
    if wanted.is_union:
        return " or ".join(dict.fromkeys(_kind(wanted_by(member)) for member in wanted.members))
    if wanted.literals:
        return ", ".join(f"`{word}`" for word in wanted.literals)
    if wanted.is_list:
        return f"list of {_kind(wanted.item(0))}"
    if wanted.is_mapping:
        return f"mapping of {_key_kind(wanted)} to {_kind(wanted.value())}"
    return "mapping" if wanted.model else _scalar_kind(wanted)


def _key_kind(wanted: Wanted) -> str:
    return _kind(wanted_by((get_args(wanted.annotation) or (str,))[0]))


def _scalar_kind(wanted: Wanted) -> str:
    kind: Any = wanted.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in kind)
    if kind is float and wanted.reads_text:
        return "percentage"
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
    if isinstance(default, float) and _whole(info).reads_text:
        return f"`{show_share(default)}`"
    return f"`{json.dumps(default).strip(chr(34))}`"


def _example(info: FieldInfo) -> str:
    example = (info.examples or [""])[0]
    text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    return f"`{text}`" if text else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    REFERENCE_FILE.write_text(operator_reference(), encoding="utf-8")
