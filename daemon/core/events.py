"""Rows of the logs as CloudEvents. Pure: a row in, an event or none out.

An event has ids and names of fields; `daemon/events/documents.py` adds documents where the operator
wants them. Its id is the row's. A row that becomes a second event (an update that grew, a push that was
replayed, an alert that was resolved) gives it an id of its own, so that no subscriber takes it for the
first: the row's id, a dot, and what is new.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daemon.core.conditions import AlertKind
from models.errors import AtsSyncError
from models.event_types import EventType
from models.status import ApplicationStatus

IMPORTS = "candidates_import_log"
UPDATES = "application_status_update_log"
EXPORTS = "analytics_export_log"
ALERTS = "alerts"
CONFLICTS = "conflicts"

_OF_CHANGE = {
    "created": EventType.CANDIDATE_CREATED,
    "updated": EventType.CANDIDATE_UPDATED,
    "deleted": EventType.CANDIDATE_DELETED,
}
_OF_SKIPPED = {
    "conflict": EventType.APPLICATION_CONFLICT,
    "conflict_open": EventType.APPLICATION_CONFLICT,
    "impossible": EventType.APPLICATION_FAILED,
}
"""Of the reasons for which nothing was sent: the ATS keeps another status than ClearView."""
_BREAKS = frozenset(kind.value for kind in AlertKind if kind.severity in {"error", "critical"})
"""The kinds of alerts that mean that an integration is broken; others are notes about it."""
_STATUSES = frozenset(ApplicationStatus)


class LogRow(msgspec.Struct, frozen=True):
    """A row as it is after a write to one of the logs."""

    collection: str
    row: Mapping[str, Any]
    written: frozenset[str] | None = None
    """The fields that an update wrote, or the one that makes it an event; None: the row is new."""


class Event(msgspec.Struct, frozen=True):
    """One event, ready to be published."""

    id: str
    type: EventType
    integration: str
    subject: str
    key: str
    """Events with the same key are published in order: the candidate's id where there is one."""
    time: datetime
    data: Mapping[str, Any]

    @property
    def topic(self) -> str:
        """Returns the routing key: what happened, then the integration."""
        return f"{self.type.topic}.{self.integration}"

    def envelope(self) -> dict[str, Any]:
        """Returns the attributes and the data of CloudEvents 1.0, in structured mode."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/ats-sync/integrations/{self.integration}",
            "type": self.type.value,
            "subject": self.subject,
            "time": self.time,
            "partitionkey": self.key,
            "datacontenttype": "application/json",
            "data": self.data,
        }


class Offered(msgspec.Struct, frozen=True):
    """The fate of the events that were offered to a sink. Of any other event nothing is known."""

    taken: Collection[str] = ()
    """Ids of those that the sink has confirmed: they are durable there."""
    unrouted: Collection[str] = ()
    """Ids of those among the confirmed that no subscriber wants."""
    refused: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Reasons by id: the sink works, and does not accept this very event."""
    failure: str | None = None
    """The reason why the sink did not take the rest, as a sentence."""
    retry_after_s: float | None = None
    """The pause that the sink requested, in seconds."""


class SinkAway(AtsSyncError):
    """The sink cannot be used now."""


class Naming(msgspec.Struct, frozen=True):
    """Names and counts that the rows of one batch refer to."""

    integrations: Mapping[UUID, str]
    outcomes_before: Mapping[tuple[UUID, datetime], int] = msgspec.field(default_factory=dict)
    """The number of earlier outcomes of a replayed push, by its row's id and time."""

    def of(self, integration: UUID | None) -> str:
        """Returns an integration's name; its id if no name is known, `none` if it is none."""
        if integration is None:
            return "none"
        return self.integrations.get(integration) or str(integration)


def event_of(log_row: LogRow, naming: Naming) -> Event | None:
    """Returns the event of a row; None if the row is none that subscribers hear of."""
    row, written = log_row.row, log_row.written
    match log_row.collection:
        case "candidates_import_log":
            return _import_event(row, written, naming)
        case "application_status_update_log":
            return _update_event(row, naming) if written is None else None
        case "analytics_export_log":
            return _export_event(row, written, naming)
        case "alerts":
            return _alert_event(row, written)
        case "conflicts":
            return _conflict_event(row, naming) if written is None else None
    return None


def rounds(events: Iterable[Event]) -> list[list[Event]]:
    """Splits events into rounds, to be published one after the other: no two of a round have one key.

    Whatever a broker refuses or loses of a round, it overtakes no event of the same candidate.
    """
    found: list[list[Event]] = []
    seen: dict[str, int] = {}
    for event in events:
        number = seen.get(event.key, 0)
        seen[event.key] = number + 1
        if number == len(found):
            found.append([])
        found[number].append(event)
    return found


def _import_event(
    row: Mapping[str, Any], written: frozenset[str] | None, naming: Naming
) -> Event | None:
    if row["status"] != "Success":
        return None
    fields: Sequence[str] = row.get("changed_fields") or ()
    grew = any(name.split(".", 1)[0] in {"changed_fields", "change"} for name in written or ())
    if written is not None and not (row.get("merged") and grew):
        return None
    grown = f".{len(fields)}" if row.get("merged") else ""
    candidate = str(row["candidate_id"])
    return Event(
        id=f"{row['_id']}{grown}",
        type=_OF_CHANGE[row["change"]],
        integration=naming.of(row["ats_integration_id"]),
        subject=candidate,
        key=candidate,
        time=row["imported_at"],
        data={
            "integration_id": row["ats_integration_id"],
            "candidate_id": candidate,
            "external_id": row["external_id"],
            "changed_fields": list(fields),
            "run_id": row["run_id"],
        },
    )


def _update_event(row: Mapping[str, Any], naming: Naming) -> Event | None:
    found = _outcome(row)
    if found is None:
        return None
    push = row.get("replay_of") or row["_id"]
    before = naming.outcomes_before.get((row["_id"], row["updated_at"]), 0)
    return _application_event(
        row,
        found,
        naming,
        id=f"{push}.{before}" if before else str(push),
        time=row["updated_at"],
        data={
            "status": _canonical(row["status"]),
            "previous_status": _canonical(row.get("previous_status")),
            "reason": row.get("reason"),
            "attempts": row["attempts"],
        },
    )


def _outcome(row: Mapping[str, Any]) -> EventType | None:
    match row["outcome"]:
        case "Success":
            return EventType.APPLICATION_PUSHED
        case "Failed":
            return EventType.APPLICATION_FAILED
    return _OF_SKIPPED.get(row.get("reason") or "")


def _conflict_event(row: Mapping[str, Any], naming: Naming) -> Event | None:
    """A conflict that a push found is in the log of status updates as well."""
    if (row.get("details") or {}).get("found_by") == "push":
        return None
    return _application_event(
        row,
        EventType.APPLICATION_CONFLICT,
        naming,
        id=str(row["_id"]),
        time=row["detected_at"],
        data={
            "status": _canonical(row["clearview"]),
            "previous_status": _canonical(row.get("base")),
            "ats_status": _canonical(row["ats"]),
            "winner": row.get("winner"),
            "reason": "conflict_open" if row.get("winner") is None else "conflict",
        },
    )


def _application_event(
    row: Mapping[str, Any],
    found: EventType,
    naming: Naming,
    *,
    id: str,  # noqa: A002 - CloudEvents' own word
    time: datetime,
    data: Mapping[str, Any],
) -> Event:
    candidate, application = row.get("candidate_id"), str(row["application_id"])
    return Event(
        id=id,
        type=found,
        integration=naming.of(row.get("ats_integration_id")),
        subject=application,
        key=str(candidate or application),
        time=time,
        data={
            "integration_id": row.get("ats_integration_id"),
            "candidate_id": candidate,
            "application_id": application,
            **data,
        },
    )


def _canonical(status: object) -> str | None:
    """Returns a status; None for another word, which a person may have written."""
    return str(status) if status in _STATUSES else None


def _export_event(
    row: Mapping[str, Any], written: frozenset[str] | None, naming: Naming
) -> Event | None:
    if row["status"] != "Success" or (written is not None and "status" not in written):
        return None
    integration = str(row["ats_integration_id"])
    return Event(
        id=str(row["_id"]),
        type=EventType.ANALYTICS_EXPORTED,
        integration=naming.of(row["ats_integration_id"]),
        subject=integration,
        key=integration,
        time=row["exported_at"],
        data={
            "integration_id": integration,
            "period_start": row["period_start"],
            "period_end": row["period_end"],
            "sent": row["sent"],
        },
    )


def _alert_event(row: Mapping[str, Any], written: frozenset[str] | None) -> Event | None:
    if row.get("integration") is None or row["kind"] not in _BREAKS:
        return None
    is_over = written is not None
    if written is not None and ("resolved_at" not in written or row.get("resolved_at") is None):
        return None
    integration = str(row["ats_integration_id"])
    return Event(
        id=f"{row['_id']}.resolved" if is_over else str(row["_id"]),
        type=EventType.INTEGRATION_RECOVERED if is_over else EventType.INTEGRATION_BROKEN,
        integration=row["integration"],
        subject=integration,
        key=integration,
        time=row["resolved_at"] if is_over else row["opened_at"],
        data={
            "integration_id": integration,
            "kind": row["kind"],
            "severity": row["severity"],
            "title": row["title"],
            "opened_at": row["opened_at"],
            "resolved_at": row["resolved_at"] if is_over else None,
        },
    )
