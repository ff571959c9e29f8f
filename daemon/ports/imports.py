"""What an import needs from the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

import msgspec

from models.status import ApplicationStatus

Record = Mapping[str, Any]


class Known(NamedTuple):
    """What is remembered of a record, as little as telling a change takes."""

    fingerprint: bytes
    mapping_version: str
    missing: bool
    """The last complete listing lacked it."""
    deleted: bool


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """What the ATS last said in one list record."""

    external_id: str
    fingerprint: bytes
    digest: bytes | None
    candidate: Record | None
    applications: Sequence[Record]
    mapping_version: str
    seen_at: datetime
    import_id: UUID | None = None
    previous: Mapping[str, Any] | None = None
    """What it replaced, enough to compare once more: `candidate`, `applications`, `seen_at`, and
    `deleted` if it was marked deleted; None if the record was new with this import."""

    def stamped(self, import_id: UUID, previous: Mapping[str, Any] | None) -> "Snapshot":
        """The same as an import writes it."""
        return Snapshot(
            self.external_id,
            self.fingerprint,
            self.digest,
            self.candidate,
            self.applications,
            self.mapping_version,
            self.seen_at,
            import_id,
            previous,
        )


class Snapshots(Protocol):
    """Snapshots of one integration's lists."""

    async def digests(
        self, list_name: str, external_ids: Sequence[str], *, mapping_version: str
    ) -> Mapping[str, bytes | None]:
        """Of every record that is known: the digest under which nothing need be done about it.

        None for one that has to be looked at whatever its bytes: it was mapped by other rules, is
        missing or marked deleted, or was never compared by its bytes.
        """
        ...

    async def known(self, list_name: str, external_ids: Sequence[str]) -> Mapping[str, Known]: ...

    async def load(self, list_name: str, external_ids: Sequence[str]) -> list[Snapshot]: ...

    async def load_by_candidate(
        self, list_name: str, candidate_external_ids: Sequence[str]
    ) -> list[Snapshot]:
        """Every live snapshot of the list that carries one of these candidates."""
        ...

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        """Durable when it returns; what cannot be stored comes back (external id -> reason).

        A replayed page meets its own snapshots: that is no error.
        """
        ...

    async def refresh(self, list_name: str, records: Sequence[Snapshot]) -> None:
        """Remember new digests and mapping versions of content that did not change."""
        ...

    async def forget(self, list_name: str, external_ids: Sequence[str], import_id: UUID) -> None:
        """Undo what this import wrote for records that ClearView did not take."""
        ...

    async def pushed(self, list_name: str, *, before: datetime, limit: int) -> list[str]:
        """Records that have to be compared with what the ATS has, and were not pushed since then."""
        ...

    async def has_any(self, list_name: str) -> bool:
        """Whether there is one of this list, live or not."""
        ...

    async def count(self, list_name: str) -> int:
        """How many there are of this list, live or not."""
        ...

    def live_ids(self, list_name: str) -> AsyncIterator[tuple[str, datetime | None]]:
        """(external id, missing since) of every record not marked deleted."""
        ...

    async def mark_missing(
        self, list_name: str, external_ids: Sequence[str], at: datetime
    ) -> None: ...

    async def mark_seen(self, list_name: str, digests: Mapping[str, bytes | None]) -> None:
        """Neither missing nor deleted any more, with the digest that each was found with."""
        ...

    async def mark_deleted(
        self, list_name: str, external_ids: Sequence[str], at: datetime
    ) -> None: ...


class Patch(msgspec.Struct, frozen=True):
    """Fields of one ClearView document to set and to remove, by dotted path."""

    external_id: str
    set: Mapping[str, Any]
    unset: Sequence[str] = ()
    expected_status: ApplicationStatus | None = None
    """For an application whose status is set: the status ClearView must still have."""


class ClearViewBatch(msgspec.Struct):
    """What one page changes in ClearView."""

    import_id: UUID
    at: datetime
    new_candidates: list[Record] = msgspec.field(default_factory=list)
    new_applications: list[Record] = msgspec.field(default_factory=list)
    candidate_patches: list[Patch] = msgspec.field(default_factory=list)
    application_patches: list[Patch] = msgspec.field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.new_candidates
            or self.new_applications
            or self.candidate_patches
            or self.application_patches
        )


class ClearViewOutcome(msgspec.Struct, frozen=True):
    """What ClearView did not simply take."""

    failed_candidates: Mapping[str, str] = msgspec.field(default_factory=dict)
    """External id of a candidate -> why it was refused."""
    failed_applications: Mapping[str, str] = msgspec.field(default_factory=dict)
    existing_candidates: frozenset[str] = frozenset()
    """New to the snapshots, but there already: left as they are."""
    existing_applications: frozenset[str] = frozenset()
    moved_applications: frozenset[str] = frozenset()
    """Their status was no longer the expected one: the status was not set, the rest was."""


class Taken(msgspec.Struct, frozen=True):
    """External ids of what one import has written completely in ClearView."""

    candidates: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()


class CandidateManagement(Protocol):
    """ClearView's Candidate Management Service, for one integration."""

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        """Durable when it returns; repeating a batch changes nothing more."""
        ...

    async def taken(
        self, import_id: UUID, *, candidates: Sequence[str], applications: Sequence[str]
    ) -> Taken:
        """Which of these this very import was the last to write, each in full.

        What people changed in them came later and is not to be written over.
        """
        ...

    async def statuses(
        self, application_external_ids: Sequence[str]
    ) -> Mapping[str, ApplicationStatus]:
        """The present status in ClearView of those that exist there."""
        ...

    async def edited_at(self, application_external_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When a person last changed these statuses in ClearView, where that is known."""
        ...

    async def delete(
        self,
        *,
        candidates: Sequence[str],
        applications: Sequence[str],
        at: datetime,
        import_id: UUID,
    ) -> Mapping[str, str]:
        """Mark as deleted; what is marked already stays as it is.

        External id of a candidate or application -> why ClearView refuses that.
        """
        ...


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


class ImportHistory(Protocol):
    """The import log and the field changes of one integration."""

    async def record(
        self,
        *,
        walk_id: UUID,
        run_id: UUID,
        at: datetime,
        lines: Sequence[LogLine],
        changes: Sequence[ChangeLine],
    ) -> None:
        """One log document per candidate and walk, whatever is replayed."""
        ...


class FailedRecordFacts(msgspec.Struct, frozen=True):
    """A record that waits for another try."""

    list_name: str
    external_id: str
    attempts: int


class FailedRecords(Protocol):
    """Records whose import failed, of one integration."""

    async def all_ids(self, list_name: str) -> frozenset[str]: ...

    async def due(self, list_name: str, now: datetime) -> list[FailedRecordFacts]: ...

    async def waiting(
        self, list_name: str, failures: Mapping[str, str], *, now: datetime
    ) -> frozenset[str]:
        """Which of these failed for the same reason before and are not to be tried yet, or no more."""
        ...

    async def add(self, list_name: str, external_id: str, *, error: str, now: datetime) -> bool:
        """Count one more failure; True if that made it a dead letter."""
        ...

    async def remove(self, list_name: str, external_ids: Sequence[str]) -> None: ...

    async def dead(self) -> int: ...


class Checkpoints(Protocol):
    """Stored positions."""

    async def load(self, key: str) -> dict[str, Any] | None: ...

    async def save(self, key: str, value: Mapping[str, Any], *, fence: int) -> None:
        """Durable when it returns.

        Raises:
            LeaseLost: someone with a later fencing token has written it since.
        """
        ...


class StatusConflict(msgspec.Struct, frozen=True):
    """Both sides changed one application's status."""

    application_external_id: str
    candidate_external_id: str
    base: ApplicationStatus | None
    ats: ApplicationStatus
    clearview: ApplicationStatus
    policy: Literal["ats_wins", "clearview_wins", "newest_wins"]
    winner: Literal["ats", "clearview"] | None


class LostPush(msgspec.Struct, frozen=True):
    """A push that the ATS accepted and that left no trace there."""

    push_id: UUID
    external_id: str
    pushed: ApplicationStatus
    ats: ApplicationStatus
    """The ATS's status, as before."""


class Pushes(Protocol):
    """The outbox, as far as an import finds that a push was lost."""

    async def repeat(self, lost: Sequence[LostPush], *, at: datetime) -> int:
        """Queue each once more; how many were given up, for having been lost before.

        Repeating it changes nothing more.
        """
        ...


class Conflicts(Protocol):
    """Recorded conflicts of one integration."""

    async def record(self, conflicts: Sequence[StatusConflict], *, at: datetime) -> None:
        """Repeating the same conflict is harmless."""
        ...

    async def settle(self, application_external_ids: Sequence[str], *, at: datetime) -> int:
        """Close the open conflicts of applications on which both sides agree; how many there were."""
        ...

    async def count_open(self) -> int:
        """How many of the integration's wait for a person."""
        ...
