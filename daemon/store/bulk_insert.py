"""Inserts of many documents: one that exists already, or that MongoDB refuses, does not stop the others."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from daemon.store.encoding import encode_each
from daemon.store.mongo_errors import fails_by_content, is_own_document, refusal
from daemon.store.mongo_retry import repeated
from models.documents.clearview_values import Row

T = TypeVar("T")
PART = 500
"""Documents in one insert: the largest usual page."""


async def insert_each(
    collection: AsyncCollection[Any],
    documents: Iterable[tuple[str, T]],
    encode_one: Callable[[T], bytes],
    key_of: Callable[[Mapping[str, Any]], str],
) -> tuple[frozenset[str], dict[str, str]]:
    """Encodes and inserts documents: (keys that existed already, reasons of refused ones by key).

    MongoDB works on one part of a page while the next is being encoded. When this returns or
    raises, no insert is running any more.
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
    """Inserts documents: (keys that existed already, reasons of refused ones by key)."""
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
    """Separates documents that exist already from those that are refused.

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


async def insert_missing(collection: AsyncCollection[Any], rows: Sequence[Row]) -> int:
    """Inserts the rows that do not exist yet, durably; returns how many were new."""
    if not rows:
        return 0

    async def insert() -> int:
        try:
            result = await collection.insert_many([dict(row) for row in rows], ordered=False)
        except BulkWriteError as error:
            return _inserted(error)
        return len(result.inserted_ids)

    return await repeated(insert)


def _inserted(error: BulkWriteError) -> int:
    """Returns how many were inserted, if all others exist already."""
    details = error.details
    others = [e for e in details.get("writeErrors", []) if not is_own_document(e)]
    if others or details.get("writeConcernErrors"):
        raise error
    return int(details["nInserted"])
