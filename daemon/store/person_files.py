"""The copies of a person's files, as an export of what is held shows them."""

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from uuid import UUID

from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import NoFile

from daemon.core.erasure import PersonIds
from daemon.store.attachment_files import BUCKET
from daemon.store.connection import Mongo, Row
from models.documents import QueuedFile
from models.documents.clearview_values import as_uuid

FILES = f"{BUCKET}.files"


class PersonFiles:
    """Reads the bucket `attachments` of ClearView's database."""

    def __init__(self, mongo: Mongo) -> None:
        self._queue = mongo.collection(QueuedFile)
        self._database = mongo.clearview

    async def of(self, person: PersonIds, candidates: Iterable[Row]) -> AsyncIterator[Row]:
        """Yields each copy with its content in base64."""
        own = {
            "ats_integration_id": person.integration,
            "candidate_external_id": {"$in": list(person.candidates)},
            "file_id": {"$ne": None},
        }
        copies = {row["file_id"] async for row in self._queue.find(own, {"file_id": 1})}
        copies |= {copy for candidate in candidates for copy in _copies_of(candidate)}
        for copy in sorted(copies):
            row = await self._database[FILES].find_one({"_id": copy})
            if row is not None:
                yield {**row, "content": await self._content(copy)}

    async def _content(self, copy: UUID) -> str | None:
        try:
            stream = await AsyncGridFSBucket(
                self._database, bucket_name=BUCKET
            ).open_download_stream(copy)
            return base64.b64encode(await stream.read()).decode()
        except NoFile:
            return None


def _copies_of(candidate: Mapping[str, Any]) -> set[UUID]:
    attachments = candidate.get("attachments")
    files = attachments if isinstance(attachments, list) else []
    found = {as_uuid(file.get("file_id")) for file in files if isinstance(file, Mapping)}
    return {copy for copy in found if copy is not None}
