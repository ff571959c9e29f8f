"""Values of ClearView's documents: others write them, so any field may hold anything.

The server sends the texts and ids that are needed, each of a bounded size, and the type's name
where a field holds something else. Whatever is sent can be decoded.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import bson
from bson.binary import UUID_SUBTYPE, Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128
from bson.errors import BSONError
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from models.ids import NAMESPACE, derived_id

Row = dict[str, Any]
LONGEST_TEXT = 4096
"""In bytes. A longer text is no status, stage, reason or id."""
TOLERANT: CodecOptions[Row] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
"""Decodes dates beyond the year 9999 and texts that are not UTF-8."""
_WITHOUT_UUIDS = TOLERANT.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)
"""Also decodes UUIDs that are not 16 bytes long."""
RAW: CodecOptions[RawBSONDocument] = TOLERANT.with_options(document_class=RawBSONDocument)
"""Leaves each document to `decoded`, so that one that cannot be decoded fails by itself."""
_NUMBERS = ("int", "long", "double", "decimal", "objectId")
"""Types that some systems write where an id is expected; decoding them cannot fail."""
_ODD = "odd"
_TOO_LONG = f"string of more than {LONGEST_TEXT} bytes"


def text(value: Any) -> Row:
    """Returns an aggregation expression: the text, a number or object id, else `{odd: <type>}`.

    A missing field stays missing.
    """
    return _guarded(
        {
            "$switch": {
                "branches": [
                    {"case": _has_type("missing"), "then": "$$REMOVE"},
                    {"case": _has_type("null", "undefined"), "then": None},
                    {"case": _has_type(*_NUMBERS), "then": "$$value"},
                    {"case": _is_short_text(), "then": "$$value"},
                    {"case": _has_type("string"), "then": {_ODD: _TOO_LONG}},
                ],
                "default": {_ODD: "$$type"},
            }
        },
        value,
    )


def plain_text(value: Any) -> Row:
    """Returns an aggregation expression: the text or null, for values that are only counted or shown."""
    as_it_is = {"$cond": [_is_short_text(), "$$value", None]}
    is_number = _has_type(*_NUMBERS)
    return _guarded({"$cond": [is_number, {"$toString": "$$value"}, as_it_is]}, value)


def identity(value: Any) -> Row:
    """Returns an aggregation expression: a UUID, or the result of `text`."""
    uuid_like = {
        "$cond": [
            _has_type("binData"),
            {"$eq": [{"$binarySize": "$$value"}, 16]},
            False,
        ]
    }
    return _guarded({"$cond": [uuid_like, "$$value", text("$$value")]}, value)


def _guarded(expression: Row, value: Any) -> Row:
    inner = {"$let": {"vars": {"type": {"$type": "$$value"}}, "in": expression}}
    return {"$let": {"vars": {"value": value}, "in": inner}}


def _has_type(*names: str) -> Row:
    return {"$in": ["$$type", list(names)]}


def _is_short_text() -> Row:
    length = {"$cond": [_has_type("string"), {"$strLenBytes": "$$value"}, LONGEST_TEXT + 1]}
    return {"$lte": [length, LONGEST_TEXT]}


def decoded(raw: RawBSONDocument) -> Row:
    """Decodes a document, whatever it holds.

    Raises:
        BSONError: it is no BSON at all, which no server sends.
    """
    try:
        return bson.decode(raw.raw, TOLERANT)
    except BSONError:
        row: Row = _with_uuids(bson.decode(raw.raw, _WITHOUT_UUIDS))
        return row


def _with_uuids(value: Any) -> Any:
    """Returns the value with its valid UUIDs decoded."""
    if isinstance(value, dict):
        return {key: _with_uuids(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_uuids(inner) for inner in value]
    return as_uuid(value) or value if isinstance(value, Binary) else value


def as_text(value: Any) -> str | None:
    """Returns the text of a field; None where it is absent or holds no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int | Decimal128 | ObjectId):
        return str(value)
    return None


def as_uuid(value: Any) -> UUID | None:
    """Returns the UUID of a field; None where it holds anything else."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, Binary) and value.subtype == UUID_SUBTYPE and len(value) == 16:
        return UUID(bytes=bytes(value))
    return None


def odd_type(value: Any) -> str | None:
    """Returns the BSON type of a field that held neither a text nor an id."""
    if isinstance(value, Mapping) and isinstance(value.get(_ODD), str):
        return str(value[_ODD])
    return None


def document_id(value: Any) -> UUID:
    """Returns ClearView's own id; a derived one for an id that is no UUID, which no import makes."""
    return as_uuid(value) or derived_id(NAMESPACE, "foreign", str(value))
