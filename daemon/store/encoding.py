"""Documents encoded one at a time, so that one that cannot be stored does not stop its page, and ids in bulk."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha1
from typing import Any, TypeVar
from uuid import UUID

import bson
from bson.binary import UUID_SUBTYPE, Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument

from models.documents.clearview_values import TOLERANT
from models.ids import application_name, candidate_name, snapshot_name

T = TypeVar("T")
RAW_OPTIONS: CodecOptions[dict[str, Any]] = TOLERANT.with_options(
    datetime_conversion=DatetimeConversion.DATETIME_CLAMP
)
"""The options of the service's own database.

A date that someone wrote beyond Python's range is the last or first one within it.
"""
_RAW = DEFAULT_RAW_BSON_OPTIONS.with_options(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)
LARGEST = 15 * 1024 * 1024
_VERSION_5 = 0x50
_VARIANT = 0x80


def encode(document: Mapping[str, Any]) -> bytes:
    """Returns the document as BSON."""
    return bson.encode(document, codec_options=RAW_OPTIONS)


def fields_of(document: Mapping[str, Any] | bytes) -> bytes:
    """Returns the fields of a document, for `assembled`."""
    encoded = document if isinstance(document, bytes) else encode(document)
    return encoded[4:-1]


def uuid_field(name: str, raw: bytes) -> bytes:
    """Returns a field that holds a UUID of these 16 bytes."""
    return b"\x05%s\0\x10\0\0\0\x04%s" % (name.encode(), raw)


def bytes_field(name: str, raw: bytes) -> bytes:
    """Returns a field that holds these bytes."""
    return b"\x05%s\0%s\0%s" % (name.encode(), len(raw).to_bytes(4, "little"), raw)


def text_field(name: str, text: str) -> bytes:
    """Returns a field that holds a text."""
    encoded = text.encode()
    return b"\x02%s\0%s%s\0" % (name.encode(), (len(encoded) + 1).to_bytes(4, "little"), encoded)


def document_field(name: str, document: bytes) -> bytes:
    """Returns a field that holds an encoded document."""
    return b"\x03%s\0%s" % (name.encode(), document)


def assembled(*fields: bytes) -> bytes:
    """Returns one document of these fields, whose names must differ.

    Fields that all documents of a page share are encoded once: that halves the cost of a document.
    """
    inner = b"".join(fields)
    return b"%s%s\0" % ((len(inner) + 5).to_bytes(4, "little"), inner)


def encode_each(
    documents: Iterable[tuple[str, T]], encode_one: Callable[[T], bytes]
) -> tuple[list[RawBSONDocument], dict[str, str]]:
    """Returns encoded documents, and by key the reasons of those that cannot be stored."""
    encoded: list[RawBSONDocument] = []
    refused: dict[str, str] = {}
    for key, document in documents:
        raw = encoded_or_reason(document, encode_one)
        if isinstance(raw, str):
            refused[key] = raw
        else:
            encoded.append(raw)
    return encoded, refused


def encoded_or_reason(document: T, encode_one: Callable[[T], bytes]) -> RawBSONDocument | str:
    """Returns the encoded document, or the reason why it cannot be stored."""
    try:
        raw = encode_one(document)
    except (BSONError, OverflowError, UnicodeEncodeError, TypeError, ValueError) as error:
        return f"cannot be stored in MongoDB: {type(error).__name__}"
    if len(raw) > LARGEST:
        return f"cannot be stored in MongoDB: {len(raw)} bytes, 16 MB is the limit"
    return RawBSONDocument(raw, codec_options=_RAW)


def stored(identity: UUID) -> Binary:
    """Returns a UUID as MongoDB stores it."""
    return Binary(identity.bytes, UUID_SUBTYPE)


class StoredIds:
    """Ids that derive from one scope, an integration for example, as MongoDB stores them.

    The same as `uuid5` of `models.ids`, at a quarter of its price: an import makes several for each
    record, and the driver would turn each UUID back into the bytes that it was made from.
    """

    def __init__(self, scope: UUID) -> None:
        self.scope = stored(scope)
        self._sha1 = sha1(scope.bytes, usedforsecurity=False)

    def candidate(self, external_id: str) -> Binary:
        return self.named(candidate_name(external_id))

    def application(self, external_id: str) -> Binary:
        return self.named(application_name(external_id))

    def snapshot(self, list_name: str, external_id: str) -> Binary:
        return self.named(snapshot_name(list_name, external_id))

    def named(self, name: str) -> Binary:
        """Returns the id of a name as a value of a document."""
        return Binary(self.raw(name), UUID_SUBTYPE)

    def raw(self, name: str) -> bytes:
        """Returns the id of a name as 16 bytes: version 5 of RFC 4122."""
        hashed = self._sha1.copy()
        hashed.update(name.encode())
        raw = bytearray(hashed.digest()[:16])
        raw[6] = raw[6] & 0x0F | _VERSION_5
        raw[8] = raw[8] & 0x3F | _VARIANT
        return bytes(raw)
