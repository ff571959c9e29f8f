"""Lines of `candidates_import_log` and `candidate_changes`."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from daemon.core.diff import FieldChange, loud
from daemon.core.record_change import RecordChange

HidesCustom = Callable[[str, str], bool]
"""True for a custom field that is kept out, by its part and its name or path."""
_CUSTOM = re.compile(r"(?P<application>applications\..+?\.)?custom_fields\.(?P<name>.+)", re.DOTALL)
_NO_PATH = re.compile(r"(?!)")


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One version of one candidate, for `candidates_import_log`."""

    candidate_external_id: str
    change: Literal["created", "updated", "deleted"]
    changed_fields: tuple[str, ...] = ()
    status: Literal["Success", "Failed"] = "Success"
    error: str | None = None


class ChangeLine(msgspec.Struct, frozen=True):
    """One field of one candidate, for `candidate_changes`."""

    candidate_external_id: str
    application_external_id: str | None
    path: str
    old: Any
    new: Any


def paths_of(fields: Collection[str]) -> re.Pattern[str]:
    """Returns a pattern for the paths of fields such as `candidate.phones`, and of what is inside them."""
    found = []
    for field in sorted(fields):
        part, _, name = field.partition(".")
        found.append((r"applications\.[^.]+\." if part == "application" else "") + re.escape(name))
    return re.compile(rf"^({'|'.join(found)})(\.|$)")


def is_hidden_custom(path: str, hides_custom: HidesCustom) -> bool:
    """True for the path of a custom field that is kept out because of its name."""
    found = _CUSTOM.match(path)
    return found is not None and hides_custom(
        "application" if found["application"] else "candidate", found["name"]
    )


def without_former(
    lines: Iterable[ChangeLine], hidden: Collection[str], hides_custom: HidesCustom
) -> list[ChangeLine]:
    """Returns the lines without the former values of these fields, which may be from before they were hidden."""
    paths = paths_of(hidden) if hidden else _NO_PATH
    return [
        replace(line, old=None)
        if paths.match(line.path) or is_hidden_custom(line.path, hides_custom)
        else line
        for line in lines
    ]


def log_line(change: RecordChange) -> LogLine | None:
    """Returns the line of the import log; None if nothing changed that people want to hear of."""
    if not change.is_loud:
        return None
    if change.candidate_is_new:
        return LogLine(change.candidate_external_id, "created")
    return LogLine(change.candidate_external_id, "updated", tuple(_changed_fields(change)))


def _changed_fields(change: RecordChange) -> Iterator[str]:
    yield from (c.path for c in loud(change.candidate_changes))
    for application in change.applications:
        prefix = f"applications.{application.external_id}"
        if application.is_new:
            yield prefix
        yield from (f"{prefix}.{c.path}" for c in loud(application.changes))
    if change.returned:
        yield "deleted_at"
    yield from (f"applications.{gone}.deleted_at" for gone in change.vanished_applications)


def change_lines(
    candidate_external_id: str, application_external_id: str | None, changes: Sequence[FieldChange]
) -> list[ChangeLine]:
    """Returns one line for each loud change of a candidate, or of one of its applications."""
    prefix = f"applications.{application_external_id}." if application_external_id else ""
    return [
        ChangeLine(
            candidate_external_id=candidate_external_id,
            application_external_id=application_external_id,
            path=prefix + change.path,
            old=change.old,
            new=change.new,
        )
        for change in loud(changes)
    ]


_RANK = {"updated": 0, "created": 1, "deleted": 2}


def merge_lines(lines: Sequence[LogLine]) -> list[LogLine]:
    """Returns one line per candidate and outcome: a creation or deletion outranks an update."""
    merged: dict[tuple[str, str], LogLine] = {}
    for line in lines:
        key = (line.candidate_external_id, line.status)
        merged[key] = _merge_two(merged[key], line) if key in merged else line
    return list(merged.values())


def _merge_two(one: LogLine, other: LogLine) -> LogLine:
    if _RANK[one.change] != _RANK[other.change]:
        return max(one, other, key=lambda line: _RANK[line.change])
    fields = dict.fromkeys((*one.changed_fields, *other.changed_fields))
    return replace(one, changed_fields=tuple(fields))
