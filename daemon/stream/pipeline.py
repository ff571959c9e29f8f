"""The parts of ClearView's changes that the server sends: little, and nothing of the daemon's own.

Only ids and the texts of a status change travel, each of a bounded size, so that no document is too
large for an event and none holds what cannot be decoded. Writes of an import set `import_id` to a
UUID and stay on the server.
"""

from typing import Any

from models.documents.clearview_values import identity, text

COLLECTION = "applications"
_TOUCHED = ("status", "stage", "stage.name", "stage.external_id")
_UPDATED = "$updateDescription.updatedFields"


def _updated(field: str) -> dict[str, Any]:
    """Reads an updated field by its literal name: `stage.name` is a key here, not a path."""
    return {"$getField": {"field": field, "input": _UPDATED}}


def _is_set(expression: Any) -> dict[str, Any]:
    return {"$ne": [{"$type": expression}, "missing"]}


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
                    {"$or": [_is_set(_updated(field)) for field in _TOUCHED]},
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
