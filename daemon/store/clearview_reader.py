"""ClearView's documents as a comparison and the push read them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.applications import ApplicationInClearView
from daemon.core.snapshot import Record
from daemon.store.connection import Mongo, Row
from models.documents import ClearViewApplication, ClearViewCandidate, StatusOutboxEntry
from models.documents.clearview import IMPORTED
from models.documents.clearview_values import (
    RAW,
    as_text,
    as_uuid,
    decoded,
    document_id,
    identity,
    text,
)
from models.documents.outbox import OPEN_STATES
from models.ids import application_id, candidate_id

BATCH = 5000
_FIELDS = {
    "_id": 1,
    "integration_id": identity("$integration_id"),
    "external_id": text("$external_id"),
    "candidate_id": identity("$candidate_id"),
    "status": text("$status"),
    "rejection_reason": text("$rejection_reason"),
    "import_id": identity("$import_id"),
}
_CONTENT = ("applied_at", "hired_at", "source", "job", "custom_fields")
_PAGE = 500


class MongoClearViewReader:
    """One integration's part of ClearView, as `daemon.ports.imports.ClearViewReader`."""

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


class MongoClearViewApplications:
    """`applications`, as `daemon.ports.pushes.ClearViewApplications`."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection = mongo.collection(ClearViewApplication).with_options(codec_options=RAW)

    async def load(self, application_ids: Sequence[UUID]) -> Mapping[UUID, ApplicationInClearView]:
        cursor = self._collection.find({"_id": {"$in": list(application_ids)}}, _FIELDS)
        found = map(_application, await cursor.to_list())
        return {application.application_id: application for application in found}

    async def content(self, application_id: UUID) -> Mapping[str, Any]:
        raw = await self._collection.find_one({"_id": application_id}, dict.fromkeys(_CONTENT, 1))
        return {} if raw is None else decoded(raw)

    async def all(self) -> AsyncIterator[Sequence[ApplicationInClearView]]:
        cursor = self._collection.find({**IMPORTED, "deleted_at": None}, _FIELDS, batch_size=_PAGE)
        page: list[ApplicationInClearView] = []
        async for raw in cursor:
            page.append(_application(raw))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page


def _application(raw: RawBSONDocument) -> ApplicationInClearView:
    row = decoded(raw)
    return ApplicationInClearView(
        application_id=document_id(row["_id"]),
        integration_id=as_uuid(row.get("integration_id")),
        external_id=as_text(row.get("external_id")),
        candidate_id=as_uuid(row.get("candidate_id")),
        status=as_text(row.get("status")),
        rejection_reason=as_text(row.get("rejection_reason")),
        import_id=as_uuid(row.get("import_id")),
    )
