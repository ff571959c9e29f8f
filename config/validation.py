"""Validates a file by its pydantic model, and reports every error at its position.

pydantic reads the file's values as strict JSON. A scalar that looks like a number or a truth value, in
a field that takes text, is given to pydantic once more as text.
"""

from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from config.checked_document import Document
from config.error_paths import LocatedError, locate_errors, of_best_members, type_at
from config.field_types import UNDESCRIBED, FieldType, fields_of
from config.messages import message_of
from config.nodes import NodePath, scalars
from config.problems import did_you_mean
from config.to_json import to_json

Model = TypeVar("Model", bound=BaseModel)

_WANTS_TEXT = {"string_type", "literal_error", "enum"}
_FEW_ENOUGH_TO_LIST = 16


def validate(document: Document, model: type[Model]) -> Model | None:
    """Returns the model's instance; None after an error of it was reported on the document."""
    root = FieldType(model)
    without_value = _report_missing_values(document, root)
    as_text: set[NodePath] = set()
    while True:
        content = msgspec.json.encode(to_json(document.root, as_text))
        try:
            return model.model_validate_json(content, strict=True)
        except ValidationError as error:
            errors = locate_errors(document, root, error)
        wants_text = {each.path for each in errors if each.details["type"] in _WANTS_TEXT}
        more = {path for path in wants_text - as_text if document.text(path) is not None}
        if not more:
            _report(document, errors, without_value)
            return None
        as_text |= more


def _report_missing_values(document: Document, root: FieldType) -> set[NodePath]:
    """Reports keys without a value; returns their paths and those of unresolved references."""
    paths = set()
    for path, scalar in scalars(document.root):
        if scalar.unresolved:
            paths.add(path)
        if scalar.is_empty and type_at(document, root, path) != UNDESCRIBED:
            document.error(path, "has no value; give it one, or remove the key")
            paths.add(path)
    return paths


def _report(document: Document, errors: list[LocatedError], without_value: set[NodePath]) -> None:
    for error in of_best_members(document, errors):
        match error.details["type"]:
            case "inconsistent":
                _report_inconsistency(document, error)
            case "union_tag_not_found" | "union_tag_invalid":
                _report_tag(document, error, without_value)
            case _ if not _is_at_or_below(error.path, without_value):
                _report_value(document, error)


def _is_at_or_below(path: NodePath, reported: set[NodePath]) -> bool:
    return any(path[:length] in reported for length in range(len(path) + 1))


def _report_inconsistency(document: Document, error: LocatedError) -> None:
    """Reports what a model's own validator found, by `values.reject`."""
    context = error.details["ctx"]
    message = context["message"]
    if context["also"] is not None:
        model_path = error.path[: len(error.path) - len(error.details["ctx"]["path"])]
        message += f" (also line {document.mark((*model_path, *context['also'])).line})"
    document.error(error.path, message, hint=context["hint"])


def _report_tag(document: Document, error: LocatedError, without_value: set[NodePath]) -> None:
    """Reports a missing or unknown discriminator at its own key."""
    path = (*error.path, error.type.discriminator or "")
    tags = ", ".join(error.type.tags)
    if document.node(path) is None:
        document.error(path, f"is required; one of {tags}")
    elif not _is_at_or_below(path, without_value):
        hint = did_you_mean(document.text(path) or "", error.type.tags)
        document.error(path, f"must be one of {tags}", hint=hint)


def _report_value(document: Document, error: LocatedError) -> None:
    subject = str(error.path[-1]) if error.on_key else document.node(error.path)
    message, hint = message_of(error.details, subject)
    if error.details["type"] == "extra_forbidden":
        known = list(fields_of(error.parent.model)) if error.parent.model else []
        hint = did_you_mean(str(error.path[-1]), known)
        if hint is None and 0 < len(known) <= _FEW_ENOUGH_TO_LIST:
            message = f"unknown key; known here: {', '.join(known)}"
    document.error(error.path, message, hint=hint, on_key=error.on_key)
