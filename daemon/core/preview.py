"""The preview of an import for a person, made from the same plans that it would write."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from daemon.core.conflict import StatusConflict
from daemon.core.import_plan import RecordPlan
from daemon.core.snapshot import Record
from models.candidate import CANDIDATE_FIELDS

_SHOWN_OF_APPLICATIONS = ("job", "status", "stage", "rejection_reason")


class PreviewedField(msgspec.Struct, frozen=True):
    """One field of a candidate or of one of its applications. Values are for a person's eyes."""

    path: str
    old: Any
    new: Any


class PreviewedChange(msgspec.Struct, frozen=True):
    """The effect of an import on one record."""

    list_name: str
    external_id: str
    candidate_external_id: str | None
    change: Literal["created", "updated", "deleted", "failed"]
    fields: tuple[PreviewedField, ...] = ()
    conflicts: tuple[StatusConflict, ...] = ()
    reason: str | None = None


class PreviewCounts(msgspec.Struct):
    """The counts of a preview."""

    pages: int = 0
    seen: int = 0
    unchanged: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    conflicts: int = 0
    brakes: list[str] = msgspec.field(default_factory=list)
    """Why deletions would be refused."""

    def note(self, item: PreviewedChange) -> PreviewedChange:
        setattr(self, item.change, getattr(self, item.change) + 1)
        self.conflicts += len(item.conflicts)
        return item


def previewed(plan: RecordPlan, list_name: str, *, is_new: bool) -> PreviewedChange | None:
    """Returns the preview of a plan; None if it has no line in the import log.

    `is_new`: the candidate is created, and no earlier record of this preview has created it.
    """
    if plan.log is None:
        return None
    return PreviewedChange(
        list_name=list_name,
        external_id=plan.change.external_id,
        candidate_external_id=plan.change.candidate_external_id,
        change="created" if is_new else "updated",
        fields=tuple(_fields(plan, is_new=is_new)),
        conflicts=tuple(plan.conflicts),
    )


def _fields(plan: RecordPlan, *, is_new: bool) -> Iterator[PreviewedField]:
    if is_new and plan.new_candidate is not None:
        names = tuple(name for name in CANDIDATE_FIELDS if name != "external_id")
        yield from _filled(plan.new_candidate, names, "")
    if plan.change.returned:
        yield PreviewedField("deleted_at", "deleted", None)
    for record in plan.new_applications:
        yield from _filled(record, _SHOWN_OF_APPLICATIONS, f"applications.{record['external_id']}.")
    for line in plan.changes:
        yield PreviewedField(line.path, line.old, line.new)
    for gone in plan.change.vanished_applications:
        yield PreviewedField(f"applications.{gone}.deleted_at", None, "gone")


def _filled(record: Record, names: tuple[str, ...], prefix: str) -> Iterator[PreviewedField]:
    for name in names:
        value = record.get(name)
        if _says_something(value):
            yield PreviewedField(prefix + name, None, value)


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(part) for part in value.values())
    return value not in (None, "", [], False)
