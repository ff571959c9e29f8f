"""Conflicts that wait for a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo.asynchronous.collection import AsyncCollection

from daemon.store.connection import Mongo
from daemon.store.mongo_retry import repeated
from models.documents import Conflict


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
    """Resolve the open conflicts of these applications, of which there are hardly ever any."""
    query = {"application_id": {"$in": list(application_ids)}, "state": "open"}
    if await conflicts.find_one(query, {"_id": 1}) is None:
        return
    change = {"$set": {"state": "resolved", "resolved_at": at}}
    await repeated(lambda: conflicts.update_many(query, change))
