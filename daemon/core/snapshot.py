"""The snapshot of one list record: its content as the ATS had it last."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

Record = Mapping[str, Any]


class Known(NamedTuple):
    """The part of a snapshot that decides if its record is mapped again."""

    fingerprint: bytes
    mapping_version: str
    missing: bool
    """The last complete listing lacked it."""
    deleted: bool


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """One list record as the ATS had it last."""

    external_id: str
    fingerprint: bytes
    digest: bytes | None
    candidate: Record | None
    applications: Sequence[Record]
    mapping_version: str
    seen_at: datetime
    import_id: UUID | None = None
    previous: Mapping[str, Any] | None = None
    """The replaced snapshot, enough to compare again after a kill: `candidate`, `applications`,
    `seen_at`, and `deleted` if it was marked deleted. None if this import created the record."""
    detail: Mapping[str, Any] | None = None
    """The details that were read last (`core/details.py`), beside their values."""
    detail_due_at: datetime | None = None
    """From when on details may be read; None while they are as fresh as the record."""

    @property
    def owner(self) -> str | None:
        """The external id of its candidate, if it has one."""
        return None if self.candidate is None else str(self.candidate["external_id"])


def changed_at(snapshot: Snapshot) -> datetime | None:
    """Returns when the record changed last at the ATS; None where the ATS does not say."""
    return record_changed_at(snapshot.candidate, snapshot.applications)


def record_changed_at(candidate: Record | None, applications: Sequence[Record]) -> datetime | None:
    """Returns the latest `external_updated_at` of a record's parts."""
    parts = [*applications] if candidate is None else [candidate, *applications]
    times = [part.get("external_updated_at") for part in parts]
    return max((time for time in times if isinstance(time, datetime)), default=None)


def owners_of(snapshots: Iterable[Snapshot]) -> list[str]:
    """Returns the external ids of their candidates, each once."""
    return sorted({owner for each in snapshots if (owner := each.owner) is not None})


def newest_candidates(snapshots: Iterable[Snapshot]) -> dict[str | None, Record]:
    """Returns, by external id, each candidate as the most recently seen record has it."""
    newest: dict[str | None, Snapshot] = {}
    for snapshot in snapshots:
        owner = snapshot.owner
        if owner not in newest or newest[owner].seen_at < snapshot.seen_at:
            newest[owner] = snapshot
    return {o: s.candidate for o, s in newest.items() if s.candidate is not None}
