"""TTL indexes that follow the operator's file.

They are not declared with the documents: their period is the file's, and changes while the daemon runs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import structlog
from beanie import Document
from pymongo import ASCENDING

from config.operator_retention import Retention
from daemon.store.connection import DatabaseError, Mongo
from daemon.store.preparation import indexes_of, targets
from models.documents import (
    Alert,
    AnalyticsExportLog,
    AuditEntry,
    CandidateChange,
    CandidateImportLog,
    Conflict,
    NotificationDelivery,
    StatusOutboxEntry,
    StatusUpdateLog,
    SyncRun,
    WebhookEvent,
)
from models.documents.base import HoldableDocument, collection_name

log = structlog.get_logger(__name__)

Setting = Literal["logs", "runs", "history", "outbox", "webhooks"]
RETAINED: Mapping[type[Document], tuple[Setting, str]] = {
    Alert: ("logs", "resolved_at"),
    AnalyticsExportLog: ("logs", "exported_at"),
    AuditEntry: ("logs", "at"),
    CandidateImportLog: ("logs", "imported_at"),
    Conflict: ("logs", "resolved_at"),
    NotificationDelivery: ("logs", "finished_at"),
    StatusUpdateLog: ("logs", "updated_at"),
    SyncRun: ("runs", "started_at"),
    CandidateChange: ("history", "changed_at"),
    StatusOutboxEntry: ("outbox", "finished_at"),
    WebhookEvent: ("webhooks", "received_at"),
}
"""The setting of each collection, and the time from which it counts: rows without one stay."""
HOLDABLE = tuple(document for document in RETAINED if issubclass(document, HoldableDocument))
"""The collections that have rows about one person: a legal hold keeps those."""
UNHELD: Mapping[str, Any] = {"held": None}
"""Rows that expire; those without the field are among them."""
NAME = "retention"


class RetentionOf(msgspec.Struct, frozen=True):
    """The retention of one collection: wanted, and in force."""

    collection: str
    setting: Setting
    field: str
    wanted: timedelta
    in_force: timedelta | None
    """None: nothing is deleted."""
    expired: int
    """Rows that are older, and wait for MongoDB to delete them."""

    @property
    def is_in_force(self) -> bool:
        return self.wanted == self.in_force


class MongoRetention:
    """The TTL indexes of the service's own database."""

    def __init__(self, mongo: Mongo) -> None:
        self._own, _ = targets(mongo)

    async def apply(self, wanted: Retention) -> None:
        """Makes the indexes and sets their periods. What the user may not do is reported."""
        for document, (setting, field) in RETAINED.items():
            name = collection_name(document)
            try:
                await self._apply(document, field, getattr(wanted, setting))
            except DatabaseError as error:
                log.warning("retention_not_set", collection=name, error=type(error).__name__)

    async def _apply(self, document: type[Document], field: str, period: timedelta) -> None:
        name, index = collection_name(document), await self._index(document, field)
        if index is None:
            # An earlier release's deletes rows under a legal hold, too.
            for other in await self._on(document, field):
                if "expireAfterSeconds" in other:
                    await self._own.database[name].drop_index(other["name"])
            options: dict[str, Any] = (
                {"partialFilterExpression": UNHELD} if document in HOLDABLE else {}
            )
            await self._own.database[name].create_index(
                [(field, ASCENDING)], name=NAME, expireAfterSeconds=_seconds(period), **options
            )
        elif index.get("expireAfterSeconds") != _seconds(period):
            change = {"name": index["name"], "expireAfterSeconds": _seconds(period)}
            await self._own.database.command("collMod", name, index=change)
            log.info("retention_set", collection=name, days=period.days)

    async def _index(self, document: type[Document], field: str) -> Mapping[str, Any] | None:
        wanted = UNHELD if document in HOLDABLE else None
        found = await self._on(document, field)
        return next((o for o in found if o.get("partialFilterExpression") == wanted), None)

    async def _on(self, document: type[Document], field: str) -> list[Mapping[str, Any]]:
        found = await indexes_of(self._own, collection_name(document))
        return [one for one in found if dict(one["key"]) == {field: ASCENDING}]

    async def inspect(self, wanted: Retention, now: datetime) -> Sequence[RetentionOf]:
        """Returns the retention of each collection."""
        found = []
        for document, (setting, field) in RETAINED.items():
            name, period = collection_name(document), getattr(wanted, setting)
            seconds = (await self._index(document, field) or {}).get("expireAfterSeconds")
            older = {field: {"$lt": now - period}, **(UNHELD if document in HOLDABLE else {})}
            found.append(
                RetentionOf(
                    name,
                    setting,
                    field,
                    period,
                    None if seconds is None else timedelta(seconds=seconds),
                    await self._own.database[name].count_documents(older),
                )
            )
        return found


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
