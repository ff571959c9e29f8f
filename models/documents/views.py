"""Views of the service's own database: one for each question that operators ask most.

A view holds nothing. Its pipeline begins with what an index has, so that a condition on `candidate_id` or
`ats_integration_id` reads the rows that it names.
"""

from typing import Any

import msgspec

from models.documents.alert import Alert
from models.documents.analytics import AnalyticsExportLog
from models.documents.base import StoredDocument, collection_name
from models.documents.change import CandidateChange
from models.documents.failed_record import FailedRecord
from models.documents.import_log import CandidateImportLog
from models.documents.integration import IntegrationSettings
from models.documents.outbox import OPEN_STATES, StatusOutboxEntry
from models.documents.status_update_log import StatusUpdateLog
from models.documents.sync_run import SyncRun

Stage = dict[str, Any]

RECENT_DAYS = 7
STUCK_SECONDS = 60
"""A push takes effect within seconds; one that is older than this waits for something."""


class StoredView(msgspec.Struct, frozen=True):
    """A view: its name, the collection that it reads first, and its rows' fields."""

    name: str
    on: type[StoredDocument]
    fields: tuple[str, ...]
    stages: tuple[Stage, ...]

    @property
    def pipeline(self) -> list[Stage]:
        """The stages, and a last one that shows the fields and no other."""
        return [*self.stages, {"$project": dict.fromkeys(self.fields, 1)}]


def _of_integration(document: type[StoredDocument], to: str, *stages: Stage) -> Stage:
    """Joins another collection's rows of the integration whose settings are being read."""
    return {
        "$lookup": {
            "from": collection_name(document),
            "localField": "_id",
            "foreignField": "ats_integration_id",
            "pipeline": list(stages),
            "as": to,
        }
    }


def _latest_run(job: str, to: str, **condition: Any) -> Stage:
    shown = ("_id", "started_at", "finished_at", "outcome", "error_message", "details_pending")
    counts = ("seen", "created", "updated", "unchanged", "deleted", "failed", "unmapped")
    return _of_integration(
        SyncRun,
        to,
        {"$match": {"job": job, **condition}},
        {"$sort": {"started_at": -1}},
        {"$limit": 1},
        {"$project": dict.fromkeys((*shown, *counts), 1)},
    )


def _counted(document: type[StoredDocument], to: str, **condition: Any) -> Stage:
    return _of_integration(document, to, {"$match": condition}, {"$count": "rows"})


def _rows(of: str) -> Stage:
    return {"$ifNull": [{"$first": f"${of}.rows"}, 0]}


def _integration_of_row() -> list[Stage]:
    """Adds the integration's name and state to a row that has its id."""
    return [
        {
            "$lookup": {
                "from": collection_name(IntegrationSettings),
                "localField": "ats_integration_id",
                "foreignField": "_id",
                "pipeline": [{"$project": {"name": 1, "state": 1}}],
                "as": "of",
            }
        },
        {
            "$set": {
                "integration": {"$first": "$of.name"},
                "integration_state": {"$first": "$of.state"},
            }
        },
    ]


def _and_rows(document: type[StoredDocument], *stages: Stage) -> Stage:
    return {"$unionWith": {"coll": collection_name(document), "pipeline": list(stages)}}


def _since(field: str, days: int) -> Stage:
    start = {"$dateSubtract": {"startDate": "$$NOW", "unit": "day", "amount": days}}
    return {"$expr": {"$gte": [f"${field}", start]}}


def _failures(kind: str, moment: str, condition: Stage, *fields: str) -> list[Stage]:
    """Rows of one log that failed lately, in the shape that all logs share here."""
    shown: Stage = dict.fromkeys(("ats_integration_id", "error_message", *fields), 1)
    return [
        {"$match": {**condition, **_since(moment, RECENT_DAYS)}},
        {"$project": {**shown, "at": f"${moment}", "kind": {"$literal": kind}}},
    ]


def _events(kind: str, moment: str, *fields: str, **renamed: str) -> list[Stage]:
    """Rows of one log as events of a candidate."""
    shown: Stage = dict.fromkeys(("candidate_id", "ats_integration_id", *fields), 1)
    return [{"$project": {**shown, **renamed, "at": f"${moment}", "kind": {"$literal": kind}}}]


INTEGRATION_HEALTH = StoredView(
    "v_integration_health",
    on=IntegrationSettings,
    fields=(
        *("name", "ats_name", "connector", "managed_by", "enabled", "state", "state_reason"),
        *("last_import", "last_success_at", "last_export", "waiting_pushes", "dead_pushes"),
        *("failed_records", "open_alerts"),
    ),
    stages=(
        _latest_run("import_poll", "last_import"),
        _latest_run("import_poll", "last_success", outcome="success"),
        _latest_run("analytics_export", "last_export"),
        _counted(StatusOutboxEntry, "waiting_pushes", state={"$in": list(OPEN_STATES)}),
        _counted(StatusOutboxEntry, "dead_pushes", state="dead"),
        _counted(FailedRecord, "failed_records"),
        _of_integration(
            Alert,
            "open_alerts",
            {"$match": {"resolved_at": None}},
            {"$project": dict.fromkeys(("kind", "severity", "title", "opened_at", "count"), 1)},
        ),
        {
            "$set": {
                "last_import": {"$first": "$last_import"},
                "last_success_at": {"$first": "$last_success.finished_at"},
                "last_export": {"$first": "$last_export"},
                "waiting_pushes": _rows("waiting_pushes"),
                "dead_pushes": _rows("dead_pushes"),
                "failed_records": _rows("failed_records"),
            }
        },
    ),
)

RECENT_FAILURES = StoredView(
    "v_recent_failures",
    on=CandidateImportLog,
    fields=(
        *("at", "kind", "ats_integration_id", "integration", "candidate_id", "external_id"),
        *("application_id", "status", "job", "period_start", "reason", "error_message"),
    ),
    stages=(
        *_failures(
            "import", "imported_at", {"status": "Failed"}, "candidate_id", "external_id", "status"
        ),
        _and_rows(
            StatusUpdateLog,
            *_failures(
                *("push", "updated_at", {"outcome": "Failed"}),
                *("candidate_id", "application_id", "status", "reason"),
            ),
        ),
        _and_rows(
            AnalyticsExportLog,
            *_failures("export", "exported_at", {"status": "Failed"}, "period_start", "status"),
        ),
        _and_rows(
            SyncRun,
            *_failures("run", "started_at", {"outcome": {"$in": ["failed", "partial"]}}, "job"),
        ),
        *_integration_of_row(),
    ),
)

STUCK_PUSHES = StoredView(
    "v_stuck_pushes",
    on=StatusOutboxEntry,
    fields=(
        *("ats_integration_id", "integration", "integration_state", "application_id"),
        *("candidate_id", "external_id", "target_status", "expected_status", "state", "reason"),
        *("attempts", "next_attempt_at", "last_error", "created_at", "age_seconds"),
    ),
    stages=(
        {"$match": {"state": {"$in": [*OPEN_STATES, "dead"]}}},
        {
            "$set": {
                "age_seconds": {
                    "$dateDiff": {
                        "startDate": "$created_at",
                        "endDate": "$$NOW",
                        "unit": "second",
                    }
                }
            }
        },
        {
            "$match": {
                "$or": [
                    {"state": {"$in": ["retrying", "dead"]}},
                    {"age_seconds": {"$gte": STUCK_SECONDS}},
                ]
            }
        },
        *_integration_of_row(),
    ),
)

CANDIDATE_TIMELINE = StoredView(
    "v_candidate_timeline",
    on=CandidateChange,
    fields=(
        *("candidate_id", "application_id", "at", "kind", "ats_integration_id", "integration"),
        *("origin", "path", "old", "new", "change", "changed_fields", "status"),
        *("previous_status", "outcome", "reason", "error_message", "run_id"),
    ),
    stages=(
        *_events(
            *("change", "changed_at", "application_id", "origin", "path", "old", "new", "run_id")
        ),
        _and_rows(
            CandidateImportLog,
            *_events(
                *("import", "imported_at", "change", "changed_fields", "error_message", "run_id"),
                outcome="$status",
            ),
        ),
        _and_rows(
            StatusUpdateLog,
            *_events(
                *("push", "updated_at", "application_id", "status", "previous_status"),
                *("outcome", "reason", "error_message"),
            ),
        ),
        *_integration_of_row(),
    ),
)

VIEWS = (INTEGRATION_HEALTH, RECENT_FAILURES, STUCK_PUSHES, CANDIDATE_TIMELINE)
"""Every view of the service's own database."""
