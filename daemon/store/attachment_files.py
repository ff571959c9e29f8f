"""Candidates' files in ClearView (`mode: mongodb`): their fields, and copies in the GridFS bucket `attachments`."""

import base64
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import NoFile

from daemon.core.attachments import FileFacts, FileToFetch
from daemon.core.diff import ATTACHMENTS
from daemon.core.erasure import PersonIds
from daemon.store.attachments import DUE_AGAIN
from daemon.store.connection import Mongo, Row
from models.candidate import FILE_FIELDS, AttachmentRecord
from models.documents import ClearViewCandidate, QueuedFile
from models.documents.clearview_values import as_uuid

BUCKET = "attachments"
FILES = f"{BUCKET}.files"


class GridFSShelf:
    """One integration's part of the bucket, as `daemon.ports.attachments.FileShelf`.

    A copy is whole once its document is in `attachments.files`: that is written last, and deleted
    first. Its chunks are found again by the id that `attachments_queue` has had before them.
    """

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._database = mongo.clearview
        self._files = self._database[FILES]
        self._chunks = self._database[f"{BUCKET}.chunks"]
        self._candidates = mongo.collection(ClearViewCandidate)
        self._integration = integration_id

    async def keep(self, file: FileToFetch, facts: FileFacts, content: bytes) -> None:  # noqa: ARG002 (a port)
        """Stores a content once, whatever a killed attempt has left of it."""
        if await self._files.find_one({"_id": facts.file_id}, {"_id": 1}) is not None:
            return
        await self._chunks.delete_many({"files_id": facts.file_id})
        metadata = {
            "integration_id": self._integration,
            "sha256": facts.sha256,
            "content_type": facts.content_type,
        }
        bucket = AsyncGridFSBucket(self._database, bucket_name=BUCKET)
        await bucket.upload_from_stream_with_id(
            facts.file_id, facts.sha256, content, metadata=metadata
        )

    async def publish(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:
        """Sets the file's fields; the candidate's other fields and its `import_id` stay."""
        fields: Row = {
            "file_id": facts.file_id,
            "sha256": facts.sha256,
            "size": facts.size,
            "content_type": facts.content_type,
        }
        changes = {f"attachments.$[file].{name}": value for name, value in fields.items()}
        result = await self._candidates.update_one(
            {"_id": file.candidate_id, "attachments": {"$type": "array"}},
            {"$set": {**changes, "updated_at": at}},
            array_filters=[{"file.external_id": file.external_id}],
        )
        if result.matched_count:
            return True
        return await self._candidates.find_one({"_id": file.candidate_id}, {"_id": 1}) is not None

    async def retract(self, file: FileToFetch) -> None:
        """Removes the file's fields, where they name a copy of this file."""
        await self._candidates.update_one(
            {"_id": file.candidate_id, "attachments.file_id": {"$in": list(file.copies)}},
            {"$unset": {f"attachments.$[file].{name}": "" for name in sorted(FILE_FIELDS)}},
            array_filters=[
                {"file.external_id": file.external_id, "file.file_id": {"$in": list(file.copies)}}
            ],
        )

    async def discard(self, copies: Collection[UUID]) -> None:
        await self._files.delete_many({"_id": {"$in": list(copies)}})
        await self._chunks.delete_many({"files_id": {"$in": list(copies)}})


def attachments_update(attachments: Sequence[AttachmentRecord]) -> list[Row]:
    """Returns an update that sets attachments and keeps the file of each that is there already.

    The server merges them, so that a file that is fetched meanwhile is not forgotten.
    """
    before = {"$cond": [{"$isArray": "$attachments"}, "$attachments", []]}
    same = {"$eq": ["$$old.external_id", "$$new.external_id"]}
    old = {"$first": {"$filter": {"input": before, "as": "old", "cond": same}}}
    of_file = {
        "$arrayToObject": {
            "$filter": {
                "input": {"$objectToArray": {"$ifNull": [old, {}]}},
                "cond": {"$in": ["$$this.k", sorted(FILE_FIELDS)]},
            }
        }
    }
    merged = {
        "$map": {
            "input": {"$literal": list(attachments)},
            "as": "new",
            "in": {"$mergeObjects": [of_file, "$$new"]},
        }
    }
    return [{"$set": {ATTACHMENTS: merged}}]


_NO_ONE: Row = {
    "state": "gone",
    "next_attempt_at": None,
    "candidate_id": UUID(int=0),
    "candidate_external_id": "",
    "external_id": "",
    "record_id": "",
    "version": "",
    "last_error": None,
}


async def erase_files(mongo: Mongo, person: PersonIds) -> None:
    """Deletes the copies that no one else's file has, whatever is being fetched meanwhile.

    The rows of files with a copy stay, about no one, until the job that fetches files has deleted the
    copy once more: it may be writing it just now.
    """
    rows = mongo.collection(QueuedFile)
    own = {
        "ats_integration_id": person.integration,
        "candidate_external_id": {"$in": list(person.candidates)},
        "file_id": {"$ne": None},
    }
    found = await rows.find(own, {"file_id": 1, "replaced": 1}).to_list()
    await rows.update_many({"_id": {"$in": [row["_id"] for row in found]}}, {"$set": _NO_ONE})
    copies = {copy for row in found for copy in (row["file_id"], *row["replaced"])}
    of_others = {
        "ats_integration_id": person.integration,
        "file_id": {"$in": list(copies)},
        "state": {"$ne": "gone"},
    }
    used = {row["file_id"] async for row in rows.find(of_others, {"file_id": 1})}
    await GridFSShelf(mongo, person.integration).discard(copies - used)
    # The same content may have come for someone else since, who was given the copy that is deleted now.
    # With another version the attempt that is under way changes nothing more.
    given = {**of_others, "file_id": {"$in": list(copies - used)}}
    await rows.update_many(given, {"$set": {"state": "pending", "version": "", **DUE_AGAIN}})


async def copies_of(
    mongo: Mongo, person: PersonIds, candidates: Iterable[Row]
) -> AsyncIterator[Row]:
    """Yields each copy of a person's files with its content in base64, for an export of what is held."""
    own = {
        "ats_integration_id": person.integration,
        "candidate_external_id": {"$in": list(person.candidates)},
        "file_id": {"$ne": None},
    }
    rows = mongo.collection(QueuedFile).find(own, {"file_id": 1})
    copies = {row["file_id"] async for row in rows}
    copies |= {copy for candidate in candidates for copy in _named_by(candidate)}
    for copy in sorted(copies):
        row = await mongo.clearview[FILES].find_one({"_id": copy})
        if row is not None:
            yield {**row, "content": await _content(mongo, copy)}


async def _content(mongo: Mongo, copy: UUID) -> str | None:
    bucket = AsyncGridFSBucket(mongo.clearview, bucket_name=BUCKET)
    try:
        stream = await bucket.open_download_stream(copy)
        return base64.b64encode(await stream.read()).decode()
    except NoFile:
        return None


def _named_by(candidate: Mapping[str, Any]) -> set[UUID]:
    attachments = candidate.get("attachments")
    files = attachments if isinstance(attachments, list) else []
    found = {as_uuid(file.get("file_id")) for file in files if isinstance(file, Mapping)}
    return {copy for copy in found if copy is not None}
