"""Erases the copies of a person's files."""

from uuid import UUID

from daemon.core.erasure import PersonIds
from daemon.store.attachment_files import GridFSShelf
from daemon.store.attachments import DUE_AGAIN
from daemon.store.connection import Mongo, Row
from models.documents import QueuedFile

_NO_ONE: Row = {
    "state": "gone",
    "next_attempt_at": None,
    "candidate_id": UUID(int=0),
    "candidate_external_id": "",
    "external_id": "",
    "record_id": "",
    "version": "",
    "last_error": None,
}


async def erase_files(mongo: Mongo, person: PersonIds) -> None:
    """Deletes the copies that no one else's file has, whatever is being fetched meanwhile.

    The rows of files with a copy stay, about no one, until the job that fetches files has deleted the
    copy once more: it may be writing it just now.
    """
    rows = mongo.collection(QueuedFile)
    own = {
        "ats_integration_id": person.integration,
        "candidate_external_id": {"$in": list(person.candidates)},
        "file_id": {"$ne": None},
    }
    found = await rows.find(own, {"file_id": 1, "replaced": 1}).to_list()
    await rows.update_many({"_id": {"$in": [row["_id"] for row in found]}}, {"$set": _NO_ONE})
    copies = {copy for row in found for copy in (row["file_id"], *row["replaced"])}
    of_others = {
        "ats_integration_id": person.integration,
        "file_id": {"$in": list(copies)},
        "state": {"$ne": "gone"},
    }
    used = {row["file_id"] async for row in rows.find(of_others, {"file_id": 1})}
    await GridFSShelf(mongo, person.integration).discard(copies - used)
    # The same content may have come for someone else since, who was given the copy that is deleted now.
    # With another version the attempt that is under way changes nothing more.
    given = {**of_others, "file_id": {"$in": list(copies - used)}}
    await rows.update_many(given, {"$set": {"state": "pending", "version": "", **DUE_AGAIN}})
