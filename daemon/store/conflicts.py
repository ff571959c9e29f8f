"""`conflicts`: those that an import finds, and those that wait for a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.conflict import StatusConflict
from daemon.store.bulk_writes import insert_new
from daemon.store.connection import Mongo
from daemon.store.encoding import encode, encode_each
from daemon.store.mongo_errors import repeated
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

    async def resolve(self, application_external_ids: Sequence[str], *, at: datetime) -> int:
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


class MongoOpenConflicts:
    """`conflicts` that are open, as `daemon.ports.pushes.OpenConflicts`."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection = mongo.collection(Conflict)

    async def clearview_statuses(self, application_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        query = {"application_id": {"$in": list(application_ids)}, "state": "open"}
        cursor = self._collection.find(query, {"application_id": 1, "clearview": 1})
        return {row["application_id"]: row["clearview"] for row in await cursor.to_list()}


async def close_conflicts(
    conflicts: AsyncCollection[Any], application_ids: Sequence[UUID], at: datetime
) -> None:
    """Resolves the open conflicts of these applications; there is hardly ever one."""
    query = {"application_id": {"$in": list(application_ids)}, "state": "open"}
    if await conflicts.find_one(query, {"_id": 1}) is None:
        return
    change = {"$set": {"state": "resolved", "resolved_at": at}}
    await repeated(lambda: conflicts.update_many(query, change))
