"""The base of all stored documents: UUID ids, closed values, and a validator made from the model."""

from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin
from uuid import UUID, uuid4

from beanie import Document
from pydantic import AfterValidator, ConfigDict, Field

from models.times import to_milliseconds

UtcTime = Annotated[datetime, AfterValidator(to_milliseconds)]
"""A moment in UTC with millisecond precision, as MongoDB will return it."""


class StoredDocument(Document):
    """A document of the service's own database."""

    model_config = ConfigDict(populate_by_name=True)

    id: Any = Field(default_factory=uuid4)

    validator_extras: ClassVar[dict[str, Any]] = {}
    """Further `$jsonSchema` properties that the annotations cannot express."""

    @classmethod
    def json_schema_validator(cls) -> dict[str, Any]:
        """Returns the `$jsonSchema` that MongoDB enforces for this collection: required fields and types."""
        fields = {
            f.alias or name: f
            for name, f in cls.model_fields.items()
            if name not in {"id", "revision_id"}
        }
        properties = {name: bson_type_of(f.annotation) for name, f in fields.items()}
        return {
            "bsonType": "object",
            "required": sorted(n for n, f in fields.items() if f.is_required()),
            "properties": properties | cls.validator_extras,
        }


class HoldableDocument(StoredDocument):
    """A row about one person, which expires unless there is a legal hold."""

    held: bool | None = None
    """True: a legal hold keeps the row, whatever the retention."""


def collection_name(document: type[Document]) -> str:
    """Returns the name of the document's collection; the class need not be bound to a database."""
    settings: Any = document.Settings
    return str(settings.name)


_BSON_TYPES: dict[Any, Any] = {
    str: {"bsonType": "string"},
    bool: {"bsonType": "bool"},
    int: {"bsonType": ["int", "long"]},
    float: {"bsonType": ["double", "int", "long"]},
    datetime: {"bsonType": "date"},
    UUID: {"bsonType": "binData"},
    bytes: {"bsonType": "binData"},
    NoneType: {"bsonType": "null"},
    Any: {},
}


def bson_type_of(annotation: Any) -> dict[str, Any]:
    """Returns the `$jsonSchema` fragment for a field's annotation; `{}` accepts anything."""
    if annotation in _BSON_TYPES:
        return dict(_BSON_TYPES[annotation])
    origin = get_origin(annotation)
    if origin is not None:
        return _generic_type(origin, get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {"enum": [member.value for member in annotation]}
    return {"bsonType": "object"}


def _generic_type(origin: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    if origin is Annotated:
        return bson_type_of(args[0])
    if origin is Literal:
        return {"enum": list(args)}
    if origin in {Union, UnionType}:
        parts = [bson_type_of(a) for a in args]
        if all(part.keys() == {"bsonType"} for part in parts):
            types = [part["bsonType"] for part in parts]
            names = [[each] if isinstance(each, str) else each for each in types]
            return {"bsonType": [name for each in names for name in each]}
        return {"anyOf": parts} if all(parts) else {}
    return {"bsonType": "array" if origin is list else "object"}
