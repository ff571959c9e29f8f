"""ClearView's database under the simulated Candidate Management Service."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from connectors.simulator.clearview_messages import (
    ApplicationUpsert,
    CandidateUpsert,
    Delete,
    Result,
    ResultStatus,
)
from connectors.simulator.clearview_store import fields_of, merged, speaks_of_candidate
from daemon.store.connection import Mongo
from models.documents import ClearViewApplication, ClearViewCandidate


class MongoCandidates:
    """What a real service would do, plainly: read, merge, replace."""

    def __init__(self, mongo: Mongo) -> None:
        self._candidates = mongo.collection(ClearViewCandidate)
        self._applications = mongo.collection(ClearViewApplication)

    async def upsert(self, candidate: CandidateUpsert) -> Result:
        status: ResultStatus = "unchanged"
        if speaks_of_candidate(candidate):
            status = await self._write(self._candidates, candidate, fields_of(candidate))
        results = [await self._application(candidate, a) for a in candidate.applications]
        return Result(id=candidate.id, status=status, applications=results)

    async def _application(self, owner: CandidateUpsert, order: ApplicationUpsert) -> Result:
        fields = {
            "candidate_id": owner.id,
            "integration_id": owner.integration_id,
            **fields_of(order),
            "import_id": owner.import_id,
        }
        known = await self._applications.find_one({"_id": order.id}) or {}
        if order.expected_status and known.get("status") not in {
            order.expected_status,
            fields.get("status"),
        }:
            return Result(id=order.id, status="failed", error="status_moved")
        return Result(id=order.id, status=await self._write(self._applications, order, fields))

    async def _write(self, where: Any, order: Any, fields: Mapping[str, Any]) -> ResultStatus:
        before = await where.find_one({"_id": order.id})
        if before is not None and order.if_absent:
            return "unchanged"
        now = datetime.now(UTC)
        after = merged(before or {"_id": order.id, "created_at": now}, fields, order.unset)
        await where.replace_one({"_id": order.id}, {**after, "updated_at": now}, upsert=True)
        return "updated" if before else "created"

    async def delete(self, candidate_id: UUID, order: Delete) -> bool:
        if await self._candidates.find_one({"_id": candidate_id}) is None:
            return False
        change = {"$set": {"deleted_at": order.deleted_at}}
        which: dict[str, Any] = {"candidate_id": candidate_id, "deleted_at": None}
        if order.applications is None:
            await self._candidates.update_one({"_id": candidate_id, "deleted_at": None}, change)
        else:
            which["_id"] = {"$in": order.applications}
        await self._applications.update_many(which, change)
        return True

    async def attach(self, candidate_id: UUID, external_id: str, content: bytes, kind: str) -> bool:
        """The file itself is not kept: no test reads it back."""
        shown = {"_id": candidate_id, "attachments.external_id": external_id, "deleted_at": None}
        return await self._candidates.find_one(shown) is not None
