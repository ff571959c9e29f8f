"""Snapshots in MongoDB, as `daemon.ports.imports.Snapshots`."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo import ReplaceOne, UpdateOne

from daemon.core.snapshot import Known, Snapshot
from daemon.store.bulk_writes import insert_each
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import (
    StoredIds,
    assembled,
    bytes_field,
    document_field,
    encode,
    encode_each,
    fields_of,
    stored,
    text_field,
    uuid_field,
)
from models.documents import CandidateSnapshot
from models.documents.snapshot import UNCOMPARED
from models.ids import snapshot_name
from models.status import ApplicationStatus

_DIGEST = {"_id": 0, "external_id": 1, "digest": 1, "mapping_version": 1}
"""The fields that the index `record` holds, so that MongoDB reads no document."""
_KNOWN = {
    "_id": 0,
    "external_id": 1,
    "fingerprint": 1,
    "mapping_version": 1,
    "deleted_at": 1,
    "missing_since": 1,
}
_LOADED = {"_id": 0, "ats_integration_id": 0, "list": 0}
"""The fields that are not loaded: the caller knows them."""


class MongoSnapshots:
    """Snapshots of one integration's lists."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._collection = mongo.collection(CandidateSnapshot)
        self._integration = integration_id
        self._ids = StoredIds(integration_id)

    def _among(self, list_name: str, external_ids: Iterable[str]) -> Row:
        return {"_id": {"$in": [self._ids.snapshot(list_name, e) for e in external_ids]}}

    async def digests(
        self, list_name: str, external_ids: Sequence[str], *, mapping_version: str
    ) -> Mapping[str, bytes | None]:
        return {
            row["external_id"]: row["digest"] if row["mapping_version"] == mapping_version else None
            for row in await self._named(list_name, external_ids, _DIGEST)
        }

    async def known(self, list_name: str, external_ids: Sequence[str]) -> Mapping[str, Known]:
        return {
            row["external_id"]: Known(
                fingerprint=row["fingerprint"],
                mapping_version=row["mapping_version"],
                missing=row.get("missing_since") is not None,
                deleted=row.get("deleted_at") is not None,
            )
            for row in await self._named(list_name, external_ids, _KNOWN)
        }

    async def _named(
        self, list_name: str, external_ids: Sequence[str], fields: Row
    ) -> Sequence[Row]:
        """Returns the rows of a page by the ids of the ATS, in one answer; no UUID has to be derived."""
        named = {**self._of_list(list_name), "external_id": {"$in": list(external_ids)}}
        return await self._collection.find(
            named, fields, batch_size=len(external_ids) + 1
        ).to_list()

    async def load(self, list_name: str, external_ids: Sequence[str]) -> list[Snapshot]:
        cursor = self._collection.find(self._among(list_name, external_ids), _LOADED)
        return [snapshot_of(row) for row in await cursor.to_list()]

    async def load_by_candidate(
        self, list_name: str, candidate_external_ids: Sequence[str]
    ) -> list[Snapshot]:
        query = {
            **self._of_list(list_name),
            "candidate.external_id": {"$in": list(candidate_external_ids)},
            "deleted_at": None,
        }
        return [snapshot_of(row) for row in await self._collection.find(query, _LOADED).to_list()]

    async def applications_of(
        self, list_name: str, candidate_external_ids: Sequence[str]
    ) -> list[str]:
        query = {
            **self._of_list(list_name),
            "applications.candidate_external_id": {"$in": list(candidate_external_ids)},
            "deleted_at": None,
        }
        rows = self._collection.find(query, {"external_id": 1})
        return [row["external_id"] async for row in rows]

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        """Inserts new and replaces changed snapshots; returns the reasons of refused ones by external id."""
        encode_one = self._encoder(list_name)
        existing, refused = await insert_each(
            self._collection,
            ((s.external_id, s) for s in created),
            encode_one,
            lambda row: str(row["external_id"]),
        )
        overwrite = [s for s in created if s.external_id in existing]
        encoded, unfit = encode_each(
            ((s.external_id, s) for s in (*overwrite, *replaced)), encode_one
        )
        if encoded:
            await self._collection.bulk_write(
                [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in encoded],
                ordered=False,
            )
        return refused | unfit

    def _encoder(self, list_name: str) -> Callable[[Snapshot], bytes]:
        """Encodes live snapshots of one list."""
        of_list = fields_of({"ats_integration_id": self._ids.scope, "list": list_name})
        live = fields_of({"deleted_at": None, "missing_since": None})

        alike: dict[tuple[str, datetime, UUID | None], bytes] = {}

        def of_page(snapshot: Snapshot) -> bytes:
            key = snapshot.mapping_version, snapshot.seen_at, snapshot.import_id
            found = alike.get(key)
            if found is None:
                found = alike[key] = fields_of(_page_fields(snapshot))
            return found

        def whole(snapshot: Snapshot) -> bytes:
            identity = self._ids.raw(snapshot_name(list_name, snapshot.external_id))
            return assembled(
                uuid_field("_id", identity),
                of_list,
                text_field("external_id", snapshot.external_id),
                bytes_field("fingerprint", snapshot.fingerprint),
                _NO_DIGEST if snapshot.digest is None else bytes_field("digest", snapshot.digest),
                _NO_APPLICATIONS
                if not snapshot.applications
                else fields_of({"applications": snapshot.applications}),
                of_page(snapshot),
                _NO_PREVIOUS
                if snapshot.previous is None
                else fields_of({"previous": snapshot.previous}),
                _NO_CANDIDATE
                if snapshot.candidate is None
                else document_field("candidate", encode(snapshot.candidate)),
                _detail_fields(snapshot),
                live,
            )

        return whole

    async def refresh(self, list_name: str, records: Sequence[Snapshot]) -> None:
        if not records:
            return
        await self._collection.bulk_write(
            [
                UpdateOne(
                    {"_id": self._ids.snapshot(list_name, r.external_id)},
                    {
                        "$set": {
                            "fingerprint": r.fingerprint,
                            "digest": r.digest,
                            "mapping_version": r.mapping_version,
                            **_due(r),
                        },
                        "$unset": {"applications.$[].pushed.before": ""},
                    },
                )
                for r in records
            ],
            ordered=False,
        )

    async def forget(self, list_name: str, external_ids: Sequence[str], import_id: UUID) -> None:
        mine = self._among(list_name, external_ids) | {"import_id": import_id}
        await self._collection.delete_many(mine | {"previous": None})
        restore = {"candidate": "$previous.candidate", "applications": "$previous.applications"}
        # An impossible fingerprint makes the next poll compare the record again.
        await self._collection.update_many(
            mine,
            [
                {"$set": restore | {"fingerprint": UNCOMPARED, "digest": None}},
                # What details gave is gone, too: they are due with the next import of the record.
                {"$unset": ["previous", "import_id", "detail", *DUE]},
            ],
        )

    async def drop_previous(self, list_name: str) -> None:
        replacing = {**self._of_list(list_name), "previous": {"$ne": None}}
        await self._collection.update_many(replacing, {"$set": {"previous": None}})

    async def pushed(self, list_name: str, *, before: datetime, limit: int) -> list[str]:
        query = {
            **self._of_list(list_name),
            "fingerprint": UNCOMPARED,
            "deleted_at": None,
            "applications.pushed.at": {"$not": {"$gte": before}},
        }
        cursor = self._collection.find(query, {"external_id": 1, "_id": 0}, limit=limit)
        return [row["external_id"] for row in await cursor.to_list()]

    async def has_any(self, list_name: str) -> bool:
        found = await self._collection.find_one(self._of_list(list_name), {"_id": 1})
        return found is not None

    async def count(self, list_name: str) -> int:
        return await self._collection.count_documents(self._of_list(list_name))

    def _of_list(self, list_name: str) -> Row:
        return {"ats_integration_id": self._integration, "list": list_name}

    async def live_ids(self, list_name: str) -> AsyncIterator[tuple[str, datetime | None]]:
        cursor = self._collection.find(
            {**self._of_list(list_name), "deleted_at": None},
            {"external_id": 1, "missing_since": 1, "_id": 0},
            batch_size=5000,
        )
        async for row in cursor:
            yield row["external_id"], row.get("missing_since")

    async def with_attachments(self, list_name: str) -> AsyncIterator[Snapshot]:
        query = {
            **self._of_list(list_name),
            "deleted_at": None,
            "candidate.attachments.0": {"$exists": True},
        }
        async for row in self._collection.find(query, _LOADED):
            yield snapshot_of(row)

    async def mark_missing(self, list_name: str, external_ids: Sequence[str], at: datetime) -> None:
        await self._set(list_name, external_ids, {"missing_since": at, "digest": None})

    async def mark_seen(self, list_name: str, digests: Mapping[str, bytes | None]) -> None:
        seen = {"missing_since": None, "deleted_at": None}
        writes = [
            UpdateOne(
                {"_id": self._ids.snapshot(list_name, external_id)},
                {"$set": {**seen, "digest": digest}},
            )
            for external_id, digest in digests.items()
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False)

    async def mark_deleted(self, list_name: str, external_ids: Sequence[str], at: datetime) -> None:
        await self._set(list_name, external_ids, {"deleted_at": at, "digest": None})

    async def _set(self, list_name: str, external_ids: Sequence[str], fields: Row) -> None:
        if external_ids:
            await self._collection.update_many(
                self._among(list_name, external_ids), {"$set": fields}
            )


DUE = ("detail_due_at", "detail_attempts", "detail_error")
"""The fields of a snapshot whose details are to be read."""
_STATUSES = frozenset(status.value for status in ApplicationStatus)


def _due(snapshot: Snapshot) -> Row:
    return {} if snapshot.detail_due_at is None else {"detail_due_at": snapshot.detail_due_at}


def _detail_fields(snapshot: Snapshot) -> bytes:
    if snapshot.detail is None and snapshot.detail_due_at is None:
        return b""
    read = {} if snapshot.detail is None else {"detail": snapshot.detail}
    return fields_of(read | _due(snapshot))


_NO_DIGEST = fields_of({"digest": None})
_NO_APPLICATIONS = fields_of({"applications": []})
_NO_PREVIOUS = fields_of({"previous": None})
_NO_CANDIDATE = fields_of({"candidate": None})


def _is_readable(application: Any) -> bool:
    return isinstance(application, Mapping) and application.get("status") in _STATUSES


def _page_fields(snapshot: Snapshot) -> Row:
    """Returns the fields that the snapshots of a page usually share."""
    return {
        "mapping_version": snapshot.mapping_version,
        "seen_at": snapshot.seen_at,
        "import_id": None if snapshot.import_id is None else stored(snapshot.import_id),
    }


def snapshot_of(row: Mapping[str, Any]) -> Snapshot:
    """Returns the snapshot; a part that someone made unreadable is like one not seen before."""
    return Snapshot(
        external_id=row["external_id"],
        fingerprint=row["fingerprint"],
        digest=row.get("digest"),
        candidate=row["candidate"],
        applications=[each for each in row["applications"] if _is_readable(each)],
        mapping_version=row["mapping_version"],
        seen_at=row["seen_at"],
        import_id=row.get("import_id"),
        previous=row.get("previous"),
        detail=row.get("detail"),
        detail_due_at=row.get("detail_due_at"),
    )
