"""`attachments_queue` for operators: list files, and make them due again."""

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

import msgspec
from pymongo import DESCENDING

from daemon.ports.audit import AuditTrail
from daemon.ports.clock import Clock
from daemon.store.alerts import AlertStore
from daemon.store.attachments import DUE_AGAIN
from daemon.store.connection import Mongo, Row
from daemon.store.row_pages import given
from models.documents import QueuedFile
from models.documents.attachment import AttachmentState
from models.ids import integration_id

STATES: tuple[AttachmentState, ...] = get_args(AttachmentState)
RETRIED: tuple[AttachmentState, ...] = ("retrying", "skipped", "dead")
"""The states in which a file waits for a time or a person."""


class FileFilter(msgspec.Struct, frozen=True):
    """A filter of files; None matches any."""

    states: Sequence[str] | None = None
    integration: str | None = None
    ids: Sequence[UUID] | None = None

    def query(self) -> Row:
        """Returns the query."""
        return given(
            state={"$in": list(self.states or STATES)},
            ats_integration_id=self.integration and integration_id(self.integration),
            _id=None if self.ids is None else {"$in": list(self.ids)},
        )


class MongoAttachmentAdmin:
    """The queues of all integrations."""

    def __init__(self, mongo: Mongo, clock: Clock, audit: AuditTrail) -> None:
        self._audit = audit
        self._rows = mongo.collection(QueuedFile)
        self._alerts = AlertStore(mongo, clock)
        self._clock = clock

    async def listed(self, which: FileFilter, *, limit: int) -> list[Row]:
        """Returns files, the last changed first."""
        rows = self._rows.find(which.query(), sort=[("updated_at", DESCENDING)], limit=limit)
        return await rows.to_list()

    async def count(self, which: FileFilter) -> int:
        return await self._rows.count_documents(which.query())

    async def retry(self, which: FileFilter) -> int:
        """Makes files due that wait for a time or a person; returns their number."""
        asked = {
            "states": list(which.states or STATES),
            "files": [str(one) for one in which.ids] if which.ids else None,
        }
        await self._audit.record("attachments.retry", which.integration or "", before=asked)
        change = {"state": "pending", "updated_at": self._clock.now(), **DUE_AGAIN}
        result = await self._rows.update_many(which.query(), {"$set": change})
        await self._alerts.resolve_expired()
        return result.modified_count
