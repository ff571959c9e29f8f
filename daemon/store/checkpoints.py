"""Stored positions in MongoDB, guarded by the fencing token of their writer."""

from collections.abc import Mapping
from typing import Any

import structlog
from pymongo.errors import DuplicateKeyError

from daemon.core.leases import LeaseLost
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo
from daemon.store.leases import not_of_a_later_holder
from models.documents import Checkpoint

log = structlog.get_logger("daemon.checkpoints")


class MongoCheckpoints:
    """`checkpoints`, as `daemon.ports.imports.Checkpoints`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._collection = mongo.collection(Checkpoint)
        self._clock = clock

    async def load(self, key: str) -> dict[str, Any] | None:
        row = await self._collection.find_one({"_id": key}, {"value": 1})
        if row is None:
            return None
        value = row.get("value")
        if not isinstance(value, Mapping):
            log.warning("checkpoint_unreadable", checkpoint=key)
            return None
        return dict(value)

    async def save(self, key: str, value: Mapping[str, Any], *, fence: int) -> None:
        try:
            await self._collection.update_one(
                {"_id": key, "fence": not_of_a_later_holder(fence)},
                {
                    "$set": {
                        "value": dict(value),
                        "updated_at": self._clock.now(),
                        "fence": fence,
                    }
                },
                upsert=True,
            )
        except DuplicateKeyError:
            raise LeaseLost(f"{key} was taken over by a later holder") from None
