"""`candidates_import_log` and `application_status_update_log`, for those who follow the daemon."""

from datetime import datetime
from uuid import UUID

import msgspec

from daemon.store.connection import Mongo, Row
from daemon.store.row_pages import RowPage, RowPosition, given, page_of
from models.documents import CandidateImportLog, StatusUpdateLog
from models.ids import integration_id


class LogFilter(msgspec.Struct, frozen=True):
    """A filter of log rows; None matches any."""

    integration: str
    outcome: str | None = None
    candidate: UUID | None = None
    application: UUID | None = None
    since: datetime | None = None


class MongoLogReader:
    """Reads the logs of imports and of status updates, page by page."""

    def __init__(self, mongo: Mongo) -> None:
        self._imports = mongo.collection(CandidateImportLog)
        self._updates = mongo.collection(StatusUpdateLog)

    async def imports(self, which: LogFilter, *, limit: int, after: RowPosition | None) -> RowPage:
        """Returns imports, the latest first."""
        query = _query(which, outcome="status", at="imported_at")
        return await page_of(self._imports, query, by="imported_at", limit=limit, after=after)

    async def status_updates(
        self, which: LogFilter, *, limit: int, after: RowPosition | None
    ) -> RowPage:
        """Returns the outcomes of status changes, the latest first."""
        query = _query(which, outcome="outcome", at="updated_at")
        return await page_of(self._updates, query, by="updated_at", limit=limit, after=after)


def _query(which: LogFilter, *, outcome: str, at: str) -> Row:
    return given(
        ats_integration_id=integration_id(which.integration),
        candidate_id=which.candidate,
        application_id=which.application,
        **{outcome: which.outcome, at: which.since and {"$gte": which.since}},
    )
