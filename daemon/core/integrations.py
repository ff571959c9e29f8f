"""Integrations: which one, how it is configured, and in which state it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

State = Literal["active", "paused", "auth_failed", "disabled"]
STATES: tuple[State, ...] = get_args(State)


class IntegrationRef(msgspec.Struct, frozen=True):
    """The name and the id of an integration."""

    name: str
    id: UUID


class ConfiguredIntegration(msgspec.Struct, frozen=True):
    """One integration as the operator's file has it; credentials are references, never values."""

    name: str
    ats_name: str
    connector: str
    endpoint: str
    api_key: Mapping[str, Any] | None
    credentials: Mapping[str, Any]
    enabled: bool


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
