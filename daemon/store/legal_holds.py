"""`legal_holds`, as `daemon.ports.erasures.LegalHolds`."""

from collections.abc import Sequence
from uuid import UUID

from daemon.core.erasure import PersonIds
from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from models.documents import LegalHold
from models.ids import candidate_id


class MongoLegalHolds:
    """Candidates who are not to be erased."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._collection = mongo.collection(LegalHold)
        self._clock = clock

    async def held(self, person: PersonIds) -> frozenset[str]:
        rows = self._collection.find(
            {"_id": {"$in": list(person.candidate_ids)}}, {"external_id": 1, "_id": 0}
        )
        return frozenset([row["external_id"] async for row in rows])

    async def all(self) -> Sequence[tuple[UUID, str]]:
        rows = self._collection.find({}, {"ats_integration_id": 1, "external_id": 1})
        return [(row["ats_integration_id"], row["external_id"]) async for row in rows]

    async def listed(self) -> Sequence[Row]:
        """Returns the holds, the latest first."""
        return await self._collection.find({}, sort=[("set_at", -1)]).to_list()

    async def set(self, person: PersonIds, reason: str) -> None:
        for external_id in sorted(person.candidates):
            await self._collection.update_one(
                {"_id": candidate_id(person.integration, external_id)},
                {
                    "$set": {"reason": reason},
                    "$setOnInsert": {
                        "ats_integration_id": person.integration,
                        "external_id": external_id,
                        "set_at": self._clock.now(),
                    },
                },
                upsert=True,
            )

    async def release(self, person: PersonIds) -> int:
        which = {"_id": {"$in": list(person.candidate_ids)}}
        return (await self._collection.delete_many(which)).deleted_count
