"""ClearView's applications as the push reads them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from daemon.ports.pushes import ClearViewApplication
from daemon.store.connection import Mongo, Row
from daemon.stream.events import as_uuid, document_id
from models.documents import ClearViewApplication as Document

_FIELDS = {
    "integration_id": 1,
    "external_id": 1,
    "candidate_id": 1,
    "status": 1,
    "rejection_reason": 1,
    "import_id": 1,
}
_PAGE = 500


class MongoClearViewApplications:
    """`applications`, as `daemon.ports.pushes.ClearViewApplications`."""

    def __init__(self, mongo: Mongo) -> None:
        self._collection = mongo.collection(Document)

    async def load(self, application_ids: Sequence[UUID]) -> Mapping[UUID, ClearViewApplication]:
        cursor = self._collection.find({"_id": {"$in": list(application_ids)}}, _FIELDS)
        return {row["_id"]: _application(row) for row in await cursor.to_list()}

    async def all(self) -> AsyncIterator[Sequence[ClearViewApplication]]:
        cursor = self._collection.find({"deleted_at": None}, _FIELDS, batch_size=_PAGE)
        page: list[ClearViewApplication] = []
        async for row in cursor:
            page.append(_application(row))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page


def _application(row: Row) -> ClearViewApplication:
    external_id = row.get("external_id")
    return ClearViewApplication(
        application_id=document_id(row["_id"]),
        integration_id=as_uuid(row.get("integration_id")),
        external_id=None if external_id is None else str(external_id),
        candidate_id=as_uuid(row.get("candidate_id")),
        status=None if row.get("status") is None else str(row["status"]),
        rejection_reason=row.get("rejection_reason"),
        import_id=as_uuid(row.get("import_id")),
    )
