"""The changes between two canonical records, field by field.

Custom fields are compared key by key (`custom_fields.salary`), everything else as a whole. Signed
URLs of attachments and the time of the last change are not changes by themselves; a record that
differs only there still has to be patched, quietly.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from models.candidate import APPLICATION_FIELDS, CANDIDATE_FIELDS, META_FIELDS
from models.status import TURNED_DOWN, ApplicationStatus

CUSTOM = "custom_fields"
ATTACHMENTS = "attachments"
_CLOSING_TIMES = frozenset({"rejected_at", "hired_at"})


class FieldChange(msgspec.Struct, frozen=True):
    """One field that differs. A custom field that vanished has `new` None and `removed` True."""

    path: str
    old: Any
    new: Any
    quiet: bool = False
    """True: to be patched, but no change that people want to hear of."""
    removed: bool = False


def diff_candidate(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[FieldChange]:
    """Fields of a candidate that differ; every filled field if there was no candidate before."""
    return list(_differences(old or {}, new, CANDIDATE_FIELDS))


def diff_application(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[FieldChange]:
    """Fields of an application that differ.

    When the status is the same on both sides, the times and the reason that the ATS adds to a
    status which was pushed to it are quiet: a push is not imported again as a change.
    """
    before = old or {}
    changes = list(_differences(before, new, APPLICATION_FIELDS))
    if old is None or before.get("status") != new["status"]:
        return changes
    return [_hush_consequences(change, new["status"]) for change in changes]


def _hush_consequences(change: FieldChange, status: ApplicationStatus) -> FieldChange:
    follows = change.path in _CLOSING_TIMES or (
        change.path == "rejection_reason" and change.old is None and status in TURNED_DOWN
    )
    if not follows:
        return change
    return FieldChange(change.path, change.old, change.new, quiet=True)


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], fields: Sequence[str]
) -> Iterator[FieldChange]:
    for field in fields:
        before, after = old.get(field), new[field]
        if before == after or field == "external_id":
            continue
        if field == CUSTOM:
            yield from _custom_differences(before or {}, after)
        elif field == ATTACHMENTS and _without_urls(before or []) == _without_urls(after):
            yield FieldChange(field, before, after, quiet=True)
        else:
            yield FieldChange(field, before, after, quiet=field in META_FIELDS)


def _custom_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) or (key in old) != (key in new):
            yield FieldChange(f"{CUSTOM}.{key}", old.get(key), new.get(key), removed=key not in new)


def _without_urls(attachments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the attachments without their addresses, which change with every signature; having one counts."""
    return [
        {**{k: v for k, v in item.items() if k != "url_expires_at"}, "url": known_by(item)}
        for item in attachments
    ]


def loud(changes: Sequence[FieldChange]) -> list[FieldChange]:
    """Returns the changes that people want to hear of."""
    return [change for change in changes if not change.quiet]


def known_by(attachment: Mapping[str, Any]) -> str | bool:
    """Returns what of a file's address says that it is another file.

    Addresses change with every signature, and a file with a name is known by that. One without a name
    may be replaced under the same id, such as the only resume of a candidate: it is known by its path.
    """
    address = attachment.get("url")
    if attachment.get("name") is not None or not isinstance(address, str):
        return bool(address)
    return address.partition("?")[0]
