"""`audit_log` in MongoDB, as `daemon.ports.audit.AuditTrail`."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from daemon.ports.audit import AuditAction
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo
from models.documents import AuditEntry
from models.documents.audit_entry import AuditVia


class Actor(NamedTuple):
    """Who acts, and by what means."""

    name: str
    via: AuditVia


DAEMON = Actor("ats-sync", "daemon")


class MongoAuditTrail:
    """The actions of one actor. Rows are inserted and never changed."""

    def __init__(self, mongo: Mongo, clock: Clock, actor: Actor) -> None:
        self._collection = mongo.collection(AuditEntry)
        self._clock = clock
        self._actor = actor

    async def record(
        self,
        action: AuditAction,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        await self._collection.insert_one(
            {
                "_id": uuid4(),
                "at": self._clock.now(),
                "actor": self._actor.name,
                "via": self._actor.via,
                "action": action,
                "subject": subject,
                "before": None if before is None else dict(before),
                "after": None if after is None else dict(after),
            }
        )


class NoAudit:
    """For what the daemon does by itself."""

    async def record(
        self,
        action: AuditAction,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes nothing."""
