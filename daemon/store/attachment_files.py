"""Copies of candidates' files in ClearView's GridFS bucket `attachments` (`mode: mongodb`)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from gridfs.asynchronous import AsyncGridFSBucket

from daemon.core.attachments import FileFacts, FileToFetch
from daemon.store.connection import Mongo, Row
from models.candidate import FILE_FIELDS
from models.documents import ClearViewCandidate

BUCKET = "attachments"


class GridFSShelf:
    """One integration's part of the bucket, as `daemon.ports.attachments.FileShelf`.

    A copy is whole once its document is in `attachments.files`: that is written last, and deleted
    first. Its chunks are found again by the id that `attachments_queue` has had before them.
    """

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._database = mongo.clearview
        self._files = self._database[f"{BUCKET}.files"]
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
