"""Pushes that the ATS accepted and did not make: found when their records are listed again.

A push moves the snapshot as soon as the ATS says that it took effect. If the application is then
listed exactly as it was before, nothing was done: ClearView keeps its status, and the push is
repeated. A push that is lost twice is given up and reported to a person.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from daemon.core.record_change import STATUS_GROUP, ApplicationChange, RecordChange
from models.status import ApplicationStatus


class LostPush(msgspec.Struct, frozen=True):
    """A push that the ATS accepted and that left no trace there."""

    push_id: UUID
    external_id: str
    pushed: ApplicationStatus
    ats: ApplicationStatus
    """The ATS's status, as before."""


def without_lost_pushes(change: RecordChange) -> RecordChange:
    """Drops a status that is back where it was before a push: the ATS did not make the push.

    The snapshot takes the state of the ATS, marked as lost, so that a repetition after a kill
    decides the same.
    """
    if not any(_is_lost(change, application) for application in change.applications):
        return change
    applications = tuple(_kept(a) if _is_lost(change, a) else a for a in change.applications)
    after = replace(change.after, applications=[a.record for a in applications])
    return replace(change, after=after, applications=applications)


def lost_pushes(
    change: RecordChange, clearview: Mapping[str, ApplicationStatus]
) -> Sequence[LostPush]:
    """Returns the lost pushes that ClearView still wants: a later change has a push of its own."""
    return [
        LostPush(
            push_id=application.record["pushed"]["id"],
            external_id=application.external_id,
            pushed=ApplicationStatus((application.before or {})["status"]),
            ats=ApplicationStatus(application.record["status"]),
        )
        for application in change.applications
        if application.is_lost
        and clearview.get(application.external_id) == (application.before or {})["status"]
    ]


def _is_lost(change: RecordChange, application: ApplicationChange) -> bool:
    if application.is_lost:
        return True
    before = application.before or {}
    was = (before.get("pushed") or {}).get("before")
    if was is None or change.before is None or change.before.fingerprint:
        return False
    record = application.record
    moved_back = any(c.path in STATUS_GROUP for c in application.changes)
    same_time = record.get("external_updated_at") == before.get("external_updated_at")
    return moved_back and same_time and all(record.get(n) == was.get(n) for n in STATUS_GROUP)


def _kept(application: ApplicationChange) -> ApplicationChange:
    pushed: Mapping[str, Any] = (application.before or {}).get("pushed") or {}
    mark = {name: value for name, value in pushed.items() if name != "before"} | {"lost": True}
    return replace(
        application,
        record={**application.record, "pushed": mark},
        changes=tuple(c for c in application.changes if c.path not in STATUS_GROUP),
    )
