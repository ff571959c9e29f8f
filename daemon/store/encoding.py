"""Documents encoded one at a time, so that one that cannot be stored does not stop its page."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.errors import BSONError
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from daemon.store.connection import RAW_OPTIONS

DUPLICATE_KEY = 11000
_RAW = DEFAULT_RAW_BSON_OPTIONS.with_options(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)
PART = 250
"""Documents in one insert: half of the largest usual page."""
LARGEST = 15 * 1024 * 1024


def encode_each(
    documents: Iterable[tuple[str, Mapping[str, Any]]],
) -> tuple[list[RawBSONDocument], dict[str, str]]:
    """Encoded documents, and by key those that cannot be stored with the reason."""
    encoded: list[RawBSONDocument] = []
    refused: dict[str, str] = {}
    for key, document in documents:
        try:
            raw = bson.encode(document, codec_options=RAW_OPTIONS)
        except (BSONError, OverflowError, UnicodeEncodeError, TypeError, ValueError) as error:
            refused[key] = f"cannot be stored in MongoDB: {type(error).__name__}"
            continue
        if len(raw) > LARGEST:
            refused[key] = f"cannot be stored in MongoDB: {len(raw)} bytes, 16 MB is the limit"
            continue
        encoded.append(RawBSONDocument(raw, codec_options=_RAW))
    return encoded, refused


async def insert_each(
    collection: AsyncCollection[Any],
    documents: Iterable[tuple[str, Mapping[str, Any]]],
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
            encoded, unfit = encode_each(part)
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


def _parts(
    documents: Iterable[tuple[str, Mapping[str, Any]]],
) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
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
    details = error.details or {}
    if details.get("writeConcernErrors") and not details.get("writeErrors"):
        raise error
    existing: set[str] = set()
    refused: dict[str, str] = {}
    for write_error in details.get("writeErrors", []):
        key = key_of(documents[write_error["index"]])
        if write_error["code"] == DUPLICATE_KEY:
            existing.add(key)
        else:
            refused[key] = f"refused by MongoDB (code {write_error['code']})"
    return frozenset(existing), refused
