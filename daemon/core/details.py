"""Decides which details of a record are to be read, and what becomes of them. Pure.

A record is imported without the fields that only its details have, and these are read later. A field
that came from a detail stays until a detail says otherwise: no import without it takes it away.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from daemon.core.diff import ATTACHMENTS, CUSTOM
from daemon.core.exported_field import without_own
from daemon.core.snapshot import Record, Snapshot, changed_at

CANDIDATE, APPLICATION = "candidate", "application"
OF_APPLICATIONS = ("source", "custom_fields")
"""The fields of applications that details may give."""


class DetailMemory(msgspec.Struct, frozen=True):
    """The part of a snapshot that says which details of its record were read last, and what they gave."""

    version: str
    """The version of the list's `DetailFacts`."""
    basis: datetime | bytes | None
    """When the record that they belong to had changed; its fingerprint where the ATS does not say."""
    at: datetime
    keys: Mapping[str, frozenset[str]] = {}
    """By part of the record: the custom fields that came from details."""
    files: frozenset[str | None] = frozenset()
    """External ids of the attachments that came from details."""

    def to_value(self) -> dict[str, Any]:
        """Returns it as it is stored."""
        return {
            "version": self.version,
            "basis": self.basis,
            "at": self.at,
            "keys": {part: sorted(keys) for part, keys in self.keys.items()},
            "files": sorted(self.files, key=str),
        }


def memory_of(snapshot: Snapshot | None) -> DetailMemory | None:
    """Returns the memory of a snapshot; None if no detail was read yet."""
    value = None if snapshot is None else snapshot.detail
    if value is None:
        return None
    return DetailMemory(
        value["version"],
        value["basis"],
        value["at"],
        {part: frozenset(keys) for part, keys in value["keys"].items()},
        frozenset(value["files"]),
    )


def basis_of(snapshot: Snapshot) -> datetime | bytes:
    """Returns a mark of the version of a record: the vendor's own change time, if there is one."""
    return changed_at(snapshot) or snapshot.fingerprint


def is_stale(snapshot: Snapshot, memory: DetailMemory | None, version: str) -> bool:
    """Returns True if the record's details have to be read (again)."""
    if memory is None:
        return True
    return (memory.version, memory.basis) != (version, basis_of(snapshot))


def with_known_details(
    after: Snapshot,
    before: Snapshot | None,
    *,
    fields: Iterable[str],
    version: str,
    candidate_base: Record | None,
    siblings: Sequence[Snapshot] = (),
) -> Snapshot:
    """Returns a record of a list with the fields that earlier details gave, due for a read if stale.

    `candidate_base` is the candidate as last seen in any of the records that hold it, which are
    `siblings`.
    """
    own = memory_of(before)
    of_candidate = _together([own, *map(memory_of, siblings)])
    candidate = after.candidate
    if candidate is not None and candidate_base is not None and of_candidate is not None:
        candidate = _kept(candidate, candidate_base, fields, of_candidate, CANDIDATE)
    known = {a["external_id"]: a for a in before.applications} if before and own else {}
    applications = [
        _kept(a, known[a["external_id"]], fields, own, APPLICATION)
        if own is not None and a["external_id"] in known
        else a
        for a in after.applications
    ]
    due_at = None if before is None else before.detail_due_at
    if is_stale(after, own, version):
        due_at = after.seen_at
    return replace(
        after,
        candidate=candidate,
        applications=applications,
        detail=None if before is None else before.detail,
        detail_due_at=due_at,
    )


def _together(memories: Iterable[DetailMemory | None]) -> DetailMemory | None:
    """Returns one memory of a candidate that several records hold."""
    known = [each for each in memories if each is not None]
    if not known:
        return None
    keys = frozenset[str]().union(*(each.keys.get(CANDIDATE, frozenset()) for each in known))
    files = frozenset[str | None]().union(*(each.files for each in known))
    return replace(known[0], keys={CANDIDATE: keys}, files=files)


def _kept(
    record: Record, known: Record, fields: Iterable[str], memory: DetailMemory, part: str
) -> Record:
    """Returns a record of a list with what details gave of it."""
    kept: dict[str, Any] = dict(record)
    for name in [f.removeprefix(f"{part}.") for f in fields if f.startswith(f"{part}.")]:
        now, old = record[name], known[name]
        if name == CUSTOM:
            keys = memory.keys.get(part, frozenset())
            kept[name] = {k: v for k, v in old.items() if k in keys} | now
        elif name == ATTACHMENTS:
            shown = {each["external_id"] for each in now}
            kept[name] = [
                *now,
                *(f for f in old if f["external_id"] in memory.files - shown),
            ]
        else:
            kept[name] = old
    return kept


def with_details(
    before: Snapshot,
    read: Mapping[str, Mapping[str, Any]],
    *,
    of_applications: Mapping[str, Mapping[str, Any]] | None = None,
    version: str,
    candidate_base: Record | None,
    siblings: Sequence[Snapshot] = (),
    own_field: str | None,
    at: datetime,
) -> Snapshot:
    """Returns a record's snapshot with its details as they were read at a moment; no longer due.

    `read` has the fields by part of the record, `of_applications` those of single applications.

    Whatever else the record has stays: statuses, stages and ids are none of a detail's.
    """
    memory = memory_of(before) or DetailMemory(version, None, at)
    candidate = before.candidate
    of_candidate = without_own(read[CANDIDATE], own_field)
    of_all = without_own(read[APPLICATION], own_field)
    own = {
        key: without_own({**of_all, **fields}, own_field)
        for key, fields in (of_applications or {}).items()
    }
    if candidate is not None:
        others = _together(map(memory_of, siblings))
        merged = _merged(candidate, of_candidate, memory, CANDIDATE, candidate_base, others)
        candidate = {**candidate, **merged}
    applications = [
        {**a, **_merged(a, own.get(a["external_id"], of_all), memory, APPLICATION)}
        for a in before.applications
    ]
    now = DetailMemory(
        version,
        basis_of(before),
        at,
        {
            CANDIDATE: _keys(of_candidate, memory, CANDIDATE),
            APPLICATION: frozenset().union(
                *(_keys(fields, memory, APPLICATION) for fields in own.values() or (of_all,))
            ),
        },
        frozenset(each["external_id"] for each in of_candidate[ATTACHMENTS])
        if ATTACHMENTS in of_candidate
        else memory.files,
    )
    return replace(
        before,
        candidate=candidate,
        applications=applications,
        seen_at=at,
        detail=now.to_value(),
        detail_due_at=None,
    )


def without_details(before: Snapshot, *, version: str, at: datetime) -> Snapshot:
    """Returns the snapshot of a record of which the ATS has no details (any more); no longer due."""
    memory = memory_of(before) or DetailMemory(version, None, at)
    now = replace(memory, version=version, basis=basis_of(before), at=at)
    return replace(before, detail=now.to_value(), detail_due_at=None)


def _keys(read: Mapping[str, Any], memory: DetailMemory, part: str) -> frozenset[str]:
    return frozenset(read[CUSTOM]) if CUSTOM in read else memory.keys.get(part, frozenset())


def _merged(
    record: Record,
    read: Mapping[str, Any],
    memory: DetailMemory,
    part: str,
    base: Record | None = None,
    others: DetailMemory | None = None,
) -> dict[str, Any]:
    """Returns the fields that details give.

    Custom fields and attachments of the list stay, and those that `others` gave, as `base` has them.
    """
    found = dict(read)
    if CUSTOM in read:
        mine = memory.keys.get(part, frozenset())
        theirs = others.keys[part] if others else frozenset[str]()
        listed = {k: v for k, v in record[CUSTOM].items() if k not in mine | theirs}
        kept = {k: v for k, v in (base or record)[CUSTOM].items() if k in theirs}
        found[CUSTOM] = listed | kept | read[CUSTOM]
    if ATTACHMENTS in read:
        now = {f["external_id"] for f in read[ATTACHMENTS]}
        foreign = (others.files if others else frozenset()) - now
        own = now | memory.files
        found[ATTACHMENTS] = [
            *(f for f in record[ATTACHMENTS] if f["external_id"] not in own | foreign),
            *(f for f in (base or record)[ATTACHMENTS] if f["external_id"] in foreign),
            *read[ATTACHMENTS],
        ]
    return found


FIRST_BATCH, MOST_AT_ONCE = 1, 250
"""It begins with one record: at a slow ATS also a few take longer than an event may wait."""
SECONDS_A_BATCH = 2.0
"""A poll that becomes due meanwhile waits about so long."""
_LONGEST_PATIENCE_S = 60.0


class Pace(msgspec.Struct, frozen=True):
    """The records of a list that are read together, and the time for it while something urgent waits."""

    records: int = FIRST_BATCH
    patience_s: float = SECONDS_A_BATCH

    def after(self, records: int, seconds: float) -> "Pace":
        """Returns the pace after a batch that took so long."""
        fitting = int(records * SECONDS_A_BATCH / max(seconds, 0.001))
        return Pace(max(1, min(fitting, records * 2, MOST_AT_ONCE)))

    def after_giving_way(self) -> "Pace":
        """Returns the pace after a batch that was given up.

        Each time it is waited for longer: polls that are always due do not keep details from being read.
        """
        longer = min(2 * self.patience_s, _LONGEST_PATIENCE_S)
        return Pace(max(1, self.records // 2), longer)
