"""Finds the path in the file of each of pydantic's errors, and the union member that was meant."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.checked_document import Document
from config.field_types import UNDESCRIBED, FieldType
from config.messages import NODE_KINDS, wanted_kind
from config.nodes import NodePath

_KEY_STEP = "[key]"


class _Choice(NamedTuple):
    """A union without a discriminator, and pydantic's label of the member that an error is about."""

    path: NodePath
    label: str


class LocatedError(NamedTuple):
    """One of pydantic's errors with its path in the file."""

    details: ErrorDetails
    path: NodePath
    on_key: bool
    parent: FieldType
    """The type of the value above the path."""
    type: FieldType
    choices: tuple[_Choice, ...] = ()


def locate_errors(
    document: Document, root: FieldType, error: ValidationError
) -> list[LocatedError]:
    """Returns all errors with their paths, those of every union member included."""
    found = error.errors(include_url=False, include_input=False)
    return [_located(document, root, details) for details in found]


def _located(document: Document, root: FieldType, details: ErrorDetails) -> LocatedError:
    """Follows pydantic's location through the types, because it also has labels of union members."""
    path: NodePath = ()
    parent, current = UNDESCRIBED, root
    choices: list[_Choice] = []
    on_key = details["type"] == "extra_forbidden"
    for step in details["loc"]:
        if current.discriminator:
            current = current.tags.get(str(step), UNDESCRIBED).without_null
        elif current.members:
            choices.append(_Choice(path, str(step)))
            current = _labelled(current, str(step)).without_null
        elif step == _KEY_STEP and document.node((*path, step)) is None:
            on_key = True
        else:
            path = (*path, step)
            parent, current = current, current.child(step).without_null
    return LocatedError(details, path, on_key, parent, current, tuple(choices))


def _labelled(union: FieldType, label: str) -> FieldType:
    models = [each for each in union.members if each.model and each.model.__name__ == label]
    others = [each for each in union.members if each.is_list or each.is_mapping]
    return next(iter([*models, *others]), UNDESCRIBED)


def type_at(document: Document, root: FieldType, path: NodePath) -> FieldType:
    """Returns the type of the value at a path of the file."""
    current = root
    for length, step in enumerate(path):
        if current.discriminator:
            tag = document.text((*path[:length], current.discriminator)) or ""
            current = current.tags.get(tag, UNDESCRIBED)
        elif current.members:
            current = _labelled(current, "")
        current = current.child(step).without_null
    return current


def of_best_members(
    document: Document, errors: Iterable[LocatedError], depth: int = 0
) -> Iterator[LocatedError]:
    """Yields one member's errors of each union: of the member that fits the value best."""
    by_union: dict[NodePath, list[LocatedError]] = {}
    for error in errors:
        if len(error.choices) > depth:
            by_union.setdefault(error.choices[depth].path, []).append(error)
        else:
            yield error
    for path, members_errors in by_union.items():
        chosen = _best_member(document, path, members_errors, depth)
        yield from of_best_members(document, chosen, depth + 1)


def _best_member(
    document: Document, path: NodePath, errors: list[LocatedError], depth: int
) -> list[LocatedError]:
    node = document.node(path)
    members = [list(of) for _, of in groupby(errors, key=lambda each: each.choices[depth].label)]
    fitting = [
        member
        for member in members
        if not any(each.path == path and _is_of_another_kind(each, node) for each in member)
    ]
    if fitting:
        return min(
            fitting,
            key=lambda member: sum(
                each.details["type"] == "extra_forbidden" and len(each.path) == len(path) + 1
                for each in member
            ),
        )
    wanted = {wanted_kind(each.details["type"]) for each in errors if each.path == path}
    kinds = " or ".join(kind for kind in NODE_KINDS.values() if kind in wanted)
    details = ErrorDetails(type="union_kind", loc=(), msg=f"must be {kinds}", input=None)
    return [errors[0]._replace(details=details, path=path, choices=())]


def _is_of_another_kind(error: LocatedError, node: object) -> bool:
    wanted = wanted_kind(error.details["type"])
    return wanted is not None and wanted != NODE_KINDS.get(type(node))
