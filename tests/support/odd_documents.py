"""Values that other systems write where the daemon expects a text; written byte by byte where no
driver would.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.timestamp import Timestamp

from daemon.store.encoding import RAW_OPTIONS, document_field, fields_of
from models.documents.clearview_values import RAW

LATEST = DatetimeMS(8_640_000_000_000_000)
"""JavaScript's latest date, in the year 275760."""
EARLIEST = DatetimeMS(-62_198_755_200_000)
"""A date in the year -2."""


class Bytes:
    """A BSON value as it is on disk: its type byte and its bytes."""

    def __init__(self, kind: int, raw: bytes) -> None:
        self.kind, self.raw = kind, raw


BROKEN_TEXT = Bytes(0x02, b"\x0b\0\0\0interview\xc3\0")
"""`interview`, and the first half of a character."""
SURROGATE = Bytes(0x02, b"\x04\0\0\0\xed\xa0\x80\0")
SHORT_UUID = Bytes(0x05, b"\x05\0\0\0\x04abcde")

ODD: Mapping[str, Any] = {
    "the year 275760": LATEST,
    "the year -2": EARLIEST,
    "invalid UTF-8": BROKEN_TEXT,
    "a surrogate": SURROGATE,
    "a UUID of 5 bytes": SHORT_UUID,
    "a number": 7,
    "a long": Int64(2**62),
    "not a number": float("nan"),
    "a decimal": Decimal128("1E+6144"),
    "true": True,
    "null": None,
    "undefined": Bytes(0x06, b""),
    "a list": ["interview"],
    "a list of documents": [{"name": "interview"}],
    "a document": {"value": "interview"},
    "our own marker": {"odd": "date"},
    "a reference": DBRef("stages", 1),
    "an object id": ObjectId(),
    "binary": Binary(b"interview"),
    "a UUID": uuid.uuid4(),
    "an expression": Regex("a("),
    "code": Code("interview"),
    "a timestamp": Timestamp(1, 1),
    "the largest key": MaxKey(),
    "a text with a NUL": "inter\0view",
    "an empty text": "",
    "another word": "on_hold",
    "3 MB": "x" * 3_000_000,
}


def raw_document(fields: Mapping[str, Any]) -> RawBSONDocument:
    """A document that may hold what no driver encodes."""
    inner = b"".join(_fields(fields))
    return RawBSONDocument((len(inner) + 5).to_bytes(4, "little") + inner + b"\0", RAW)


def _fields(fields: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in fields.items():
        if isinstance(value, Bytes):
            yield bytes([value.kind]) + name.encode() + b"\0" + value.raw
        elif isinstance(value, dict):
            yield document_field(name, bytes(raw_document(value).raw))
        else:
            yield fields_of(bson.encode({name: value}, codec_options=RAW_OPTIONS))
