"""Conditions that a person should know of: opened once, resolved once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

Severity = Literal["info", "warning", "error", "critical"]


class AlertKind(StrEnum):
    """The kinds of conditions that the daemon reports."""

    INTEGRATION_FAILING = "integration_failing"
    AUTH_REFUSED = "auth_refused"
    DEAD_LETTERS = "dead_letters"
    STREAM_POSITION_AT_RISK = "stream_position_at_risk"
    STREAM_POSITION_LOST = "stream_position_lost"
    DELETION_BRAKE = "deletion_brake"
    SCHEMA_DRIFT = "schema_drift"
    IMPORT_INCOMPLETE = "import_incomplete"
    RECORDS_FAILING = "records_failing"
    ZERO_CANDIDATES = "zero_candidates"
    UNMAPPED_STAGES = "unmapped_stages"
    CONFLICTS_OPEN = "conflicts_open"
    RATE_LIMITED = "rate_limited"
    EXPORT_MISSED = "export_missed"
    CONFIG_REFUSED = "config_refused"
    INTEGRATION_REFUSED = "integration_refused"
    VERSION_SUNSET = "version_sunset"
    NOTIFICATION_UNDELIVERED = "notification_undelivered"
    EVENTS_UNDELIVERED = "events_undelivered"
    EVENTS_UNTAKEN = "events_untaken"
    EVENTS_POSITION_LOST = "events_position_lost"
    UNEXPECTED_ERROR = "unexpected_error"
    NOT_READY = "not_ready"


SEVERITY: Mapping[AlertKind, Severity] = {
    AlertKind.INTEGRATION_FAILING: "error",
    AlertKind.AUTH_REFUSED: "critical",
    AlertKind.DEAD_LETTERS: "error",
    AlertKind.STREAM_POSITION_LOST: "warning",
    AlertKind.DELETION_BRAKE: "critical",
    AlertKind.SCHEMA_DRIFT: "warning",
    AlertKind.IMPORT_INCOMPLETE: "warning",
    AlertKind.RECORDS_FAILING: "error",
    AlertKind.ZERO_CANDIDATES: "error",
    AlertKind.UNMAPPED_STAGES: "warning",
    AlertKind.CONFLICTS_OPEN: "warning",
    AlertKind.RATE_LIMITED: "warning",
    AlertKind.EXPORT_MISSED: "warning",
    AlertKind.CONFIG_REFUSED: "error",
    AlertKind.INTEGRATION_REFUSED: "error",
    AlertKind.NOTIFICATION_UNDELIVERED: "error",
    AlertKind.EVENTS_UNDELIVERED: "error",
    AlertKind.EVENTS_UNTAKEN: "warning",
    AlertKind.EVENTS_POSITION_LOST: "warning",
    AlertKind.UNEXPECTED_ERROR: "error",
    AlertKind.NOT_READY: "error",
}
"""The severity of each kind; a growing one has it from a certain size on."""
GROWING = frozenset({AlertKind.STREAM_POSITION_AT_RISK, AlertKind.VERSION_SUNSET})
"""The kinds whose severity grows with what they measure; every other key keeps its severity."""


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
