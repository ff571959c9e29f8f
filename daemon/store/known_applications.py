"""The last known state of applications at the ATS, from the snapshots."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from daemon.core.applications import ApplicationState, KnownApplication
from daemon.core.push_decision import STATUSES
from daemon.store.connection import Mongo, Row
from models.candidate import AtsRef
from models.documents import CandidateSnapshot
from models.status import ApplicationStatus


class MongoKnownApplications:
    """`candidate_snapshots`, as `daemon.ports.pushes.KnownApplications`."""

    def __init__(self, mongo: Mongo) -> None:
        self._snapshots = mongo.collection(CandidateSnapshot)

    async def load(
        self, integration_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, KnownApplication]:
        wanted = set(external_ids)
        cursor = self._snapshots.find(
            {
                "ats_integration_id": integration_id,
                "applications.external_id": {"$in": list(wanted)},
            },
            {
                "applications": 1,
                "deleted_at": 1,
                "seen_at": 1,
                "import_id": 1,
                "previous.applications.external_id": 1,
                "previous.applications.status": 1,
            },
        )
        # Of several records that have an application the live one counts, and of those the latest.
        rows = sorted(
            await cursor.to_list(), key=lambda row: (row.get("deleted_at") is None, row["seen_at"])
        )
        return {
            record["external_id"]: known_application(record, row)
            for row in rows
            for record in row["applications"]
            if record["external_id"] in wanted and record.get("status") in STATUSES
        }

    async def names(self, integration_id: UUID, candidate_external_id: str) -> Sequence[str]:
        cursor = self._snapshots.find(
            {
                "ats_integration_id": integration_id,
                "candidate.external_id": candidate_external_id,
            },
            {"_id": 0, "candidate.first_name": 1, "candidate.last_name": 1},
        )
        found = [row["candidate"].values() for row in await cursor.to_list()]
        return [name for names in found for name in names if isinstance(name, str)]


def known_application(record: Mapping[str, Any], row: Row) -> KnownApplication:
    stage = record.get("stage") or {}
    status = ApplicationStatus(record["status"])
    return KnownApplication(
        state=ApplicationState(
            status=status,
            stage=AtsRef(external_id=stage.get("external_id"), name=stage.get("name")),
        ),
        record={**record, "status": status},
        gone=row.get("deleted_at") is not None,
        import_id=row.get("import_id"),
        seen_at=row.get("seen_at"),
        imported_from=_imported_from(record, row),
    )


def _imported_from(record: Mapping[str, Any], row: Row) -> str | None:
    if record.get("pushed") is not None:
        return None
    replaced = (row.get("previous") or {}).get("applications") or []
    for before in replaced:
        if before["external_id"] == record["external_id"]:
            return None if before["status"] == record["status"] else str(before["status"])
    return None
