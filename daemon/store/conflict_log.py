"""Conflicts found by an import, in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from daemon.core.conflict import StatusConflict
from daemon.store.connection import Mongo
from daemon.store.encoding import encode, encode_each, insert_new
from models.documents import Conflict
from models.ids import application_id, candidate_id, derived_id


class MongoConflictLog:
    """`conflicts` of one integration, as `daemon.ports.imports.Conflicts`."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._collection = mongo.collection(Conflict)
        self._integration = integration_id

    async def record(self, conflicts: Sequence[StatusConflict], *, at: datetime) -> None:
        encoded, _ = encode_each(
            ((c.application_external_id, self._row(c, at)) for c in conflicts), encode
        )
        await insert_new(self._collection, encoded, lambda row: str(row["_id"]))

    async def settle(self, application_external_ids: Sequence[str], *, at: datetime) -> int:
        ids = [application_id(self._integration, e) for e in application_external_ids]
        result = await self._collection.update_many(
            {"application_id": {"$in": ids}, "state": "open"},
            {"$set": {"state": "resolved", "winner": "ats", "resolved_at": at}},
        )
        return result.modified_count

    async def count_open(self) -> int:
        return await self._collection.count_documents(
            {"ats_integration_id": self._integration, "state": "open"}
        )

    def _row(self, conflict: StatusConflict, at: datetime) -> dict[str, object]:
        application = application_id(self._integration, conflict.application_external_id)
        sides = (conflict.base or "", conflict.ats, conflict.clearview)
        is_open = conflict.winner is None
        return {
            "_id": derived_id(
                application, "conflict", *sides, "open" if is_open else at.isoformat()
            ),
            "ats_integration_id": self._integration,
            "application_id": application,
            "candidate_id": candidate_id(self._integration, conflict.candidate_external_id),
            "base": conflict.base,
            "ats": conflict.ats,
            "clearview": conflict.clearview,
            "policy": conflict.policy,
            "winner": conflict.winner,
            "state": "open" if is_open else "resolved",
            "detected_at": at,
            "resolved_at": None if is_open else at,
            "details": None,
        }
