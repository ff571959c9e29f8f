"""ClearView's applications as the push reads them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from bson.raw_bson import RawBSONDocument

from daemon.core.applications import ApplicationInClearView
from daemon.store.connection import Mongo
from models.documents import ClearViewApplication as Document
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


class MongoClearViewApplications:
    """`applications`, as `daemon.ports.pushes.ClearViewApplications`."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection = mongo.collection(Document).with_options(codec_options=RAW)

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
