"""Three-way comparison: what the ATS says, what is remembered of it, what ClearView holds."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from daemon.core.diff import (
    ATTACHMENTS,
    CUSTOM,
    FieldChange,
    diff_application,
    diff_candidate,
    loud,
)
from daemon.core.snapshot import Record
from models.candidate import APPLICATION_FIELDS, CANDIDATE_FIELDS, FILE_FIELDS, META_FIELDS

Kind = Literal[
    "missing in snapshots",
    "missing in ClearView",
    "field differs",
    "deleted here, present there",
    "present here, gone there",
    "cannot be mapped",
    "pending push",
    "local edit",
    "kept by policy",
]
Subject = Literal["record", "candidate", "application"]
EXPECTED: frozenset[Kind] = frozenset({"pending push", "local edit", "kept by policy"})
"""Differences that are as they should be."""


class Drift(msgspec.Struct, frozen=True):
    """One difference between the three. Values are the customer's: for their eyes, not for logs."""

    kind: Kind
    subject: Subject
    external_id: str
    list_name: str | None = None
    path: str | None = None
    ats: Any = None
    snapshot: Any = None
    clearview: Any = None

    @property
    def is_drift(self) -> bool:
        """False for a difference that is known and will pass, or is wanted."""
        return self.kind not in EXPECTED


class VerificationCounts(msgspec.Struct):
    """The counts of a comparison."""

    records: int = 0
    candidates: int = 0
    applications: int = 0
    pages: int = 0
    found: Counter[Kind] = msgspec.field(default_factory=Counter)

    def note(self, item: Drift) -> Drift:
        self.found[item.kind] += 1
        return item

    @property
    def drift(self) -> int:
        """The number of differences that should not be there."""
        return sum(count for kind, count in self.found.items() if kind not in EXPECTED)


class Remembered(msgspec.Struct, frozen=True):
    """One list record as its snapshot has it."""

    candidate: Record | None
    applications: Mapping[str, Record]
    deleted: bool
    given: Record | None = None
    """The candidate as ClearView got it last, if a later record had it, too."""


class Said(msgspec.Struct, frozen=True):
    """One list record as the ATS has it now."""

    external_id: str
    list_name: str
    candidate: Record | None
    applications: Mapping[str, Record]


class Held(msgspec.Struct, frozen=True):
    """One page's candidates and applications in ClearView, by external id."""

    candidates: Mapping[str, Record]
    applications: Mapping[str, Record]
    pending: frozenset[str] = frozenset()
    """Applications with a push that is not finished."""


def compare_record(said: Said, remembered: Remembered | None, held: Held | None) -> Iterator[Drift]:
    """Yields the differences of one listed record. `held` None: ClearView is not compared."""
    if remembered is None:
        yield Drift("missing in snapshots", "record", said.external_id, said.list_name)
        remembered = Remembered(said.candidate, said.applications, deleted=False)
    elif remembered.deleted:
        yield Drift("deleted here, present there", "record", said.external_id, said.list_name)
    if said.candidate is not None:
        yield from _compare_candidate(said, remembered, held)
    for external_id in sorted(said.applications.keys() | remembered.applications.keys()):
        yield from _compare_application(external_id, said, remembered, held)


def _compare_candidate(said: Said, remembered: Remembered, held: Held | None) -> Iterator[Drift]:
    ats, snapshot = said.candidate or {}, remembered.candidate
    external_id = str(ats["external_id"])
    clearview = None if held is None else held.candidates.get(external_id)
    if snapshot is None:
        yield Drift("missing in snapshots", "candidate", external_id, said.list_name)
        snapshot = ats
    moved = loud(diff_candidate(snapshot, ats))
    item = _Subject("candidate", external_id, said.list_name)
    yield from _fields(item, moved, clearview)
    if held is not None:
        given = remembered.given or snapshot
        yield from _beside_clearview(item, given, clearview, {c.path for c in moved})


def _compare_application(
    external_id: str, said: Said, remembered: Remembered, held: Held | None
) -> Iterator[Drift]:
    item = _Subject("application", external_id, said.list_name)
    ats, snapshot = said.applications.get(external_id), remembered.applications.get(external_id)
    clearview = None if held is None else held.applications.get(external_id)
    if ats is None:
        yield item.drift("present here, gone there")
        return
    if snapshot is None:
        yield item.drift("missing in snapshots")
        snapshot = ats
    moved = loud(diff_application(snapshot, ats))
    yield from _fields(item, moved, clearview)
    if held is not None:
        waits = external_id in held.pending
        paths = {c.path for c in moved}
        yield from _beside_clearview(item, snapshot, clearview, paths, waits=waits)


class _Subject(msgspec.Struct, frozen=True):
    subject: Literal["candidate", "application"]
    external_id: str
    list_name: str

    def drift(self, kind: Kind, **values: Any) -> Drift:
        return Drift(kind, self.subject, self.external_id, self.list_name, **values)


def _fields(item: _Subject, moved: list[FieldChange], clearview: Record | None) -> Iterator[Drift]:
    """Yields the fields in which the ATS differs from the snapshot."""
    for change in moved:
        yield item.drift(
            "field differs",
            path=change.path,
            ats=change.new,
            snapshot=change.old,
            clearview=_value(clearview, change.path),
        )


def _beside_clearview(
    item: _Subject,
    snapshot: Record,
    clearview: Record | None,
    reported: set[str],
    *,
    waits: bool = False,
) -> Iterator[Drift]:
    """Yields the fields in which ClearView differs from the snapshot, but those in `reported`."""
    if clearview is None:
        yield item.drift("missing in ClearView")
        return
    if clearview.get("deleted_at") is not None:
        yield item.drift("deleted here, present there")
    of_status: Kind = "pending push" if waits else "field differs"
    for path in _differing(item.subject, snapshot, clearview):
        if path not in reported:
            kind: Kind = of_status if path == "status" else "local edit"
            value = _value(snapshot, path)
            yield item.drift(
                kind, path=path, ats=value, snapshot=value, clearview=_value(clearview, path)
            )


def _differing(
    subject: Literal["candidate", "application"], snapshot: Record, clearview: Record
) -> Iterator[str]:
    fields = CANDIDATE_FIELDS if subject == "candidate" else APPLICATION_FIELDS
    for name in fields:
        ours, theirs = snapshot.get(name), clearview.get(name)
        if name == ATTACHMENTS:
            theirs = _without_files(theirs)
        if ours == theirs or name in META_FIELDS:
            continue
        if name == CUSTOM:
            ours, theirs = _mapping(ours), _mapping(theirs)
            keys = sorted(ours.keys() | theirs.keys())
            yield from (f"{CUSTOM}.{key}" for key in keys if ours.get(key) != theirs.get(key))
        else:
            yield name


def _value(record: Record | None, path: str) -> Any:
    if record is None:
        return None
    top, _, key = path.partition(".")
    return _mapping(record.get(top)).get(key) if key else record.get(top)


def _without_files(attachments: Any) -> Any:
    """Returns ClearView's attachments as the ATS says them: without what fetching them has added."""
    if not isinstance(attachments, list):
        return attachments
    return [
        {name: value for name, value in each.items() if name not in FILE_FIELDS}
        if isinstance(each, Mapping)
        else each
        for each in attachments
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    """Returns custom fields; empty where a person has written something else there."""
    return value if isinstance(value, Mapping) else {}
