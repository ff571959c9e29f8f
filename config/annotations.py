"""Looks into type annotations: what kind of value a field of a pydantic model wants."""

import types
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, BeforeValidator, Discriminator, PlainValidator, WrapValidator
from pydantic.fields import FieldInfo

_READERS = (BeforeValidator, PlainValidator, WrapValidator)
_LISTS = (list, tuple, set, frozenset, Sequence, AbstractSet, Iterable)
_MAPPINGS = (dict, Mapping)


class Wanted(msgspec.Struct, frozen=True):
    """What a place in the file should hold."""

    annotation: Any
    discriminator: str | Discriminator | None = None
    reads_text: bool = False

    @property
    def origin(self) -> Any:
        """`list` of `list[int]`; the annotation itself where it has no parameters."""
        return get_origin(self.annotation) or self.annotation

    @property
    def is_anything(self) -> bool:
        """True where any value is welcome."""
        return self.annotation in {Any, object}

    @property
    def is_union(self) -> bool:
        """True for a choice between kinds of values."""
        return self.origin in {Union, types.UnionType}

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
        """The model, for a mapping with known keys."""
        wanted = self.origin
        return wanted if isinstance(wanted, type) and issubclass(wanted, BaseModel) else None

    @property
    def is_scalar(self) -> bool:
        """True for a single value."""
        return not (self.is_list or self.is_mapping or self.model or self.is_union)

    @property
    def members(self) -> list[Any]:
        """The alternatives of a union, without None."""
        return [member for member in get_args(self.annotation) if member is not type(None)]

    @property
    def accepts_null(self) -> bool:
        """True where `null` may be written."""
        return self.annotation is type(None) or (
            self.is_union and type(None) in get_args(self.annotation)
        )

    @property
    def literals(self) -> tuple[Any, ...]:
        """The words of a `Literal`."""
        return get_args(self.annotation) if self.origin is Literal else ()

    def item(self, index: int) -> "Wanted":
        """What one item of the list should be."""
        inner = get_args(self.annotation) or (Any,)
        if self.origin is tuple and inner[-1] is not Ellipsis:
            return wanted_by(inner[index] if index < len(inner) else Any)
        return wanted_by(inner[0])

    def value(self) -> "Wanted":
        """What a value of the mapping should be."""
        inner = get_args(self.annotation) or (Any, Any)
        return wanted_by(inner[1])


def wanted_by(annotation: Any, metadata: Iterable[Any] = ()) -> Wanted:
    """What an annotation asks for, with the wrappers around it looked through."""
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
            return Wanted(annotation, _discriminator(gathered), _reads_text(gathered))


def wanted_by_fields(model: type[BaseModel]) -> dict[str, Wanted]:
    """What each key of a model's mapping should hold, by the name that stands in the file."""
    own_readers = _fields_with_readers(model)
    result = {}
    for name, info in model.model_fields.items():
        wanted = wanted_by(info.annotation, [info, *info.metadata])
        if name in own_readers:
            wanted = Wanted(wanted.annotation, wanted.discriminator, reads_text=True)
        result[file_key(name, info)] = wanted
    return result


def file_key(name: str, info: FieldInfo) -> str:
    """The key under which a field stands in the file."""
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else name


def _fields_with_readers(model: type[BaseModel]) -> set[str]:
    decorators = model.__pydantic_decorators__.field_validators.values()
    return {
        field
        for decorator in decorators
        if decorator.info.mode != "after"
        for field in decorator.info.fields
    }


def _reads_text(metadata: Iterable[Any]) -> bool:
    return any(isinstance(each, _READERS) for each in metadata)


def _discriminator(metadata: Iterable[Any]) -> str | Discriminator | None:
    for each in metadata:
        if isinstance(each, Discriminator):
            return each if callable(each.discriminator) else str(each.discriminator)
        if isinstance(each, FieldInfo) and each.discriminator is not None:
            return each.discriminator
    return None
