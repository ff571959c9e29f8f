"""The snapshot of one list record: its content as the ATS had it last."""

from collections.abc import Mapping, Sequence
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


def changed_at(snapshot: Snapshot) -> datetime | None:
    """Returns when the record changed last at the ATS; None where the ATS does not say."""
    return record_changed_at(snapshot.candidate, snapshot.applications)


def record_changed_at(candidate: Record | None, applications: Sequence[Record]) -> datetime | None:
    """Returns the latest `external_updated_at` of a record's parts."""
    parts = [*applications] if candidate is None else [candidate, *applications]
    times = [part.get("external_updated_at") for part in parts]
    return max((time for time in times if isinstance(time, datetime)), default=None)


def newest_candidates(snapshots: Sequence[Snapshot]) -> dict[str, Record]:
    """Returns, by external id, each candidate as the most recently seen record has it."""
    newest: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        if snapshot.candidate is None:
            continue
        key = str(snapshot.candidate["external_id"])
        if key not in newest or newest[key].seen_at < snapshot.seen_at:
            newest[key] = snapshot
    return {key: snapshot.candidate or {} for key, snapshot in newest.items()}
