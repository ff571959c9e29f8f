"""Rows of the logs, as the flows write them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from models.ids import application_id, candidate_id, integration_id
from tests.support.sample_rows import NOW

Row = dict[str, Any]
ACME = integration_id("acme")


def import_row(person: str = "1", change: str = "updated", **changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "ats_integration_id": ACME,
        "candidate_id": candidate_id(ACME, person),
        "external_id": person,
        "imported_at": NOW,
        "status": "Success",
        "error_message": None,
        "change": change,
        "changed_fields": ["company"] if change == "updated" else [],
        "run_id": UUID(int=7),
    } | changes


def update_row(application: str = "1", outcome: str = "Success", **changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "ats_integration_id": ACME,
        "candidate_id": candidate_id(ACME, application),
        "application_id": application_id(ACME, application),
        "status": "interview",
        "previous_status": "screening",
        "updated_at": NOW,
        "outcome": outcome,
        "reason": None,
        "error_message": None,
        "attempts": 1,
        "event_id": uuid4().hex,
    } | changes


def export_row(**changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "ats_integration_id": ACME,
        "period_start": NOW - timedelta(days=1),
        "period_end": NOW,
        "exported_at": NOW,
        "status": "Success",
        "error_message": None,
        "metrics": {"applied": 3},
        "attempts": 1,
        "sent": 1,
    } | changes


def alert_row(kind: str = "auth_refused", integration: str | None = "acme", **changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "key": f"{kind}:{integration}:{uuid4().hex}",
        "kind": kind,
        "severity": "critical",
        "ats_integration_id": None if integration is None else integration_id(integration),
        "integration": integration,
        "opened_at": NOW,
        "resolved_at": None,
        "last_seen_at": NOW,
        "count": 1,
        "title": f"{integration}: the ATS refuses the credential",
        "message": "Renew it.",
        "details": {},
        "muted_until": None,
        "told": 0,
        "told_at": None,
        "next_message_at": None,
    } | changes


def conflict_row(application: str = "1", **changes: Any) -> Row:
    return {
        "_id": uuid4(),
        "ats_integration_id": ACME,
        "application_id": application_id(ACME, application),
        "candidate_id": candidate_id(ACME, application),
        "base": "screening",
        "ats": "interview",
        "clearview": "offer",
        "policy": "ats_wins",
        "winner": "ats",
        "state": "resolved",
        "detected_at": NOW,
        "resolved_at": NOW,
        "details": None,
    } | changes
