"""The attachments of a candidate in ClearView: what an import says, and what a fetched file adds."""

from collections.abc import Sequence

from daemon.core.diff import ATTACHMENTS
from daemon.store.connection import Row
from models.candidate import FILE_FIELDS, AttachmentRecord


def attachments_update(attachments: Sequence[AttachmentRecord]) -> list[Row]:
    """Returns an update that sets attachments and keeps the file of each that is there already.

    The server merges them, so that a file that is fetched meanwhile is not forgotten.
    """
    before = {"$cond": [{"$isArray": "$attachments"}, "$attachments", []]}
    same = {"$eq": ["$$old.external_id", "$$new.external_id"]}
    old = {"$first": {"$filter": {"input": before, "as": "old", "cond": same}}}
    of_file = {
        "$arrayToObject": {
            "$filter": {
                "input": {"$objectToArray": {"$ifNull": [old, {}]}},
                "cond": {"$in": ["$$this.k", sorted(FILE_FIELDS)]},
            }
        }
    }
    merged = {
        "$map": {
            "input": {"$literal": list(attachments)},
            "as": "new",
            "in": {"$mergeObjects": [of_file, "$$new"]},
        }
    }
    return [{"$set": {ATTACHMENTS: merged}}]
