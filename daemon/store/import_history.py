"""The import log and the field changes in MongoDB."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import xxhash
from bson.binary import Binary
from pymongo import UpdateOne

from daemon.core.import_plan import merge_lines
from daemon.ports.imports import ChangeLine, LogLine
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import encode, encode_each, insert_new
from daemon.store.stored_ids import StoredIds, stored
from models.documents import CandidateChange, CandidateImportLog
from models.ids import application_id, candidate_id, derived_id

_ENCODER = msgspec.json.Encoder(order="sorted", enc_hook=str)


class MongoImportHistory:
    """`candidates_import_log` and `candidate_changes` of one integration."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._log = mongo.collection(CandidateImportLog)
        self._changes = mongo.collection(CandidateChange)
        self._integration = integration_id
        self._ids = StoredIds(integration_id)

    async def record(
        self,
        *,
        walk_id: UUID,
        run_id: UUID,
        at: datetime,
        lines: Sequence[LogLine],
        changes: Sequence[ChangeLine],
    ) -> None:
        """Write what happened; ids follow from walk and content, so a replay adds nothing."""
        await asyncio.gather(
            self._record_lines(walk_id, run_id, at, lines),
            self._record_changes(walk_id, run_id, at, changes),
        )

    async def _record_lines(
        self, walk_id: UUID, run_id: UUID, at: datetime, lines: Sequence[LogLine]
    ) -> None:
        of_walk = StoredIds(walk_id)
        by_id = {_line_id(of_walk, line): line for line in merge_lines(lines)}
        logged = await self._already_logged(by_id)
        run = stored(run_id)
        rows = [
            self._line_row(key, line, run, at) for key, line in by_id.items() if key not in logged
        ]
        encoded, _ = encode_each(((row["external_id"], row) for row in rows), encode)
        met, _ = await insert_new(self._log, encoded, lambda row: row["_id"].hex)
        updates = [
            _merge(key, line) for key, line in by_id.items() if key in logged or key.hex() in met
        ]
        if updates:
            await self._log.bulk_write(updates, ordered=False)

    async def _already_logged(self, by_id: dict[Binary, LogLine]) -> set[Binary]:
        """A candidate changed through several lists is one version: look before inserting."""
        doubtful = [key for key, line in by_id.items() if line.change != "created"]
        if not doubtful:
            return set()
        rows = self._log.find({"_id": {"$in": doubtful}}, {"_id": 1})
        return {stored(row["_id"]) for row in await rows.to_list()}

    def _line_row(self, key: Binary, line: LogLine, run_id: Binary, at: datetime) -> Row:
        return {
            "_id": key,
            "ats_integration_id": self._ids.scope,
            "candidate_id": self._ids.candidate(line.candidate_external_id),
            "external_id": line.candidate_external_id,
            "imported_at": at,
            "status": line.status,
            "error_message": line.error,
            "change": line.change,
            "changed_fields": list(line.changed_fields),
            "run_id": run_id,
        }

    async def _record_changes(
        self, walk_id: UUID, run_id: UUID, at: datetime, changes: Sequence[ChangeLine]
    ) -> None:
        encoded, _ = encode_each(self._change_rows(walk_id, run_id, at, changes), encode)
        await insert_new(self._changes, encoded, lambda row: str(row["_id"]))

    def _change_rows(
        self, walk_id: UUID, run_id: UUID, at: datetime, changes: Sequence[ChangeLine]
    ) -> Iterable[tuple[str, Row]]:
        for change in changes:
            owner = candidate_id(self._integration, change.candidate_external_id)
            key = derived_id(walk_id, "change", str(owner), change.path, _hash(change.new))
            application = change.application_external_id
            yield (
                str(key),
                {
                    "_id": key,
                    "ats_integration_id": self._integration,
                    "candidate_id": owner,
                    "application_id": application_id(self._integration, application)
                    if application
                    else None,
                    "changed_at": at,
                    "run_id": run_id,
                    "path": change.path,
                    "old": change.old,
                    "new": change.new,
                    "origin": "ats",
                },
            )


def _line_id(of_walk: StoredIds, line: LogLine) -> Binary:
    kind = "failed" if line.status == "Failed" else "version"
    return of_walk.derived(kind, line.candidate_external_id)


def _merge(key: Binary, line: LogLine) -> UpdateOne:
    """The same version again: its fields add up, and a creation or deletion outranks an update."""
    if line.change != "updated":
        return UpdateOne(
            {"_id": key, "change": "updated"},
            {"$set": {"change": line.change, "changed_fields": []}},
        )
    return UpdateOne(
        {"_id": key, "change": "updated"},
        {"$addToSet": {"changed_fields": {"$each": list(line.changed_fields)}}},
    )


def _hash(value: object) -> str:
    return xxhash.xxh3_128_hexdigest(_ENCODER.encode(value))
