"""Status changes of ClearView's applications, from one change stream.

The server sends little of a change, and nothing of the daemon's own. Only ids and the texts of a status
change travel, each of a bounded size, so that no document is too large for an event and none holds what
cannot be decoded. Writes of an import set `import_id` to a UUID and stay on the server.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from daemon.core.status_events import StatusEvent, StreamInterrupted
from daemon.ports.clock import Clock
from daemon.stream.database_stream import DatabaseStream, Tail
from daemon.stream.events import status_event
from models.documents.clearview_values import Row, identity, text

COLLECTION = "applications"
_TOUCHED = ("status", "stage", "stage.name", "stage.external_id")
_UPDATED = "$updateDescription.updatedFields"


def _updated(field: str) -> dict[str, Any]:
    """Reads an updated field by its literal name: `stage.name` is a key here, not a path."""
    return {"$getField": {"field": field, "input": _UPDATED}}


def _of_either(field: str) -> dict[str, Any]:
    """Reads a field of the document of an insert or replace, or of an update."""
    return {"$ifNull": [f"$fullDocument.{field}", _updated(field)]}


def _stage() -> dict[str, Any]:
    """Two texts of a stage that is a document; the type of anything else."""
    whole = {"name": text("$$stage.name"), "external_id": text("$$stage.external_id")}
    is_document = {"$eq": [{"$type": "$$stage"}, "object"]}
    parts = {"$cond": [is_document, whole, text("$$stage")]}
    return {"$let": {"vars": {"stage": _of_either("stage")}, "in": parts}}


_DOCUMENT_EVENT = {
    "ns.coll": COLLECTION,
    "$or": [
        {"operationType": "insert", "fullDocument.import_id": {"$not": {"$type": "binData"}}},
        {"operationType": "replace"},
        {
            "operationType": "update",
            "$expr": {
                "$and": [
                    {"$ne": [{"$type": _updated("import_id")}, "binData"]},
                    {
                        "$or": [
                            {"$ne": [{"$type": _updated(field)}, "missing"]} for field in _TOUCHED
                        ]
                    },
                ]
            },
        },
    ],
}
_COLLECTION_EVENT = {
    "operationType": {"$in": ["drop", "rename"]},
    "$or": [{"ns.coll": COLLECTION}, {"to.coll": COLLECTION}],
}
_DATABASE_EVENT = {"operationType": {"$in": ["dropDatabase", "invalidate"]}}

PIPELINE: list[dict[str, Any]] = [
    {"$match": {"$or": [_DOCUMENT_EVENT, _COLLECTION_EVENT, _DATABASE_EVENT]}},
    {
        "$project": {
            "operationType": 1,
            "clusterTime": 1,
            "wallTime": 1,
            "document": identity("$documentKey._id"),
            "status": text(_of_either("status")),
            "stage": _stage(),
            "stage_name": text(_updated("stage.name")),
            "stage_external_id": text(_updated("stage.external_id")),
            "rejection_reason": text(_of_either("rejection_reason")),
            "integration_id": identity("$fullDocument.integration_id"),
            "external_id": text("$fullDocument.external_id"),
            "candidate_id": identity("$fullDocument.candidate_id"),
        }
    },
]


class ApplicationStream(DatabaseStream):
    """The change stream, as `daemon.ports.pushes.EventSource`."""

    def __init__(
        self, clearview: AsyncDatabase[Row], clock: Clock, *, idle_ms: int = 1_000
    ) -> None:
        super().__init__(clearview, clock, PIPELINE, idle_ms=idle_ms)

    async def origin(self) -> str | None:
        try:
            cursor = await self._database.list_collections(filter={"name": COLLECTION})
            found = await cursor.to_list()
        except PyMongoError as error:
            raise StreamInterrupted(type(error).__name__) from error
        return str(found[0]["info"]["uuid"]) if found and "uuid" in found[0]["info"] else None

    async def open(self, token: Mapping[str, Any] | None, *, epoch: int) -> Tail[StatusEvent]:
        return await self._opened(token, partial(status_event, epoch=epoch))
