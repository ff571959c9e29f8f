"""Inserts and updates of many documents: one that exists already, is gone or is refused does not stop the others."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, WriteError

from daemon.store.encoding import encode, encode_each, encoded_or_reason
from daemon.store.mongo_errors import fails_by_content, is_own_document, refusal, repeated
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


class DocumentUpdate(msgspec.Struct, frozen=True):
    """An update of one document, known by its key."""

    key: str
    where: Row
    update: Row | Sequence[Row]
    """Operators, or the stages of a pipeline."""


class UpdateOutcome(msgspec.Struct, frozen=True):
    """The outcome of many updates."""

    sent: Sequence[str]
    """Keys of those that MongoDB was asked to make and did not refuse."""
    matched: int
    refused: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """True if each update that was sent found its document."""
        return self.matched >= len(self.sent)


async def update_each(
    collection: AsyncCollection[Any], changes: Sequence[DocumentUpdate]
) -> UpdateOutcome:
    """Updates documents one by one, in one request.

    Raises:
        PyMongoError: MongoDB is away; all of it may be repeated.
    """
    keys: list[str] = []
    writes: list[UpdateOne] = []
    refused: dict[str, str] = {}
    for change in changes:
        stages = change.update if isinstance(change.update, Sequence) else [change.update]
        encoded = [encoded_or_reason(stage, encode) for stage in stages]
        reason = next((each for each in encoded if isinstance(each, str)), None)
        if reason is not None:
            refused[change.key] = reason
        else:
            keys.append(change.key)
            update: Any = encoded if isinstance(change.update, Sequence) else encoded[0]
            writes.append(UpdateOne(change.where, update))
    matched, errors = await _written(collection, writes)
    refused |= {keys[error["index"]]: refusal(error) for error in errors}
    return UpdateOutcome([key for key in keys if key not in refused], matched, refused)


async def _written(
    collection: AsyncCollection[Any], writes: list[UpdateOne]
) -> tuple[int, Sequence[Mapping[str, Any]]]:
    """Returns how many documents were found, and the errors of those that were refused."""
    if not writes:
        return 0, ()
    try:
        result = await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        if not fails_by_content(error):
            raise
        return int(error.details.get("nMatched", 0)), error.details.get("writeErrors", [])
    return result.matched_count, ()


async def update_alike(
    collection: AsyncCollection[Any], where: Row, update: Row
) -> list[tuple[Row, str]]:
    """Applies one update to all documents that match.

    Returns the documents that MongoDB refuses (`_id`, `candidate_id`) with the reason.

    Raises:
        PyMongoError: MongoDB is away; all of it may be repeated.
    """
    try:
        await collection.update_many(where, update)
    except WriteError as error:
        if not fails_by_content(error):
            raise
    else:
        return []
    # The first refusal ends an update of many; documents that it has reached match no more, or may
    # be written once more.
    rows = await collection.find(where, {"_id": 1, "candidate_id": 1}).to_list()
    changes = [
        DocumentUpdate(str(n), {**where, "_id": row["_id"]}, update) for n, row in enumerate(rows)
    ]
    changed = await update_each(collection, changes)
    return [(rows[int(key)], reason) for key, reason in changed.refused.items()]
