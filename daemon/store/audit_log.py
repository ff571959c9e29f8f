"""`audit_log` in MongoDB, as `daemon.ports.audit.AuditTrail`."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from daemon.core.pushes import PushEnded
from daemon.ports.audit import AuditAction
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from models.documents import AuditEntry
from models.documents.audit_entry import AuditVia
from models.ids import derived_id


class Actor(NamedTuple):
    """Who acts, and by what means."""

    name: str
    via: AuditVia


DAEMON = Actor("ats-sync", "daemon")
CLEARVIEW = Actor("clearview", "daemon")
"""A person in ClearView, or its own code: the change stream does not say who. The daemon sends it."""
STATUS_PUSH: AuditAction = "status.push"


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


def row_of_push(end: PushEnded, integration: str) -> Row:
    """Returns the row of a push that was sent; written again, it has the same identity.

    It names neither candidate nor application, as it outlives their erasure: its subject is the
    `_id` of the log's row, which has them and is erased.
    """
    return {
        "_id": derived_id(end.push.id, "audit", end.outcome),
        "at": end.at,
        "actor": CLEARVIEW.name,
        "via": CLEARVIEW.via,
        "action": STATUS_PUSH,
        "subject": str(end.push.id),
        "before": {"status": end.base},
        "after": {
            "status": end.push.status,
            "integration": integration,
            "outcome": end.outcome,
            "reason": end.reason,
        },
    }


class NoAudit:
    """For what the daemon does by itself."""

    async def record(self, *_: object, **__: object) -> None:
        """Writes nothing."""
