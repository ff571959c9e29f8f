"""The records about one candidate, in the order in which they happened."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from daemon.store.connection import Mongo, Row
from models.documents import (
    CandidateChange,
    CandidateImportLog,
    ClearViewApplication,
    ClearViewCandidate,
    Conflict,
    IntegrationSettings,
    StatusUpdateLog,
)
from models.documents.clearview_values import RAW, as_text, as_uuid, decoded
from models.ids import candidate_id, integration_id, uuid_or_none

MOST_ROWS = 2_000
_CHANGE = ("application_id", "path", "old", "new")
_IMPORT = ("outcome", "change", "changed_fields", "error_message")
_UPDATE = ("application_id", "outcome", "previous_status", "status", "reason", "error_message")
_CONFLICT = ("application_id", "base", "ats", "clearview", "winner", "state")
"""The fields of a log's row that an event shows, beside those that all events have."""


class Subject(msgspec.Struct, frozen=True):
    """A candidate that something is recorded about."""

    id: UUID
    integration: str | None
    external_id: str | None
    name: str | None
    """None where ClearView keeps its candidates elsewhere."""


class MongoCandidateHistory:
    """Reads the logs; writes nothing."""

    def __init__(self, mongo: Mongo) -> None:
        self._settings = mongo.collection(IntegrationSettings)
        self._candidates = mongo.collection(ClearViewCandidate).with_options(codec_options=RAW)
        self._applications = mongo.collection(ClearViewApplication).with_options(codec_options=RAW)
        self._imports = mongo.collection(CandidateImportLog)
        self._changes = mongo.collection(CandidateChange)
        self._updates = mongo.collection(StatusUpdateLog)
        self._conflicts = mongo.collection(Conflict)

    async def find(self, name: str, *, integration: str | None) -> list[Subject]:
        """Returns the candidates with this id: ClearView's own, or the one of an ATS."""
        rows = await self._settings.find({}, {"name": 1}).to_list()
        names = {row["_id"]: row["name"] for row in rows}
        wanted = [integration] if integration is not None else list(names.values())
        ids = {candidate_id(integration_id(one), name) for one in wanted}
        own = uuid_or_none(name)
        if own is not None:
            ids.add(own)
        found = [subject for one in ids if (subject := await self._subject(one, names))]
        return [s for s in found if integration in (None, s.integration)]

    async def _subject(self, candidate: UUID, names: Mapping[UUID, str]) -> Subject | None:
        raw = await self._candidates.find_one({"_id": candidate})
        if raw is not None:
            row = decoded(raw)
            parts = (as_text(row.get("first_name")), as_text(row.get("last_name")))
            return Subject(
                candidate,
                names.get(as_uuid(row.get("integration_id")) or candidate),
                as_text(row.get("external_id")),
                " ".join(filter(None, parts)) or None,
            )
        logged = await self._imports.find_one({"candidate_id": candidate})
        if logged is None:
            return None
        return Subject(
            candidate, names.get(logged["ats_integration_id"]), logged["external_id"], None
        )

    async def applications(self, candidate: UUID) -> list[Row]:
        """Returns the candidate's applications as ClearView has them now."""
        rows = self._applications.find({"candidate_id": candidate}, **_latest("applied_at"))
        return [decoded(raw) for raw in reversed(await rows.to_list())]

    async def events(self, candidate: UUID) -> list[Row]:
        """Returns imports, changes, pushes and conflicts, the earliest first."""
        of = {"candidate_id": candidate}
        changed = await self._changes.find(of, **_latest("changed_at")).to_list()
        imports = await self._imports.find(of, **_latest("imported_at")).to_list()
        own = {row["_id"] for row in await self.applications(candidate)}
        own |= {row["application_id"] for row in changed if row.get("application_id")}
        updates = await self._of_applications(self._updates, own, "updated_at")
        conflicts = await self._of_applications(self._conflicts, own, "detected_at")
        return sorted(
            [
                *(_event(row, "change", row["origin"], "changed_at", _CHANGE) for row in changed),
                *(
                    _event(
                        row | {"outcome": row["status"]}, "import", "ats", "imported_at", _IMPORT
                    )
                    for row in imports
                ),
                *(
                    _event(row, "status_update", "clearview", "updated_at", _UPDATE)
                    for row in updates
                ),
                *(_event(row, "conflict", "both", "detected_at", _CONFLICT) for row in conflicts),
            ],
            key=lambda event: (event["at"], event["kind"]),
        )

    async def _of_applications(
        self, collection: Any, applications: Collection[UUID], moment: str
    ) -> Sequence[Row]:
        query = {"application_id": {"$in": list(applications)}}
        rows: list[Row] = await collection.find(query, **_latest(moment)).to_list()
        return rows


def _latest(moment: str) -> dict[str, Any]:
    return {"sort": [(moment, -1)], "limit": MOST_ROWS}


def _event(row: Row, kind: str, by: str, moment: str, names: Sequence[str]) -> Row:
    """Returns what a log's row says, in the shape that all events have here."""
    shared = {"at": row[moment], "kind": kind, "by": by, "run_id": row.get("run_id")}
    return shared | {name: row.get(name) for name in names}
