"""ClearView's candidates and applications in a shared MongoDB (`mode: mongodb`)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome, Patch, Taken
from daemon.core.diff import ATTACHMENTS
from daemon.core.erasure import PersonIds
from daemon.core.snapshot import Record
from daemon.store.attachment_files import attachments_update, erase_files
from daemon.store.bulk_writes import (
    DocumentUpdate,
    UpdateOutcome,
    insert_each,
    update_alike,
    update_each,
)
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import StoredIds, assembled, encode, fields_of, stored, uuid_field
from daemon.store.person_queries import CLEARVIEW_QUERIES
from models.documents import ClearViewApplication, ClearViewCandidate, StatusOutboxEntry
from models.documents.clearview_values import text
from models.ids import application_id, candidate_id, candidate_name
from models.status import ApplicationStatus

_STATUSES = frozenset(status.value for status in ApplicationStatus)
GONE = "ClearView no longer has this {}: it was removed there, not marked as deleted"
STATUS_FIELDS = ("status", "stage", "rejection_reason", "rejected_at", "hired_at")


class CandidateReader:
    """An import's reads of one integration's part of ClearView's collections."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._candidates = mongo.collection(ClearViewCandidate)
        self._applications = mongo.collection(ClearViewApplication)
        self._outbox = mongo.collection(StatusOutboxEntry)
        self._integration = integration_id

    async def taken(
        self, import_id: UUID, *, candidates: Sequence[str], applications: Sequence[str]
    ) -> Taken:
        """Returns the documents with the stamp of this import, which no person's write touches."""
        persons = {candidate_id(self._integration, e): e for e in candidates}
        ids = {application_id(self._integration, e): e for e in applications}
        return Taken(
            candidates=await _stamped(self._candidates, persons, import_id),
            applications=await _stamped(self._applications, ids, import_id),
        )

    async def statuses(
        self, application_external_ids: Sequence[str]
    ) -> Mapping[str, ApplicationStatus]:
        """Returns the statuses that are among the ten; people may write anything else."""
        ids = {application_id(self._integration, e): e for e in application_external_ids}
        rows = self._applications.find({"_id": {"$in": list(ids)}}, {"status": text("$status")})
        return {
            ids[row["_id"]]: ApplicationStatus(row["status"])
            for row in await rows.to_list()
            if isinstance(row.get("status"), str) and row["status"] in _STATUSES
        }

    async def edited_at(self, application_external_ids: Sequence[str]) -> Mapping[str, datetime]:
        """Returns the time of the newest change-stream event of each application in the outbox."""
        by_id = {application_id(self._integration, e): e for e in application_external_ids}
        rows = self._outbox.find(
            {"application_id": {"$in": list(by_id)}, "changed_in_clearview_at": {"$ne": None}},
            {"application_id": 1, "changed_in_clearview_at": 1},
            sort={"sequence": 1},
        )
        return {
            by_id[row["application_id"]]: row["changed_in_clearview_at"]
            for row in await rows.to_list()
        }


class MongoCandidateManagement(CandidateReader):
    """One integration's part of ClearView's collections, written directly."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        super().__init__(mongo, integration_id)
        self._mongo = mongo
        self._ids = StoredIds(integration_id)

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        """Inserts new documents, and patches known ones field by field.

        A document that ClearView's validator or unique index refuses, or that is gone, fails by
        itself.
        """
        rows = ((row["external_id"], row) for row in self._application_rows(batch))
        new_candidates, new_applications = await asyncio.gather(
            self._insert_candidates(batch),
            insert_each(self._applications, rows, encode, _external_id),
        )
        unpatched, (unpatched_applications, moved) = await asyncio.gather(
            self._patch_candidates(batch), self._patch_applications(batch)
        )
        return ClearViewOutcome(
            failed_candidates=new_candidates[1] | unpatched,
            failed_applications=new_applications[1] | unpatched_applications,
            existing_candidates=new_candidates[0],
            existing_applications=new_applications[0],
            moved_applications=moved,
        )

    async def _insert_candidates(
        self, batch: ClearViewBatch
    ) -> tuple[frozenset[str], dict[str, str]]:
        scope = fields_of({"integration_id": self._ids.scope})
        of_import = fields_of(
            {
                "deleted_at": None,
                "created_at": batch.at,
                "updated_at": batch.at,
                "import_id": stored(batch.import_id),
            }
        )

        def whole(record: Record) -> bytes:
            identity = self._ids.raw(candidate_name(record["external_id"]))
            return assembled(uuid_field("_id", identity), scope, fields_of(record), of_import)

        records = ((record["external_id"], record) for record in batch.new_candidates)
        return await insert_each(self._candidates, records, whole, _external_id)

    def _application_rows(self, batch: ClearViewBatch) -> Iterable[Row]:
        import_id = stored(batch.import_id)
        for record in batch.new_applications:
            row = {
                "_id": self._ids.application(record["external_id"]),
                "candidate_id": self._ids.candidate(record["candidate_external_id"]),
                "integration_id": self._ids.scope,
                **record,
                "deleted_at": None,
                "created_at": batch.at,
                "updated_at": batch.at,
                "import_id": import_id,
            }
            del row["candidate_external_id"]
            yield row

    async def _patch_candidates(self, batch: ClearViewBatch) -> dict[str, str]:
        """Patches candidates; returns the external ids that failed, with the reason.

        Files come first: a document with the import's stamp is complete.
        """
        ids = {p.external_id: candidate_id(self._integration, p.external_id)
               for p in batch.candidate_patches}  # fmt: skip
        files = [
            DocumentUpdate(
                patch.external_id,
                {"_id": ids[patch.external_id]},
                attachments_update(patch.set[ATTACHMENTS]),
            )
            for patch in batch.candidate_patches
            if ATTACHMENTS in patch.set
        ]
        refused = (await update_each(self._candidates, files)).refused if files else {}
        changes = [
            DocumentUpdate(
                patch.external_id,
                {"_id": ids[patch.external_id]},
                _update(
                    {name: value for name, value in patch.set.items() if name != ATTACHMENTS},
                    patch.unset,
                    batch,
                ),
            )
            for patch in batch.candidate_patches
            if patch.external_id not in refused
        ]
        changed = await update_each(self._candidates, changes)
        gone = await _not_written(self._candidates, changed, ids, batch.import_id)
        return {**refused, **changed.refused, **dict.fromkeys(gone, GONE.format("candidate"))}

    async def _patch_applications(
        self, batch: ClearViewBatch
    ) -> tuple[dict[str, str], frozenset[str]]:
        """Patches applications; returns those that failed with the reason, and those whose status had changed.

        One write per document, whole and stamped: a second write with the same `import_id` would
        look like a person's to the change stream, and a half-written document like a finished one.
        """
        guarded = [p for p in batch.application_patches if p.expected_status is not None]
        unguarded = [p for p in batch.application_patches if p.expected_status is None]
        refused, moved = await self._patch(guarded, batch)
        without_status = [_without_status(p) for p in guarded if p.external_id in moved]
        refused_then, gone = await self._patch([*unguarded, *without_status], batch)
        failed = {**refused, **refused_then, **dict.fromkeys(gone, GONE.format("application"))}
        return failed, frozenset(moved).difference(failed)

    async def _patch(
        self, patches: Sequence[Patch], batch: ClearViewBatch
    ) -> tuple[Mapping[str, str], Sequence[str]]:
        """Returns the refused ones with the reason, and those that no document matched."""
        changes = [self._patch_write(patch, batch) for patch in patches]
        changed = await update_each(self._applications, changes)
        ids = {c.key: c.where["_id"] for c in changes}
        return changed.refused, await _not_written(
            self._applications, changed, ids, batch.import_id
        )

    def _patch_write(self, patch: Patch, batch: ClearViewBatch) -> DocumentUpdate:
        wanted: Row = {"_id": application_id(self._integration, patch.external_id)}
        if patch.expected_status is not None:
            wanted["status"] = {"$in": [patch.expected_status, patch.set.get("status")]}
        fields = _for_clearview(self._integration, patch.set)
        return DocumentUpdate(patch.external_id, wanted, _update(fields, patch.unset, batch))

    async def delete(
        self,
        *,
        candidates: Sequence[str],
        applications: Sequence[str],
        at: datetime,
        import_id: UUID,
    ) -> Mapping[str, str]:
        persons = {candidate_id(self._integration, e): e for e in candidates}
        ids = {application_id(self._integration, e): e for e in applications}
        stamp: Row = {"deleted_at": at, "updated_at": at}
        refused: dict[str, str] = {}
        if persons:
            live: Row = {"_id": {"$in": list(persons)}, "deleted_at": None}
            for row, reason in await update_alike(self._candidates, live, {"$set": stamp}):
                refused[persons[row["_id"]]] = reason
        if persons or ids:
            which: list[Row] = [
                {"_id": {"$in": list(ids)}},
                {"candidate_id": {"$in": list(persons)}},
            ]
            live = {"$or": which, "deleted_at": None}
            update = {"$set": {**stamp, "import_id": import_id}}
            for row, reason in await update_alike(self._applications, live, update):
                refused[ids.get(row["_id"]) or persons[row["candidate_id"]]] = reason
        return refused

    async def erase(self, person: PersonIds, *, at: datetime) -> None:  # noqa: ARG002
        """Removes files, then the documents, applications first."""
        await erase_files(self._mongo, person)
        for document, query in CLEARVIEW_QUERIES.items():
            collection = self._candidates if document is ClearViewCandidate else self._applications
            await collection.delete_many(query(person))


def _external_id(row: Mapping[str, Any]) -> str:
    return str(row["external_id"])


def _for_clearview(integration: UUID, fields: Mapping[str, object]) -> Row:
    """Returns an application's fields as ClearView stores them: the candidate by its UUID."""
    row = dict(fields)
    owner = row.pop("candidate_external_id", None)
    if owner is not None:
        row["candidate_id"] = candidate_id(integration, str(owner))
    return row


async def _stamped(
    collection: AsyncCollection[Row], ids: Mapping[UUID, str], import_id: UUID
) -> frozenset[str]:
    if not ids:
        return frozenset()
    mine = {"_id": {"$in": list(ids)}, "import_id": import_id}
    rows = await collection.find(mine, {"_id": 1}).to_list()
    return frozenset(ids[row["_id"]] for row in rows)


async def _not_written(
    collection: AsyncCollection[Row],
    changed: UpdateOutcome,
    ids: Mapping[str, UUID],
    import_id: UUID,
) -> list[str]:
    """Returns the keys of documents without the import's stamp, which it should have written."""
    if changed.is_whole:
        return []
    wanted = {ids[key]: key for key in changed.sent}
    written = await _stamped(collection, wanted, import_id)
    return [key for key in changed.sent if key not in written]


def _without_status(patch: Patch) -> Patch:
    fields = {k: v for k, v in patch.set.items() if k not in STATUS_FIELDS}
    return Patch(patch.external_id, fields, patch.unset)


def _update(fields: Mapping[str, object], unset: Sequence[str], batch: ClearViewBatch) -> Row:
    """Returns the update of a document that is live, with the import's stamp."""
    stamp = {"updated_at": batch.at, "deleted_at": None, "import_id": batch.import_id}
    update: Row = {"$set": dict(fields) | stamp}
    if unset:
        update["$unset"] = dict.fromkeys(unset, "")
    return update
