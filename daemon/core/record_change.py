"""One list record compared with its snapshot, field by field."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from daemon.core.diff import FieldChange, diff_application, diff_candidate, loud
from daemon.core.snapshot import Record, Snapshot

STATUS_GROUP = frozenset({"status", "stage", "rejection_reason", "rejected_at", "hired_at"})
"""Fields that move with a status: taken together from the side that wins."""


class ApplicationChange(msgspec.Struct, frozen=True, gc=False):
    """One application of a record, compared with what was known of it."""

    record: Record
    before: Record | None
    changes: tuple[FieldChange, ...]

    @property
    def external_id(self) -> str:
        return str(self.record["external_id"])

    @property
    def is_new(self) -> bool:
        return self.before is None

    @property
    def is_as_known(self) -> bool:
        """True if nothing changed, and no push of it was lost."""
        return not (self.is_new or self.changes or self.is_lost)

    @property
    def is_lost(self) -> bool:
        """True if a push that the ATS had accepted left no trace there (`core/lost_push.py`)."""
        return bool((self.record.get("pushed") or {}).get("lost"))

    @property
    def status_changed(self) -> bool:
        return any(change.path == "status" for change in self.changes) and not self.is_new


class RecordChange(msgspec.Struct, frozen=True, gc=False):
    """One record, compared with its snapshot."""

    after: Snapshot
    before: Snapshot | None
    candidate_is_new: bool
    candidate_changes: tuple[FieldChange, ...]
    applications: tuple[ApplicationChange, ...]
    vanished_applications: tuple[str, ...]
    """Applications that this very record used to hold and no longer does."""
    returned: bool = False
    """It was marked deleted, and is listed again."""

    @property
    def external_id(self) -> str:
        return self.after.external_id

    @property
    def candidate_external_id(self) -> str:
        if self.after.candidate is not None:
            return str(self.after.candidate["external_id"])
        if self.after.applications:
            return str(self.after.applications[0]["candidate_external_id"])
        return self.after.external_id

    @property
    def is_empty(self) -> bool:
        """True if the content is equal field by field: only the snapshot's fingerprint is new."""
        return not (
            self.candidate_is_new
            or self.candidate_changes
            or self.vanished_applications
            or self.returned
            or (self.applications and any(not a.is_as_known for a in self.applications))
        )

    @property
    def has_new_digest(self) -> bool:
        """True if the digest, fingerprint or mapping version is not that of the snapshot."""
        old, new = self.before, self.after
        return old is None or (old.fingerprint, old.digest, old.mapping_version) != (
            new.fingerprint,
            new.digest,
            new.mapping_version,
        )

    def stamped(self, import_id: UUID) -> Snapshot:
        """Returns the snapshot as an import writes it, with the one that it replaces."""
        before = self.before
        if before is None:
            return replace(self.after, import_id=import_id, previous=None)
        previous = {
            "candidate": before.candidate,
            "applications": list(before.applications),
            "seen_at": before.seen_at,
            "deleted": self.returned,
        }
        return replace(self.after, import_id=import_id, previous=previous)

    @property
    def is_loud(self) -> bool:
        """True if something changed that people want to hear of."""
        return bool(
            self.candidate_is_new
            or loud(self.candidate_changes)
            or self.vanished_applications
            or self.returned
            or any(a.is_new or loud(a.changes) for a in self.applications)
        )


def compare(
    after: Snapshot,
    before: Snapshot | None,
    *,
    candidate_base: Record | None,
    returned: bool = False,
) -> RecordChange:
    """Compares a record with its snapshot.

    `candidate_base` is the candidate as last seen in any record of the list: several records may
    hold the same person.
    """
    candidate, vanished = after.candidate, tuple[str, ...]()
    if before is not None:
        listed = {a["external_id"] for a in after.applications}
        known = (a["external_id"] for a in before.applications)
        vanished = tuple(external_id for external_id in known if external_id not in listed)
    return RecordChange(
        after=after,
        before=before,
        candidate_is_new=candidate is not None and candidate_base is None,
        candidate_changes=()
        if candidate is None or candidate_base is None
        else tuple(diff_candidate(candidate_base, candidate)),
        applications=tuple(_compare_applications(after, before)) if after.applications else (),
        vanished_applications=vanished,
        returned=returned,
    )


def _compare_applications(after: Snapshot, before: Snapshot | None) -> Iterator[ApplicationChange]:
    known = {a["external_id"]: a for a in before.applications} if before else {}
    for record in after.applications:
        old = known.get(record["external_id"])
        changes = () if old is None else tuple(diff_application(old, record))
        yield ApplicationChange(record=record, before=old, changes=changes)


def ignore_stale_status(change: RecordChange, asked_at: datetime) -> RecordChange:
    """Drops a status that the ATS listed before a push reached it.

    `asked_at` is a moment before the page was requested. The status stays what the push made it,
    and the record is compared again when it is listed again.
    """
    if not change.applications or not any(_is_stale(a, asked_at) for a in change.applications):
        return change
    applications = tuple(_held(a) if _is_stale(a, asked_at) else a for a in change.applications)
    after = replace(
        change.after,
        fingerprint=b"",
        digest=None,
        applications=[application.record for application in applications],
    )
    return replace(change, after=after, applications=applications)


def _is_stale(application: ApplicationChange, asked_at: datetime) -> bool:
    pushed = (application.before or {}).get("pushed") or {}
    moved = not application.is_new and any(c.path in STATUS_GROUP for c in application.changes)
    return moved and "at" in pushed and bool(pushed["at"] >= asked_at)


def _held(application: ApplicationChange) -> ApplicationChange:
    before = application.before or {}
    kept = {name: before.get(name) for name in (*STATUS_GROUP, "pushed")}
    record = {**application.record, **kept}
    return replace(application, record=record, changes=tuple(diff_application(before, record)))
