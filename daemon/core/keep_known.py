"""Fields that the ATS could not show now keep the values of the snapshot."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from daemon.core.snapshot import Record, Snapshot


def keep_missing(after: Snapshot, before: Snapshot) -> Snapshot:
    """Fills the empty fields of a record that was mapped while an optional list did not answer.

    A status that may come from that list stays, too, while the application is in the same stage.
    """
    known = {a["external_id"]: a for a in before.applications}
    applications = [
        _application_kept(a, known[a["external_id"]]) if a["external_id"] in known else a
        for a in after.applications
    ]
    candidate = after.candidate
    if candidate is not None and before.candidate is not None:
        candidate = _kept(candidate, before.candidate)
    return replace(after, candidate=candidate, applications=applications)


def _application_kept(after: Record, before: Record) -> Record:
    same_stage = after["stage"].get("external_id") == before["stage"].get("external_id")
    kept = _kept(after, before)
    if same_stage:
        kept |= {"stage": _kept(after["stage"], before["stage"]), "status": before["status"]}
    return kept


def _kept(after: Record, before: Record) -> dict[str, Any]:
    return {
        name: before[name] if _is_empty(value) and not _is_empty(before.get(name)) else value
        for name, value in after.items()
    }


def _is_empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def keep_fields(after: Snapshot, before: Snapshot, names: frozenset[str]) -> Snapshot:
    """Restores fields that could not be read.

    `names` are those of `Mapped.failed_fields`, such as `candidate.phones`.
    """
    known = {a["external_id"]: a for a in before.applications}
    of_application = [n for n in names if n.startswith("application.")]
    of_candidate = [n for n in names if n.startswith("candidate.")]
    applications = [
        _with_fields(a, known[a["external_id"]], of_application) if a["external_id"] in known else a
        for a in after.applications
    ]
    candidate = after.candidate
    if candidate is not None and before.candidate is not None:
        candidate = _with_fields(candidate, before.candidate, of_candidate)
    return replace(after, candidate=candidate, applications=applications)


def _with_fields(after: Record, before: Record, names: Sequence[str]) -> Record:
    fields = {name.split(".")[1] for name in names}
    return {**after, **{name: before[name] for name in fields & after.keys() & before.keys()}}
