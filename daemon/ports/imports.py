"""Ports of an import: the collections that it reads and writes, and ClearView."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome, Taken
from daemon.core.conflict import StatusConflict
from daemon.core.erasure import PersonIds
from daemon.core.import_log import ChangeLine, HidesCustom, LogLine
from daemon.core.lost_push import LostPush
from daemon.core.snapshot import Known, Record, Snapshot
from models.status import ApplicationStatus


class Snapshots(Protocol):
    """Snapshots of one integration's lists."""

    async def digests(
        self, list_name: str, external_ids: Sequence[str], *, mapping_version: str
    ) -> Mapping[str, bytes | None]:
        """Returns the digest of every known record whose bytes may prove it unchanged.

        None for a record that must be mapped whatever its bytes: another mapping version made its
        snapshot, it is missing or marked deleted, or it has no digest.
        """

    async def known(self, list_name: str, external_ids: Sequence[str]) -> Mapping[str, Known]: ...

    async def load(self, list_name: str, external_ids: Sequence[str]) -> list[Snapshot]: ...

    async def load_by_candidate(
        self, list_name: str, candidate_external_ids: Sequence[str]
    ) -> list[Snapshot]:
        """Returns every live snapshot of the list that carries one of these candidates."""

    async def applications_of(
        self, list_name: str, candidate_external_ids: Sequence[str]
    ) -> list[str]:
        """Returns every live record of a list of applications that is one of these candidates'."""

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        """Returns the refused snapshots (external id -> reason); the others are durable.

        A replayed page finds its own snapshots: that is no error.
        """

    async def refresh(self, list_name: str, records: Sequence[Snapshot]) -> None:
        """Stores new digests, fingerprints and mapping versions of unchanged content."""

    async def forget(self, list_name: str, external_ids: Sequence[str], import_id: UUID) -> None:
        """Undoes what this import wrote for records that ClearView refused."""

    async def drop_previous(self, list_name: str) -> None:
        """Removes what the last writes of the list's records have replaced; no page may be under way."""

    async def pushed(self, list_name: str, *, before: datetime, limit: int) -> list[str]:
        """Returns records that a push before `before` has moved and no poll has compared since."""

    async def has_any(self, list_name: str) -> bool:
        """Returns True if the list has a snapshot, live or not."""

    async def count(self, list_name: str) -> int:
        """Returns the number of the list's snapshots, live or not."""

    def live_ids(self, list_name: str) -> AsyncIterator[tuple[str, datetime | None]]:
        """Yields (external id, missing since) of every record not marked deleted."""

    def with_attachments(self, list_name: str) -> AsyncIterator[Snapshot]:
        """Yields the live records of a list whose candidates have files."""

    async def mark_missing(
        self, list_name: str, external_ids: Sequence[str], at: datetime
    ) -> None: ...

    async def mark_seen(self, list_name: str, digests: Mapping[str, bytes | None]) -> None:
        """Clears the missing and deleted marks, and stores the digest of each record."""

    async def mark_deleted(
        self, list_name: str, external_ids: Sequence[str], at: datetime
    ) -> None: ...


class PendingDetails(Protocol):
    """The records of one integration whose details are to be read, or were."""

    async def due(self, list_name: str, now: datetime, *, limit: int) -> Sequence[str]:
        """Returns the external ids whose turn it is, those that wait longest first."""

    async def count(self, list_name: str) -> int:
        """Returns the number of live records that wait for their details."""

    async def write(
        self, list_name: str, records: Sequence[Snapshot], import_id: UUID
    ) -> Mapping[str, str]:
        """Writes fields that details gave, with the content that they replace, and ends the wait.

        Returns the refused ones (external id -> reason). What a push writes meanwhile stays.
        """

    async def unchanged(self, list_name: str, records: Sequence[Snapshot]) -> None:
        """Ends the wait of records whose details brought nothing new."""

    async def failed(self, list_name: str, failures: Mapping[str, str], now: datetime) -> None:
        """Puts records off, each time for longer (external id -> reason)."""

    async def absent(
        self, list_name: str, external_ids: Collection[str], now: datetime
    ) -> frozenset[str]:
        """Returns those of records which the ATS does not have that are to be believed gone.

        A record may be so new that the ATS lists it and does not show it yet: the others are put off.
        """

    async def sweep(self, list_name: str, at: datetime) -> None:
        """Makes the details of every live record due."""


class CandidateManagement(Protocol):
    """ClearView's Candidate Management Service, for one integration."""

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        """Writes a batch; durable when it returns. Repeating it changes nothing more."""

    async def taken(
        self, import_id: UUID, *, candidates: Sequence[str], applications: Sequence[str]
    ) -> Taken:
        """Returns those of these documents that this import was the last to write, each in full.

        A person may have edited them since: they must not be overwritten.
        """

    async def statuses(
        self, application_external_ids: Sequence[str]
    ) -> Mapping[str, ApplicationStatus]:
        """Returns the present status of the applications that exist in ClearView."""

    async def edited_at(self, application_external_ids: Sequence[str]) -> Mapping[str, datetime]:
        """Returns when a person last changed these statuses in ClearView, where that is known."""

    async def delete(
        self,
        *,
        candidates: Sequence[str],
        applications: Sequence[str],
        at: datetime,
        import_id: UUID,
    ) -> Mapping[str, str]:
        """Marks documents deleted, and returns the refused ones (external id -> reason).

        A document that is marked already stays as it is.
        """

    async def erase(self, person: PersonIds, *, at: datetime) -> None:
        """Removes the candidates with their applications; repeating it is harmless.

        Raises:
            ServiceFailed: the service did not take it.
        """


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
        """Stores one log document per candidate and walk, also when it is repeated."""

    async def clear(self, fields: Collection[str], hides_custom: HidesCustom) -> None:
        """Removes the values of these fields, such as `candidate.phones`, and of the custom fields from all changes."""


class FailedRecords(Protocol):
    """Records of one integration whose import failed."""

    async def all_ids(self, list_name: str) -> frozenset[str]: ...

    async def due(self, list_name: str, now: datetime) -> Sequence[str]:
        """Returns the external ids to be tried again now."""

    async def waiting(
        self, list_name: str, failures: Mapping[str, str], *, now: datetime
    ) -> frozenset[str]:
        """Returns those of these failures that are known by the same reason and not due yet.

        A dead letter is never due.
        """

    async def add(self, list_name: str, external_id: str, *, error: str, now: datetime) -> bool:
        """Counts one more failure; True if that made it a dead letter."""

    async def remove(self, list_name: str, external_ids: Sequence[str]) -> None: ...

    async def dead(self) -> int: ...


class Checkpoints(Protocol):
    """Stored positions."""

    async def load(self, key: str) -> dict[str, Any] | None: ...

    async def save(self, key: str, value: Mapping[str, Any], *, fence: int) -> None:
        """Stores a position; durable when it returns.

        Raises:
            LeaseLost: a holder with a later fencing token has written it since.
        """


class Pushes(Protocol):
    """The outbox, as far as an import finds that a push was lost."""

    async def repeat(self, lost: Sequence[LostPush], *, at: datetime) -> int:
        """Queues each push once more, and returns the number given up after a second loss.

        Repeating it changes nothing more.
        """


class Conflicts(Protocol):
    """Recorded conflicts of one integration."""

    async def record(self, conflicts: Sequence[StatusConflict], *, at: datetime) -> None:
        """Stores conflicts; repeating one is harmless."""

    async def resolve(self, application_external_ids: Sequence[str], *, at: datetime) -> int:
        """Closes the open conflicts of these applications, and returns their number."""

    async def count_open(self) -> int:
        """Returns the number of conflicts that wait for a person."""


class ClearViewReader(Protocol):
    """One integration's part of ClearView, to be compared by `verify`; read only."""

    async def candidates(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """Returns the documents that exist, deleted ones with `deleted_at`."""

    async def applications(self, external_ids: Sequence[str]) -> Mapping[str, Record]:
        """Returns the same for applications; `candidate_external_id` names the candidate."""

    def live_candidates(self) -> AsyncIterator[str]:
        """Yields the external ids of all that are not deleted."""

    def live_applications(self) -> AsyncIterator[str]: ...

    async def pending_pushes(self, application_external_ids: Sequence[str]) -> frozenset[str]:
        """Returns those with a push in the outbox that is neither delivered nor given up."""
