"""Integrations: which one, how it is configured, and in which state it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self, get_args
from uuid import UUID

import msgspec

from models.ids import integration_id

State = Literal["active", "paused", "auth_failed", "disabled"]
STATES: tuple[State, ...] = get_args(State)


class IntegrationRef(msgspec.Struct, frozen=True):
    """The name and the id of an integration."""

    name: str
    id: UUID

    @classmethod
    def named(cls, name: str) -> Self:
        return cls(name, integration_id(name))


class ConfiguredIntegration(msgspec.Struct, frozen=True):
    """One integration as the operator configured it; credentials are references, never values."""

    name: str
    ats_name: str
    connector: str
    endpoint: str
    main_credential: str | None
    """The credential that `api_key` shows."""
    credentials: Mapping[str, Any]
    enabled: bool


class StoredVersion(msgspec.Struct, frozen=True):
    """One state of an integration that was added at run time; another one of its name begins at revision 1 again."""

    revision: int
    added_at: datetime | None = None


class StoredIntegration(msgspec.Struct, frozen=True):
    """One integration that was added at run time: its settings, with its secrets, as in the file."""

    name: str
    version: StoredVersion
    content: Mapping[str, Any] = msgspec.field(default_factory=dict)
    problem: str | None = None
    """The reason why its secrets cannot be read; `content` has the rest."""

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"StoredIntegration({self.name!r}, {self.version.revision})"


class StorageRefused(Exception):
    """An integration was not added, changed or removed; the reason is for people."""

    def __init__(self, reason: Literal["exists", "file", "unknown", "changed", "no_key"]) -> None:
        super().__init__(REFUSALS[reason])
        self.reason = reason


REFUSALS = {
    "exists": "an integration of this name exists; change it instead",
    "file": "the YAML file has an integration of this name, and the file wins",
    "unknown": "no integration of this name was added at run time",
    "changed": "it was changed meanwhile; read it again",
    "no_key": "secrets cannot be stored: set ATS_SYNC_ENCRYPTION_KEY and restart the daemon",
}


class IntegrationState(msgspec.Struct, frozen=True):
    """The state of one integration, and the poll that an operator requested."""

    name: str
    state: State
    reason: str | None
    request: Mapping[str, Any] | None
    webhook_at: object = None
    """When the newest webhook event came that names a record; it changes with each."""
    webhook_refused_at: datetime | None = None
    """When the newest event was refused."""
