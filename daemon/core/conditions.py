"""Conditions that a person should know of: opened once, resolved once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Self
from uuid import UUID

import msgspec

Severity = Literal["info", "warning", "error", "critical"]


class AlertKind(StrEnum):
    """The kinds of conditions that the daemon reports, each with its severity.

    That of `STREAM_POSITION_AT_RISK` and `VERSION_SUNSET` grows from a warning to an error with what
    they measure; every other key keeps its severity.
    """

    severity: Severity

    def __new__(cls, value: str, severity: Severity) -> Self:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.severity = severity
        return kind

    INTEGRATION_FAILING = "integration_failing", "error"
    AUTH_REFUSED = "auth_refused", "critical"
    DEAD_LETTERS = "dead_letters", "error"
    STREAM_POSITION_AT_RISK = "stream_position_at_risk", "warning"
    STREAM_POSITION_LOST = "stream_position_lost", "warning"
    DELETION_BRAKE = "deletion_brake", "critical"
    SCHEMA_DRIFT = "schema_drift", "warning"
    IMPORT_INCOMPLETE = "import_incomplete", "warning"
    RECORDS_FAILING = "records_failing", "error"
    ZERO_CANDIDATES = "zero_candidates", "error"
    UNMAPPED_STAGES = "unmapped_stages", "warning"
    CONFLICTS_OPEN = "conflicts_open", "warning"
    RATE_LIMITED = "rate_limited", "warning"
    EXPORT_MISSED = "export_missed", "warning"
    CONFIG_REFUSED = "config_refused", "error"
    INTEGRATION_REFUSED = "integration_refused", "error"
    VERSION_SUNSET = "version_sunset", "warning"
    NOTIFICATION_UNDELIVERED = "notification_undelivered", "error"
    EVENTS_UNDELIVERED = "events_undelivered", "error"
    EVENTS_UNTAKEN = "events_untaken", "warning"
    EVENTS_POSITION_LOST = "events_position_lost", "warning"
    UNEXPECTED_ERROR = "unexpected_error", "error"
    NOT_READY = "not_ready", "error"


class Condition(msgspec.Struct, frozen=True):
    """A problem that people should know of. `title` names it, `message` says what to do about it."""

    kind: AlertKind
    severity: Severity
    title: str
    message: str
    integration: str | None = None
    integration_id: UUID | None = None
    subject: str = ""
    """The part that two conditions of the same kind and integration differ in (usually empty)."""
    details: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Two conditions with the same key are the same condition seen twice."""
        return alert_key(self.kind, self.integration, self.subject)


def alert_key(kind: AlertKind, integration: str | None, subject: str = "") -> str:
    """The key under which a condition opens and resolves."""
    return ":".join(part for part in (kind.value, integration or "", subject) if part)
