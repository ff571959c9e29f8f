"""Rows of `status_outbox`, and the values that intake and delivery read from them."""

from datetime import datetime
from typing import Any

from daemon.core.applications import ApplicationInClearView
from daemon.core.pushes import OpenPush, OutboxRow, PreviousPush, UnfinishedPush
from daemon.store.connection import Row
from models.candidate import AtsRef
from models.status import ApplicationStatus

ENDED = ("delivered", "skipped", "superseded", "dead")
WAITING = ("pending", "retrying")


def outbox_row(new: OutboxRow, at: datetime) -> Row:
    """Returns a new row; one that ended at once is never due."""
    event = new.event
    ended = new.state in ENDED
    return {
        "_id": new.id,
        "event_id": event.event_id,
        "ats_integration_id": event.integration_id,
        "application_id": event.application_id,
        "candidate_id": event.candidate_id,
        "external_id": event.external_id,
        "sequence": event.sequence,
        "target_status": new.status,
        "target_stage": new.stage,
        "expected_status": new.expected_status,
        "expected_stage": new.expected_stage,
        "rejection_reason": event.rejection_reason,
        "state": new.state,
        "reason": new.reason,
        "attempts": 0,
        "next_attempt_at": None if ended else at,
        "first_attempt_at": None,
        "sent_at": new.sent_at,
        "last_error": new.message,
        "changed_in_clearview_at": event.at,
        "created_at": at,
        "finished_at": at if ended else None,
        "fence": None,
    }


def ended_log_row(new: OutboxRow, at: datetime) -> Row:
    """Returns the log row of an event that ended at once."""
    return {
        "_id": new.id,
        "ats_integration_id": new.event.integration_id,
        "candidate_id": new.event.candidate_id,
        "application_id": new.event.application_id,
        "status": new.status,
        "previous_status": new.expected_status,
        "updated_at": at,
        "outcome": "Failed" if new.state == "dead" else "Skipped",
        "reason": new.reason,
        "error_message": new.message,
        "attempts": 0,
        "event_id": new.event.event_id,
    }


def open_push(row: Row) -> OpenPush:
    expected = row.get("expected_status")
    return OpenPush(
        id=row["_id"],
        event_id=row["event_id"],
        sequence=row["sequence"],
        application_id=row["application_id"],
        candidate_id=row.get("candidate_id"),
        external_id=row["external_id"],
        status=ApplicationStatus(row["target_status"]),
        stage=named_ref(row.get("target_stage")),
        rejection_reason=row.get("rejection_reason"),
        expected_status=None if expected is None else ApplicationStatus(expected),
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"] or row["created_at"],
        first_attempt_at=row.get("first_attempt_at"),
        sent_at=row.get("sent_at"),
        changed_at=row.get("changed_in_clearview_at") or row["created_at"],
    )


def earlier_of(row: Row) -> UnfinishedPush:
    return UnfinishedPush(
        ApplicationStatus(row["target_status"]), named_ref(row.get("target_stage"))
    )


def ended_of(row: Row) -> PreviousPush:
    expected = row.get("expected_status")
    return PreviousPush(
        delivered=row["state"] == "delivered" or row.get("reason") == "already_there",
        status=ApplicationStatus(row["target_status"]),
        expected_status=None if expected is None else ApplicationStatus(expected),
    )


def identity_of(row: Row) -> ApplicationInClearView:
    return ApplicationInClearView(
        application_id=row["application_id"],
        integration_id=row.get("ats_integration_id"),
        external_id=row.get("external_id"),
        candidate_id=row.get("candidate_id"),
    )


def named_ref(value: Any) -> AtsRef | None:
    if not isinstance(value, dict):
        return None
    return AtsRef(external_id=value.get("external_id"), name=value.get("name"))
