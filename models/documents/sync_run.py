"""`sync_runs`: one run of one job."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from pymongo import DESCENDING, IndexModel

from models.documents.base import StoredDocument, UtcTime

Job = Literal["import_poll", "status_push", "analytics_export", "reconcile", "detail_import"]
RunOutcome = Literal["running", "success", "partial", "failed", "interrupted", "waiting"]


class SyncRun(StoredDocument):
    """One run of one job, and what it came to. The canonical log line says the same."""

    job: Job
    ats_integration_id: UUID | None
    integration: str | None = None
    started_at: UtcTime
    finished_at: UtcTime | None = None
    outcome: RunOutcome
    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    unmapped: int = 0
    conflicts: int = 0
    pages: int = 0
    requests: int = 0
    details_pending: int = 0
    """Records that waited for their details when the run ended."""
    error_message: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)

    class Settings:
        name = "sync_runs"
        indexes = [
            IndexModel(
                ["ats_integration_id", "job", ("started_at", DESCENDING)],
                name="integration_job_started_at",
            ),
            IndexModel([("started_at", DESCENDING)], name="started_at"),
        ]
