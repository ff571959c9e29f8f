"""Updates of many documents, each for itself: one that is refused or gone does not stop the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, WriteError

from daemon.store.encoding import encode, encoded_or_reason
from daemon.store.mongo_errors import fails_by_content, refusal
from models.documents.clearview_values import Row


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
