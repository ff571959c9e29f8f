"""Documents encoded one at a time, so that one that cannot be stored does not stop its page."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from daemon.store.mongo_errors import fails_by_content, is_own_document, refusal

T = TypeVar("T")
RAW_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)
"""How documents are encoded when they are encoded by hand, one at a time."""
_RAW = DEFAULT_RAW_BSON_OPTIONS.with_options(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)
PART = 500
"""Documents in one insert: the largest usual page."""
LARGEST = 15 * 1024 * 1024


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as BSON."""
    return bson.encode(document, codec_options=RAW_OPTIONS)


def fields_of(document: Mapping[str, Any] | bytes) -> bytes:
    """The fields of a document, to be put together with others by `assembled`."""
    encoded = document if isinstance(document, bytes) else encode(document)
    return encoded[4:-1]


def uuid_field(name: str, raw: bytes) -> bytes:
    """A field that holds a UUID of these 16 bytes."""
    return b"\x05%s\0\x10\0\0\0\x04%s" % (name.encode(), raw)


def bytes_field(name: str, raw: bytes) -> bytes:
    """A field that holds these bytes."""
    return b"\x05%s\0%s\0%s" % (name.encode(), len(raw).to_bytes(4, "little"), raw)


def text_field(name: str, text: str) -> bytes:
    """A field that holds a text."""
    encoded = text.encode()
    return b"\x02%s\0%s%s\0" % (name.encode(), (len(encoded) + 1).to_bytes(4, "little"), encoded)


def document_field(name: str, document: bytes) -> bytes:
    """A field that holds an encoded document."""
    return b"\x03%s\0%s" % (name.encode(), document)


def assembled(*fields: bytes) -> bytes:
    """One document of these fields, whose names must differ.

    What is the same in all documents of a page, or was encoded for another collection, is encoded
    once: that halves the price of a document.
    """
    inner = b"".join(fields)
    return b"%s%s\0" % ((len(inner) + 5).to_bytes(4, "little"), inner)


class Encodings:
    """What was encoded for one collection need not be encoded again for the next one.

    A candidate stands in its snapshot and in ClearView. Records are known by identity, and must not
    be changed between the two. The oldest are forgotten first.
    """

    def __init__(self, at_most: int = 1000) -> None:
        self._kept: OrderedDict[int, tuple[Mapping[str, Any], bytes]] = OrderedDict()
        self._at_most = at_most

    def keep(self, record: Mapping[str, Any]) -> bytes:
        """Encode it, and remember that for whoever asks next."""
        raw = encode(record)
        self._kept[id(record)] = (record, raw)
        if len(self._kept) > self._at_most:
            self._kept.popitem(last=False)
        return raw

    def take(self, record: Mapping[str, Any]) -> bytes:
        """The encoded record, which is forgotten with it."""
        kept = self._kept.pop(id(record), None)
        return encode(record) if kept is None else kept[1]


def encode_each(
    documents: Iterable[tuple[str, T]], encode_one: Callable[[T], bytes]
) -> tuple[list[RawBSONDocument], dict[str, str]]:
    """Encoded documents, and by key those that cannot be stored with the reason."""
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
    """The encoded document, or the reason why it cannot be stored."""
    try:
        raw = encode_one(document)
    except (BSONError, OverflowError, UnicodeEncodeError, TypeError, ValueError) as error:
        return f"cannot be stored in MongoDB: {type(error).__name__}"
    if len(raw) > LARGEST:
        return f"cannot be stored in MongoDB: {len(raw)} bytes, 16 MB is the limit"
    return RawBSONDocument(raw, codec_options=_RAW)


async def insert_each(
    collection: AsyncCollection[Any],
    documents: Iterable[tuple[str, T]],
    encode_one: Callable[[T], bytes],
    key_of: Callable[[Mapping[str, Any]], str],
) -> tuple[frozenset[str], dict[str, str]]:
    """Encode and insert: (keys that were there already, refused by key with reason).

    MongoDB works on one part of a page while the next is being encoded. When this returns or
    raises, nothing is under way any more.
    """
    existing: set[str] = set()
    refused: dict[str, str] = {}
    inserting: list[asyncio.Task[tuple[frozenset[str], dict[str, str]]]] = []
    try:
        for part in _parts(documents):
            encoded, unfit = encode_each(part, encode_one)
            refused |= unfit
            inserting.append(asyncio.create_task(insert_new(collection, encoded, key_of)))
            await asyncio.sleep(0)  # let it be sent
        outcomes = await asyncio.gather(*inserting)
    except BaseException:
        for task in inserting:
            task.cancel()
        await asyncio.gather(*inserting, return_exceptions=True)
        raise
    for met, rejected in outcomes:
        existing |= met
        refused |= rejected
    return frozenset(existing), refused


def _parts(documents: Iterable[tuple[str, T]]) -> Iterator[list[tuple[str, T]]]:
    left = iter(documents)
    while part := list(islice(left, PART)):
        yield part


async def insert_new(
    collection: AsyncCollection[Any],
    documents: list[RawBSONDocument],
    key_of: Callable[[Mapping[str, Any]], str],
) -> tuple[frozenset[str], dict[str, str]]:
    """Insert what is not there yet: (keys that were there already, refused by key with reason)."""
    if not documents:
        return frozenset(), {}
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return _split_errors(error, documents, key_of)
    return frozenset(), {}


def _split_errors(
    error: BulkWriteError,
    documents: list[RawBSONDocument],
    key_of: Callable[[Mapping[str, Any]], str],
) -> tuple[frozenset[str], dict[str, str]]:
    """Documents that were there already, and those that are refused.

    Raises:
        BulkWriteError: MongoDB is away; all of it may be repeated.
    """
    if not fails_by_content(error):
        raise error
    existing: set[str] = set()
    refused: dict[str, str] = {}
    for write_error in error.details.get("writeErrors", []):
        key = key_of(documents[write_error["index"]])
        if is_own_document(write_error):
            existing.add(key)
        else:
            refused[key] = refusal(write_error)
    return frozenset(existing), refused
