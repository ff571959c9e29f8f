"""The records of the simulated Candidate Management Service."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from connectors.simulator.clearview_messages import (
    ApplicationUpsert,
    CandidateUpsert,
    Delete,
    Result,
    ResultStatus,
)

Fields = dict[str, Any]


class CandidateStore(Protocol):
    """A store of candidates and applications; a demo may use ClearView's database."""

    async def upsert(self, candidate: CandidateUpsert) -> Result: ...

    async def delete(self, candidate_id: UUID, order: Delete) -> bool:
        """False if there is no such candidate."""

    async def attach(self, candidate_id: UUID, external_id: str, content: bytes, kind: str) -> bool:
        """False if there is no such candidate, or it has no such attachment."""


class InMemoryCandidates:
    """Candidates and applications in memory, by id."""

    def __init__(self) -> None:
        self.candidates: dict[UUID, Fields] = {}
        self.applications: dict[UUID, Fields] = {}
        self.files: dict[tuple[UUID, str], tuple[bytes, str]] = {}
        """Content and media type, by candidate and attachment."""

    async def upsert(self, candidate: CandidateUpsert) -> Result:
        """Write one candidate and its applications, each for itself."""
        status: ResultStatus = "unchanged"
        if speaks_of_candidate(candidate):
            status = _write(self.candidates, candidate.id, fields_of(candidate), candidate)
        self._drop_files(candidate.id)
        results = [self._upsert_application(candidate, a) for a in candidate.applications]
        return Result(id=candidate.id, status=status, applications=results)

    def _upsert_application(self, owner: CandidateUpsert, order: ApplicationUpsert) -> Result:
        known = self.applications.get(order.id, {})
        present = known.get("status")
        wanted = fields_of(order)
        if order.expected_status is not None and present not in (
            order.expected_status,
            wanted.get("status"),
        ):
            return Result(id=order.id, status="failed", error="status_moved")
        identity = {"candidate_id": owner.id, "integration_id": owner.integration_id}
        status = _write(self.applications, order.id, {**identity, **wanted}, order)
        return Result(id=order.id, status=status)

    async def delete(self, candidate_id: UUID, order: Delete) -> bool:
        """Mark as deleted what is not marked yet."""
        if candidate_id not in self.candidates:
            return False
        whole = order.applications is None
        marked = [self.candidates[candidate_id]] if whole else []
        marked += [
            fields
            for key, fields in self.applications.items()
            if fields["candidate_id"] == candidate_id
            and (order.applications is None or key in order.applications)
        ]
        for fields in marked:
            fields["deleted_at"] = fields.get("deleted_at") or order.deleted_at
        self._drop_files(candidate_id)
        return True

    async def attach(self, candidate_id: UUID, external_id: str, content: bytes, kind: str) -> bool:
        """Keep a file for as long as its candidate shows it."""
        if external_id not in self._shown(candidate_id):
            return False
        self.files[candidate_id, external_id] = (content, kind)
        return True

    def _drop_files(self, candidate_id: UUID) -> None:
        shown = self._shown(candidate_id)
        gone = [k for k in self.files if k[0] == candidate_id and k[1] not in shown]
        for key in gone:
            del self.files[key]

    def _shown(self, candidate_id: UUID) -> set[str]:
        candidate = self.candidates.get(candidate_id)
        if candidate is None or candidate.get("deleted_at") is not None:
            return set()
        return {str(each["external_id"]) for each in candidate.get("attachments") or ()}


NO_FIELDS = frozenset({"if_absent", "unset", "expected_status", "applications", "import_id", "id"})


def fields_of(order: CandidateUpsert | ApplicationUpsert) -> Fields:
    """The fields that the order sets, in built-in types."""
    values: Fields = msgspec.to_builtins(order, builtin_types=(UUID,))
    moments = {
        name: getattr(order, name)
        for name in values
        if name.endswith("_at")  # as moments, not as text
    }
    return {k: v for k, v in {**values, **moments}.items() if k not in NO_FIELDS}


def speaks_of_candidate(order: CandidateUpsert) -> bool:
    """False where the order only brings applications of a candidate that it leaves alone."""
    return bool(fields_of(order).keys() - {"integration_id", "external_id"} or order.unset)


def _write(
    stored: dict[UUID, Fields],
    key: UUID,
    fields: Mapping[str, Any],
    order: CandidateUpsert | ApplicationUpsert,
) -> ResultStatus:
    before = stored.get(key)
    if before is not None and order.if_absent:
        return "unchanged"
    after = merged(before or {}, fields, order.unset)
    if before == after:
        return "unchanged"
    stored[key] = after
    return "created" if before is None else "updated"


def merged(before: Mapping[str, Any], fields: Mapping[str, Any], unset: list[str]) -> Fields:
    """Custom fields are merged by name, everything else is replaced; then `unset` is removed."""
    custom = {**before.get("custom_fields", {}), **fields.get("custom_fields", {})}
    after: Fields = {**before, **fields, "deleted_at": None}
    if custom:
        after["custom_fields"] = custom
    for path in unset:
        owner, _, name = path.rpartition(".")
        holder = after.get(owner) if owner else after
        if isinstance(holder, dict):
            holder.pop(name, None)
    return after
