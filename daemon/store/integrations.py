"""`ats_integration_settings`: configuration, state, and requested polls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from daemon.core.integrations import STATES, ConfiguredIntegration, IntegrationState, State
from daemon.ports.audit import AuditAction, AuditTrail
from daemon.ports.clock import Clock
from daemon.store.audit_log import NoAudit
from daemon.store.connection import Mongo, Row
from models.documents import IntegrationSettings
from models.ids import integration_id

_STATE = ("name", "state", "state_reason", "request", "webhook_at", "webhook_refused_at")


def settings_row(
    one: ConfiguredIntegration,
    credentials: Mapping[str, Any],
    *,
    managed_by: Literal["file", "database"],
) -> Row:
    """Returns what the document shows of a configured integration; `credentials` as they are stored."""
    return {
        "name": one.name,
        "ats_name": one.ats_name,
        "connector": one.connector,
        "api_endpoint": one.endpoint,
        "api_key": credentials.get(one.main_credential or ""),
        "credentials": dict(credentials),
        "managed_by": managed_by,
        "enabled": one.enabled,
    }


class MongoIntegrations:
    """The settings documents of all integrations, as `daemon.ports.integrations` and `daemon.ports.pushes` see them."""

    def __init__(self, mongo: Mongo, clock: Clock, *, audit: AuditTrail | None = None) -> None:
        self._audit = audit or NoAudit()
        self._collection = mongo.collection(IntegrationSettings)
        self._clock = clock

    async def configure(self, integrations: Sequence[ConfiguredIntegration]) -> None:
        """Writes the file's configuration into the documents; integrations that it lacks are disabled."""
        now = self._clock.now()
        for one in integrations:
            await self._configure(one, now)
        await self._collection.update_many(
            {
                "managed_by": "file",
                "name": {"$nin": [one.name for one in integrations]},
                "state": {"$ne": "disabled"},
            },
            {
                "$set": {
                    "state": "disabled",
                    "state_reason": "no longer configured",
                    "enabled": False,
                    "updated_at": now,
                }
            },
        )

    async def _configure(self, one: ConfiguredIntegration, now: datetime) -> None:
        key = {"_id": integration_id(one.name)}
        wanted = settings_row(one, one.credentials, managed_by="file")
        found = await self._collection.find_one(key)
        if found is not None and all(found.get(name) == value for name, value in wanted.items()):
            return
        # After an edit a refused credential is tried again; a person's pause stays.
        is_paused = found is not None and found.get("state") == "paused"
        state: State = "disabled" if not one.enabled else "paused" if is_paused else "active"
        await self._collection.update_one(
            key,
            {
                "$set": wanted | {"state": state, "state_reason": None, "updated_at": now},
                "$setOnInsert": {"created_at": now},
            },
            upsert=True,
        )

    async def states(self) -> dict[str, IntegrationState]:
        rows = self._collection.find(
            {},
            dict.fromkeys(_STATE, 1) | {"_id": 0},
        )
        return {
            row["name"]: _state(row)
            for row in await rows.to_list()
            if isinstance(row.get("name"), str)
        }

    async def set_state(self, name: str, state: State, *, reason: str | None) -> bool:
        """Sets the state; True if the integration exists and is not disabled."""
        enabled = {"name": name, "state": {"$ne": "disabled"}}
        before = await self._collection.find_one(enabled, {"_id": 0, "state": 1})
        if before is None:
            return False
        action: AuditAction = "integration.pause" if state == "paused" else "integration.resume"
        await self._audit.record(action, name, before=before, after={"state": state})
        result = await self._collection.update_one(
            enabled,
            {"$set": {"state": state, "state_reason": reason, "updated_at": self._clock.now()}},
        )
        return result.matched_count == 1

    async def request_poll(self, name: str, *, sweep: bool, accept_deletions: bool) -> UUID | None:
        """Requests a poll from the replica that runs the integration; None if it does not exist."""
        request = uuid4()
        await self._audit.record(
            "integration.sweep" if sweep else "integration.poll",
            name,
            after={"request": request, "accept_deletions": accept_deletions},
        )
        result = await self._collection.update_one(
            {"name": name},
            {
                "$set": {
                    "request": {
                        "id": request,
                        "sweep": sweep,
                        "accept_deletions": accept_deletions,
                        "asked_at": self._clock.now(),
                    }
                }
            },
        )
        return request if result.matched_count else None

    async def answered(self, name: str, request: object) -> None:
        await self._collection.update_one(
            {"name": name, "request.id": request}, {"$set": {"request": None}}
        )

    async def state(self, integration_id: UUID) -> State:
        """Returns the state; an integration without a document is active."""
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


def _state(row: Mapping[str, Any]) -> IntegrationState:
    """Reads what others may have edited: an odd document is one integration's, and runs as active."""
    state, request = row.get("state"), row.get("request")
    refused_at = row.get("webhook_refused_at")
    return IntegrationState(
        name=row["name"],
        state=state if state in STATES else "active",
        reason=row.get("state_reason"),
        request=request if isinstance(request, Mapping) else None,
        webhook_at=row.get("webhook_at"),
        webhook_refused_at=refused_at if isinstance(refused_at, datetime) else None,
    )
