"""The state of integrations, as operators and the daemon set it."""

from datetime import datetime
from uuid import UUID

from daemon.core.integrations import State
from daemon.store.connection import Mongo
from models.documents import IntegrationSettings


class MongoIntegrationStates:
    """`ats_integration_settings`, as `daemon.ports.pushes.IntegrationStates`."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection = mongo.collection(IntegrationSettings)

    async def state(self, integration_id: UUID) -> State:
        """An integration without settings is as active as the configuration says it is."""
        row = await self._collection.find_one({"_id": integration_id}, {"state": 1, "enabled": 1})
        if row is None:
            return "active"
        state: State = row.get("state", "active")
        return state if row.get("enabled", True) else "disabled"

    async def auth_failed(self, integration_id: UUID, *, reason: str, at: datetime) -> None:
        await self._collection.update_one(
            {"_id": integration_id, "state": "active"},
            {"$set": {"state": "auth_failed", "state_reason": reason, "updated_at": at}},
        )

    async def recovered(self, integration_id: UUID, *, at: datetime) -> None:
        await self._collection.update_one(
            {"_id": integration_id, "state": "auth_failed"},
            {"$set": {"state": "active", "state_reason": None, "updated_at": at}},
        )
