"""Ports of candidates' files: the queue of those to fetch, and where their copies are kept."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from daemon.core.attachments import CandidateFiles, FileFacts, FileFailure, FileToFetch


class AttachmentQueue(Protocol):
    """`attachments_queue` of one integration, as an import fills it."""

    async def update(
        self, list_name: str, files: Sequence[CandidateFiles], *, at: datetime
    ) -> None:
        """Queues files that are new or changed, and marks copies of vanished ones as gone.

        Durable when it returns; repeating it changes nothing more.
        """

    async def drop(self, candidate_external_ids: Sequence[str], *, at: datetime) -> None:
        """Marks the copies of these candidates' files as gone."""


class FileQueue(Protocol):
    """The same queue, as the holder of the lease works on it.

    A change returns False for a row that has changed since it was read, and leaves that alone.
    """

    async def due(self, *, now: datetime, limit: int) -> Sequence[FileToFetch]:
        """Returns files to fetch or to publish, the longest waiting first."""

    async def gone(self, *, limit: int) -> Sequence[FileToFetch]:
        """Returns files whose copies are to be deleted; none of a candidate under a legal hold."""

    async def begin(self, file: FileToFetch, file_id: UUID, *, at: datetime) -> bool:
        """Names the copy that is about to be written; it is found again after a kill."""

    async def stored(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:
        """Notes that the copy is durable."""

    async def fetched(self, file: FileToFetch, *, at: datetime) -> bool:
        """Notes that ClearView names the copy, and that replaced ones are deleted."""

    async def failed(self, file: FileToFetch, failure: FileFailure, *, at: datetime) -> bool: ...

    async def put_off(self, file: FileToFetch, until: datetime) -> None:
        """Lets others go first until then; that counts as no attempt."""

    async def vanish(self, file: FileToFetch, *, at: datetime) -> None:
        """Marks it as gone: ClearView no longer has its candidate."""

    async def in_use(self, file: FileToFetch, copies: Collection[UUID]) -> frozenset[UUID]:
        """Returns those of the copies that other files refer to."""

    async def forget(self, file: FileToFetch) -> None:
        """Deletes the row of a file that is gone, unless it was queued again."""

    async def counts(self) -> Mapping[str, int]:
        """Returns the number of files by state."""

    async def retry_skipped(self, *, at: datetime) -> None:
        """Makes skipped files due: other rules are in force."""


class FileShelf(Protocol):
    """Where copies of files are kept, and ClearView's documents that name them."""

    async def keep(self, file: FileToFetch, facts: FileFacts, content: bytes) -> None:
        """Stores a content; durable when it returns. Repeating it changes nothing more."""

    async def publish(self, file: FileToFetch, facts: FileFacts, *, at: datetime) -> bool:
        """Names the copy in the candidate's attachment; False if ClearView has no such candidate."""

    async def retract(self, file: FileToFetch) -> None:
        """Removes the copy's name from the candidate's attachment, if it is there."""

    async def discard(self, copies: Collection[UUID]) -> None:
        """Deletes copies, whole or begun."""
