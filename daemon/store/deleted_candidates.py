"""Candidates that are marked deleted for so long that they are to be erased."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from daemon.core.erasure import PersonIds
from daemon.store.connection import Mongo, Row
from models.documents import CandidateSnapshot


class MongoDeletedCandidates:
    """`candidate_snapshots`, as `daemon.ports.erasures.DeletedCandidates`."""

    def __init__(self, mongo: Mongo) -> None:
        self._snapshots = mongo.collection(CandidateSnapshot)

    async def before(
        self, moment: datetime, *, limit: int, besides: Sequence[tuple[UUID, str]] = ()
    ) -> list[PersonIds]:
        """Returns some candidates of one integration each; one with a live record is not deleted."""
        where: Row = {
            "deleted_at": {"$type": "date", "$lt": moment},
            "candidate.external_id": {"$gt": ""},
        }
        if besides:
            where["$nor"] = [
                {"ats_integration_id": scope, "candidate.external_id": external_id}
                for scope, external_id in besides
            ]
        fields = {"ats_integration_id": 1, "candidate.external_id": 1}
        rows = self._snapshots.find(where, fields, sort=[("deleted_at", 1)], limit=limit)
        found: dict[UUID, set[str]] = {}
        for row in await rows.to_list():
            found.setdefault(row["ats_integration_id"], set()).add(row["candidate"]["external_id"])
        people = []
        for scope, ids in found.items():
            gone = ids - await self._live(scope, ids, moment)
            if gone:
                people.append(PersonIds(scope, frozenset(gone)))
        return people

    async def count(self, moment: datetime) -> int:
        """Returns the number of records that are due."""
        where = {"deleted_at": {"$type": "date", "$lt": moment}}
        return await self._snapshots.count_documents(where)

    async def _live(self, scope: UUID, ids: set[str], moment: datetime) -> set[str]:
        """Returns candidates with a record that is there, or was deleted later."""
        which = {
            "ats_integration_id": scope,
            "candidate.external_id": {"$in": list(ids)},
            "$or": [{"deleted_at": None}, {"deleted_at": {"$gte": moment}}],
        }
        return set(await self._snapshots.distinct("candidate.external_id", which))
