"""Stored documents for tests that look at them: valid, small, and all alike but for what is said."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from models.ids import application_id, candidate_id, derived_id, integration_id

Row = dict[str, Any]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def an_integration(name: str, **changes: Any) -> Row:
    return {
        "_id": integration_id(name),
        "name": name,
        "ats_name": "Lever",
        "connector": "lever",
        "api_endpoint": "https://ats.example",
        "api_key": {"ref": "env:ACME_KEY"},
        "credentials": {"api_key": {"ref": "env:ACME_KEY"}},
        "managed_by": "file",
        "enabled": True,
        "state": "active",
        "state_reason": None,
        "request": None,
        "created_at": NOW,
        "updated_at": NOW,
    } | changes


def a_run(name: str, *, minutes_ago: float = 1, **changes: Any) -> Row:
    started = NOW - timedelta(minutes=minutes_ago)
    return {
        "_id": uuid4(),
        "job": "import_poll",
        "ats_integration_id": integration_id(name),
        "integration": name,
        "started_at": started,
        "finished_at": started + timedelta(seconds=2),
        "outcome": "success",
        "seen": 10,
        "created": 0,
        "updated": 0,
        "unchanged": 10,
        "deleted": 0,
        "failed": 0,
        "unmapped": 0,
        "conflicts": 0,
        "pages": 1,
        "requests": 1,
        "error_message": None,
        "details": {"sweep": False},
    } | changes


def an_import(name: str, candidate: str) -> Row:
    return {
        "_id": uuid4(),
        "ats_integration_id": integration_id(name),
        "candidate_id": candidate_id(integration_id(name), candidate),
        "external_id": candidate,
        "imported_at": NOW,
        "status": "Success",
        "error_message": None,
        "change": "created",
        "changed_fields": [],
        "run_id": uuid4(),
    }


def a_push(name: str, application: str, sequence: int = 1, **changes: Any) -> Row:
    event = f"{application}-{sequence:04}"
    return {
        "_id": uuid4(),
        "event_id": event,
        "ats_integration_id": integration_id(name),
        "application_id": application_id(integration_id(name), application),
        "candidate_id": None,
        "external_id": application,
        "sequence": f"{sequence:020}",
        "target_status": "interview",
        "target_stage": None,
        "expected_status": "screening",
        "expected_stage": None,
        "rejection_reason": None,
        "state": "pending",
        "reason": None,
        "attempts": 0,
        "next_attempt_at": NOW,
        "first_attempt_at": None,
        "sent_at": None,
        "last_error": None,
        "changed_in_clearview_at": NOW,
        "created_at": NOW,
        "finished_at": None,
        "fence": None,
    } | changes


def a_dead_push(name: str, application: str, sequence: int = 1, **changes: Any) -> Row:
    ended = {
        "state": "dead",
        "reason": "rejected",
        "attempts": 7,
        "next_attempt_at": None,
        "last_error": "Rejected: 422",
        "finished_at": NOW,
    }
    return a_push(name, application, sequence, **(ended | changes))


def a_log_row(push: Row, **changes: Any) -> Row:
    return {
        "_id": push["_id"],
        "ats_integration_id": push["ats_integration_id"],
        "candidate_id": push["candidate_id"],
        "application_id": push["application_id"],
        "status": push["target_status"],
        "previous_status": push["expected_status"],
        "updated_at": NOW,
        "outcome": "Failed",
        "reason": "rejected",
        "error_message": "Rejected: 422",
        "attempts": push["attempts"],
        "event_id": push["event_id"],
    } | changes


def an_alert(name: str, **changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "key": f"auth_refused:{name}",
        "kind": "auth_refused",
        "severity": "error",
        "ats_integration_id": integration_id(name),
        "integration": name,
        "opened_at": NOW - timedelta(minutes=5),
        "resolved_at": None,
        "last_seen_at": NOW,
        "count": 3,
        "title": f"{name}: login refused",
        "message": "Renew the key.",
        "details": {},
        "muted_until": None,
        "told": 0,
        "told_at": None,
        "next_message_at": None,
    } | changes


def a_candidate(name: str, external_id: str, **changes: Any) -> Row:
    return {
        "_id": candidate_id(integration_id(name), external_id),
        "integration_id": integration_id(name),
        "external_id": external_id,
        "first_name": "Ada",
        "last_name": "Byron",
        "emails": [],
        "created_at": NOW,
        "updated_at": NOW,
    } | changes


def an_application(name: str, external_id: str, candidate: UUID, **changes: Any) -> Row:
    return {
        "_id": application_id(integration_id(name), external_id),
        "candidate_id": candidate,
        "integration_id": integration_id(name),
        "external_id": external_id,
        "job": {"external_id": "j1", "name": "Engineer"},
        "status": "interview",
        "stage": {"external_id": "s1", "name": "Onsite"},
        "created_at": NOW,
        "updated_at": NOW,
    } | changes


def a_queued_file(name: str, external_id: str, **changes: Any) -> Row:
    integration = integration_id(name)
    return {
        "_id": derived_id(integration, "attachment", "c1", external_id),
        "ats_integration_id": integration,
        "candidate_id": candidate_id(integration, "c1"),
        "candidate_external_id": "c1",
        "external_id": external_id,
        "list": "candidates",
        "record_id": "c1",
        "kind": "resume",
        "version": "1",
        "state": "pending",
        "attempts": 0,
        "queued_at": NOW,
        "next_attempt_at": None,
        "updated_at": NOW,
    } | changes
