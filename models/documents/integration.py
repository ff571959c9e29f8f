"""`ats_integration_settings`: one account at one ATS."""

from typing import Any, Literal

from pydantic import Field
from pymongo import IndexModel

from models.documents.base import StoredDocument, UtcTime

IntegrationState = Literal["active", "paused", "auth_failed", "disabled"]


class IntegrationSettings(StoredDocument):
    """The configuration and the state of one integration. Never holds a secret in plain text."""

    name: str
    ats_name: str
    connector: str
    api_endpoint: str
    api_key: dict[str, Any] | None
    """`{"ref": "env:NAME"}`, `{"ref": "file:PATH"}` or `{"encrypted": ..., "key_id": ...}`."""
    credentials: dict[str, Any] = Field(default_factory=dict)
    """Every credential by the vendor's name for it, each as a reference."""
    managed_by: Literal["file", "database"] = "file"
    enabled: bool = True
    state: IntegrationState = "active"
    state_reason: str | None = None
    request: dict[str, Any] | None = None
    """A poll that someone asked for and no one has carried out yet."""
    stored: dict[str, Any] | None = None
    """Of one that was added at run time: `added_at`, `revision`, `content` as in the YAML file, `credentials` encrypted."""
    created_at: UtcTime
    updated_at: UtcTime

    class Settings:
        name = "ats_integration_settings"
        indexes = [IndexModel(["name"], unique=True, name="name")]
