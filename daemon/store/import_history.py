"""The import log and the field changes in MongoDB."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import xxhash
from pymongo import UpdateOne

from daemon.core.import_log import (
    ChangeLine,
    HidesCustom,
    LogLine,
    is_hidden_custom,
    merge_lines,
    paths_of,
)
from daemon.store.bulk_writes import insert_new
from daemon.store.connection import Mongo, Row
from daemon.store.encoding import (
    StoredIds,
    assembled,
    encode,
    encode_each,
    fields_of,
    stored,
    text_field,
    uuid_field,
)
from models.documents import CandidateChange, CandidateImportLog
from models.ids import application_id, candidate_id, candidate_name, derived_id, derived_name

_KINDS = {"Failed": "failed", "Success": "version"}
"""By a line's status, what its id is derived from."""
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
        """Writes log lines and changes; ids derive from walk and content, so a replay adds nothing."""
        await asyncio.gather(
            self._record_lines(walk_id, run_id, at, lines),
            self._record_changes(walk_id, run_id, at, changes),
        )

    async def clear(self, fields: Collection[str], hides_custom: HidesCustom) -> None:
        if fields:
            await self._clear(paths_of(fields))
        ours = {"ats_integration_id": self._integration, "path": {"$regex": r"custom_fields\."}}
        found = await self._changes.distinct("path", ours)
        if hidden := [path for path in found if is_hidden_custom(path, hides_custom)]:
            await self._clear({"$in": hidden})

    async def _clear(self, paths: object) -> None:
        await self._changes.update_many(
            {
                "ats_integration_id": self._integration,
                "path": paths,
                "$or": [{"old": {"$ne": None}}, {"new": {"$ne": None}}],
            },
            {"$set": {"old": None, "new": None}},
        )

    async def _record_lines(
        self, walk_id: UUID, run_id: UUID, at: datetime, lines: Sequence[LogLine]
    ) -> None:
        of_walk = StoredIds(walk_id)
        by_id = {
            of_walk.raw(derived_name(_KINDS[line.status], line.candidate_external_id)): line
            for line in merge_lines(lines)
        }
        logged = await self._already_logged(by_id)
        rows = ((line.candidate_external_id, (key, line)) for key, line in by_id.items())
        encoded, _ = encode_each(
            (row for row in rows if row[1][0] not in logged), self._line_encoder(run_id, at)
        )
        met, _ = await insert_new(self._log, encoded, lambda row: row["_id"].hex)
        updates = [
            _merge(key, line) for key, line in by_id.items() if key in logged or key.hex() in met
        ]
        if updates:
            await self._log.bulk_write(updates, ordered=False)

    async def _already_logged(self, by_id: Mapping[bytes, LogLine]) -> set[bytes]:
        """Returns the lines that exist: a candidate changed through several lists is one version."""
        doubtful = [UUID(bytes=key) for key, line in by_id.items() if line.change != "created"]
        if not doubtful:
            return set()
        rows = self._log.find({"_id": {"$in": doubtful}}, {"_id": 1})
        return {row["_id"].bytes for row in await rows.to_list()}

    def _line_encoder(self, run_id: UUID, at: datetime) -> Callable[[tuple[bytes, LogLine]], bytes]:
        """Encodes log lines of one page, each with its id."""
        scope = fields_of({"ats_integration_id": self._ids.scope})
        of_page = fields_of({"imported_at": at, "run_id": stored(run_id)})
        created = fields_of(_said(LogLine("", "created")))

        def whole(keyed: tuple[bytes, LogLine]) -> bytes:
            key, line = keyed
            owner = self._ids.raw(candidate_name(line.candidate_external_id))
            return assembled(
                uuid_field("_id", key),
                scope,
                uuid_field("candidate_id", owner),
                text_field("external_id", line.candidate_external_id),
                created if line.change == "created" else fields_of(_said(line)),
                of_page,
            )

        return whole

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


def _said(line: LogLine) -> Row:
    """Returns the fields of a line that are the same for every candidate that a page creates."""
    return {
        "status": line.status,
        "error_message": line.error,
        "change": line.change,
        "changed_fields": line.changed_fields,
    }


def _merge(identity: bytes, line: LogLine) -> UpdateOne:
    """Merges a line of the same version: fields add up, a creation or deletion replaces an update."""
    key = UUID(bytes=identity)
    if line.change != "updated":
        return UpdateOne(
            {"_id": key, "change": "updated"},
            {"$set": {"change": line.change, "changed_fields": [], "merged": True}},
        )
    fields = list(line.changed_fields)
    has_all = {"$setIsSubset": [{"$literal": fields}, "$changed_fields"]}
    return UpdateOne(
        # A replay of the same line changes nothing: it is no second event.
        {"_id": key, "change": "updated", "$expr": {"$not": [has_all]}},
        {"$addToSet": {"changed_fields": {"$each": fields}}, "$set": {"merged": True}},
    )


def _hash(value: object) -> str:
    return xxhash.xxh3_128_hexdigest(_ENCODER.encode(value))
