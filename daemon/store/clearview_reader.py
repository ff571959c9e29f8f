"""ClearView's documents as a comparison reads them, as `daemon.ports.verification`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.snapshot import Record
from daemon.store.connection import Mongo, Row
from models.documents import ClearViewApplication, ClearViewCandidate, StatusOutboxEntry
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import RAW, as_text, decoded
from models.documents.outbox import OPEN_STATES
from models.ids import application_id, candidate_id

BATCH = 5000


class MongoClearViewReader:
    """One integration's candidates, applications and unfinished pushes; writes nothing."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._candidates = mongo.collection(ClearViewCandidate)
        self._applications = mongo.collection(ClearViewApplication)
        self._outbox = mongo.collection(StatusOutboxEntry)
        self._integration = integration_id

    async def candidates(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        ids = {candidate_id(self._integration, e): e for e in external_ids}
        return {ids[row["_id"]]: row for row in await _load(self._candidates, list(ids))}

    async def applications(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        ids = {application_id(self._integration, e): e for e in external_ids}
        rows = await _load(self._applications, list(ids))
        owners = {row["candidate_id"] for row in rows if isinstance(row.get("candidate_id"), UUID)}
        names = {
            row["_id"]: as_text(row.get("external_id"))
            for row in await _load(self._candidates, list(owners), {"external_id": 1})
        }
        return {
            ids[row["_id"]]: row | {"candidate_external_id": _owner(row.get("candidate_id"), names)}
            for row in rows
        }

    def live_candidates(self) -> AsyncIterator[str]:
        return self._live(self._candidates)

    def live_applications(self) -> AsyncIterator[str]:
        return self._live(self._applications)

    async def _live(self, collection: AsyncCollection[Row]) -> AsyncIterator[str]:
        query = {**IMPORTED, "integration_id": self._integration, "deleted_at": None}
        async for row in collection.find(query, {"external_id": 1, "_id": 0}, batch_size=BATCH):
            yield str(row["external_id"])

    async def pending_pushes(self, application_external_ids: Sequence[str]) -> frozenset[str]:
        by_id = {application_id(self._integration, e): e for e in application_external_ids}
        rows = self._outbox.find(
            {"application_id": {"$in": list(by_id)}, "state": {"$in": list(OPEN_STATES)}},
            {"application_id": 1},
        )
        return frozenset(by_id[row["application_id"]] for row in await rows.to_list())


def _owner(candidate: object, names: Mapping[UUID, str | None]) -> object:
    """Returns the candidate's id at the ATS; the stored value where it is no candidate's."""
    return names.get(candidate, candidate) if isinstance(candidate, UUID) else candidate


async def _load(
    collection: AsyncCollection[Row], ids: Sequence[UUID], fields: Row | None = None
) -> list[Row]:
    """Returns whole documents, each decoded by itself."""
    if not ids:
        return []
    raw = collection.with_options(codec_options=RAW).find({"_id": {"$in": list(ids)}}, fields)
    return [decoded(document) for document in await raw.to_list()]
