"""Candidates' files sent to ClearView's Candidate Management Service (`candidates: {mode: http}`)."""

import base64
from collections.abc import Collection
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from daemon.core.attachments import FileFacts, FileToFetch
from daemon.store.http_service import ClearViewHttp


class HttpShelf:
    """The service's files, as `daemon.ports.attachments.FileShelf`.

    The service keeps each file with its attachment, and deletes it with that or with the candidate.
    """

    def __init__(self, service: ClearViewHttp) -> None:
        self._service = service

    async def keep(self, file: FileToFetch, facts: FileFacts, content: bytes) -> None:
        """Sends a file to its attachment."""
        digest = base64.b64encode(bytes.fromhex(facts.sha256)).decode()
        await self._service.put_file(
            f"/candidates/{file.candidate_id}/attachments/{quote(file.external_id, safe='')}",
            content,
            headers={"Content-Type": facts.content_type, "Repr-Digest": f"sha-256=:{digest}:"},
        )

    async def publish(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:  # noqa: ARG002 (a port)
        """Returns True: the service has the file with its attachment already."""
        return True

    async def retract(self, file: FileToFetch) -> None:
        """Nothing: the service does it."""

    async def discard(self, copies: Collection[UUID]) -> None:
        """Nothing: the service does it."""
