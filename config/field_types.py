"""The kinds of values that the fields of pydantic models take, read from their annotations."""

import types
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

_LISTS = (list, tuple, set, frozenset, Sequence, AbstractSet, Iterable)
_MAPPINGS = (dict, Mapping)


class FieldType(msgspec.Struct, frozen=True):
    """The kind of value that a field, a list item or a mapping's value takes."""

    annotation: Any
    discriminator: str | None = None
    """The key that chooses the member of a union."""
    reads_text: bool = False
    """True for a field that has a text form of its own, such as `10%`."""

    @property
    def origin(self) -> Any:
        """`list` of `list[int]`; the annotation itself where it has no parameters."""
        return get_origin(self.annotation) or self.annotation

    @property
    def is_list(self) -> bool:
        """True for everything written as a list."""
        return self.origin in _LISTS

    @property
    def is_mapping(self) -> bool:
        """True for a mapping with free keys."""
        return self.origin in _MAPPINGS

    @property
    def model(self) -> type[BaseModel] | None:
        """The model of a mapping with known keys."""
        origin = self.origin
        return origin if isinstance(origin, type) and issubclass(origin, BaseModel) else None

    @property
    def members(self) -> "list[FieldType]":
        """The alternatives of a union, without null; empty for every other type."""
        if self.origin not in {Union, types.UnionType}:
            return []
        return [
            field_type(each) for each in get_args(self.annotation) if each is not types.NoneType
        ]

    @property
    def without_null(self) -> "FieldType":
        """The type itself, or the only alternative to null."""
        return self.members[0] if len(self.members) == 1 else self

    @property
    def literals(self) -> tuple[Any, ...]:
        """The words of a `Literal`."""
        return get_args(self.annotation) if self.origin is Literal else ()

    @property
    def tags(self) -> "dict[str, FieldType]":
        """The members of a union with a discriminator, by the words that choose them."""
        return {
            str(getattr(tag, "value", tag)): member
            for member in self.members
            for tag in member.child(self.discriminator or "").literals
        }

    def child(self, step: str | int) -> "FieldType":
        """Returns the type of one key or list item of a value of this type."""
        if self.model:
            return fields_of(self.model).get(str(step), UNDESCRIBED)
        arguments = get_args(self.annotation)
        if self.is_mapping and arguments:
            return field_type(arguments[1])
        if not self.is_list or not arguments:
            return UNDESCRIBED
        is_pair = self.origin is tuple and arguments[-1] is not Ellipsis
        at = step if is_pair and isinstance(step, int) else 0
        return field_type(arguments[at]) if at < len(arguments) else UNDESCRIBED


UNDESCRIBED = FieldType(None)
"""The type of a value that no model describes: below an unknown key, or inside free-form JSON."""


def field_type(annotation: Any, metadata: Iterable[Any] = ()) -> FieldType:
    """Returns the type that an annotation describes, without `Annotated` and aliases around it."""
    gathered = list(metadata)
    while True:
        if get_origin(annotation) is Annotated:
            gathered.extend(get_args(annotation)[1:])
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            reads_text = any(isinstance(each, BeforeValidator) for each in gathered)
            keys = (each.discriminator for each in gathered if isinstance(each, FieldInfo))
            chosen_by = next((key for key in keys if isinstance(key, str)), None)
            return FieldType(annotation, chosen_by, reads_text)


@cache
def fields_of(model: type[BaseModel]) -> dict[str, FieldType]:
    """Returns the type of each field, by the key in the file."""
    return {
        file_key(name, info): field_type(info.annotation, [info, *info.metadata])
        for name, info in model.model_fields.items()
    }


def file_key(name: str, info: FieldInfo) -> str:
    """Returns the key of a field in the file."""
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else name
