"""What the status push needs from the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from daemon.core.conflict import Policy, Winner
from daemon.core.push_plan import Earlier, KnownApplication, StatusEvent
from models.candidate import NamedRef
from models.status import ApplicationStatus

RowState = Literal["pending", "in_flight", "retrying", "delivered", "skipped", "superseded", "dead"]
DoneState = Literal["delivered", "skipped", "superseded", "dead"]
Outcome = Literal["Success", "Failed", "Skipped"]


class PositionLost(Exception):
    """The stream cannot go on from the stored position: changes may have been missed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StreamInterrupted(Exception):
    """The stream broke off for now: open it again from the last position."""

    def __init__(self, reason: str, *, by_content: bool = False) -> None:
        super().__init__(reason)
        self.by_content = by_content
        """What was read ended it, so that reading it once more may end in the same way."""


class Position(msgspec.Struct, frozen=True):
    """Where the stream is. `token` is opaque and stored as it is."""

    token: Mapping[str, Any]
    at: datetime
    """The moment up to which everything was read, by the server's clock."""


class Batch(msgspec.Struct, frozen=True):
    """Changes in stream order, and the position behind them. Empty: the stream was idle."""

    events: Sequence[StatusEvent]
    position: Position
    lost: str | None = None
    """Set when the collection was dropped or renamed: what ClearView holds must be compared."""


class OpenStream(Protocol):
    """A change stream that is open."""

    @property
    def start(self) -> Position: ...

    async def next_batch(self) -> Batch:
        """The next changes, or an empty batch after about a second without any.

        Raises:
            PositionLost: the stream cannot go on from where it is.
        """
        ...

    async def close(self) -> None: ...


class EventSource(Protocol):
    """Status changes of ClearView's applications."""

    @property
    def pipeline_fingerprint(self) -> str:
        """Changes when tokens of the old pipeline must not be used with the new one."""
        ...

    async def origin(self) -> str | None:
        """The identity of the watched collection; None while it does not exist."""
        ...

    async def open(self, token: Mapping[str, Any] | None, *, epoch: int) -> OpenStream:
        """Open behind `token`, or at the present moment.

        Raises:
            PositionLost: the server does not accept the token (any more).
        """
        ...

    async def latest(self) -> datetime:
        """The moment of the server's last write, as positions tell it."""
        ...

    async def window_seconds(self) -> float | None:
        """How far back the server remembers; None while that is unknown or still growing."""
        ...


class ClearViewApplication(msgspec.Struct, frozen=True):
    """What ClearView holds of an application, as far as a push needs it."""

    application_id: UUID
    integration_id: UUID | None
    external_id: str | None
    candidate_id: UUID | None
    status: str | None = None
    rejection_reason: str | None = None
    import_id: UUID | None = None
    """The import that wrote it last, where imports write here themselves."""


class ClearViewApplications(Protocol):
    """ClearView's applications, read; and their stage, where a push has moved it."""

    async def load(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ClearViewApplication]: ...

    def all(self) -> AsyncIterator[Sequence[ClearViewApplication]]:
        """Every application that is not deleted, some hundreds at a time."""
        ...


class NewRow(msgspec.Struct, frozen=True):
    """An event as it enters the outbox, planned."""

    id: UUID
    event: StatusEvent
    state: RowState
    status: str
    stage: NamedRef | None = None
    expected_status: ApplicationStatus | None = None
    expected_stage: NamedRef | None = None
    reason: str | None = None
    message: str | None = None
    sent_at: datetime | None = None
    """Set where a request may have had an effect already: the ATS is read first."""
    known: KnownApplication | None = None
    """Not stored: the snapshot, where the row is new and nothing else of its application waits.
    Its delivery needs to read nothing more."""


class OpenPush(msgspec.Struct, frozen=True):
    """A push that has not ended."""

    id: UUID
    event_id: str
    sequence: str
    application_id: UUID
    candidate_id: UUID | None
    external_id: str
    status: ApplicationStatus
    stage: NamedRef | None
    rejection_reason: str | None
    expected_status: ApplicationStatus | None
    """None: it came behind another push, whose end tells what to expect."""
    state: RowState
    attempts: int
    next_attempt_at: datetime
    first_attempt_at: datetime | None
    sent_at: datetime | None
    changed_at: datetime


class Ended(msgspec.Struct, frozen=True):
    """How the last push of an application before another one ended."""

    delivered: bool
    status: ApplicationStatus
    expected_status: ApplicationStatus | None


class Waits(msgspec.Struct, frozen=True):
    """A push goes back to wait; `attempts` and `sent_at` are what they shall be afterwards."""

    push: OpenPush
    until: datetime
    attempts: int
    first_attempt_at: datetime | None
    sent_at: datetime | None
    error: str | None
    followers: Sequence[UUID] = ()
    """Pushes after it, which wait as long."""


class Done(msgspec.Struct, frozen=True):
    """A push has ended."""

    push: OpenPush
    state: DoneState
    outcome: Outcome
    base: ApplicationStatus
    """What both sides agreed on before: stored, for whatever comes after it."""
    at: datetime
    attempts: int
    reason: str | None = None
    message: str | None = None
    moved: "Moved | None" = None
    conflict: "FoundConflict | None" = None


class FoundConflict(msgspec.Struct, frozen=True):
    """Both sides had moved. `winner` None: a person decides."""

    ats: ApplicationStatus
    policy: Policy
    winner: Winner | None


class Moved(msgspec.Struct, frozen=True):
    """What is true at the ATS after a push."""

    before_status: ApplicationStatus
    before_stage: NamedRef
    before_rejection_reason: str | None
    status: ApplicationStatus
    stage: NamedRef
    rejection_reason: str | None
    candidate_external_id: str


class LatestPush(msgspec.Struct, frozen=True):
    """The last push of an application, ended or not."""

    status: str
    state: RowState
    reason: str | None


class Outbox(Protocol):
    """`status_outbox`: intended pushes."""

    async def add(self, rows: Sequence[NewRow], *, at: datetime) -> int:
        """Durable when it returns; rows that are there already stay as they are. How many were new.

        A row that has ended already (skipped at once) is logged as well.
        """
        ...

    async def earlier(self, application_ids: Sequence[UUID]) -> Mapping[UUID, Earlier]:
        """The latest push of each application that has not ended."""
        ...

    async def identities(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ClearViewApplication]:
        """Whose applications these are, from what was pushed before."""
        ...

    async def latest(self, application_ids: Sequence[UUID]) -> Mapping[UUID, LatestPush]:
        """The last push of each application."""
        ...

    async def highest_epoch(self) -> int: ...

    async def newly_due(
        self, integration_ids: Sequence[UUID], *, since: datetime, now: datetime
    ) -> frozenset[UUID]:
        """Which of these integrations have a push whose time came between these moments."""
        ...


class DeliveryQueue(Protocol):
    """The outbox of one integration, as the holder of its lease processes it."""

    async def due(
        self, *, now: datetime, limit: int, busy: Sequence[UUID]
    ) -> Mapping[UUID, Sequence[OpenPush]]:
        """By application that has a due push: all its open pushes, oldest first."""
        ...

    async def take_over(self, *, now: datetime) -> int:
        """Make pushes due that an earlier holder left in flight; how many."""
        ...

    async def before(self, push: OpenPush) -> Ended | None:
        """The push of the same application before this one."""
        ...

    async def claim(self, pushes: Sequence[OpenPush], *, now: datetime) -> frozenset[UUID]:
        """Note durably that requests leave for these; those that are still ours to send."""
        ...

    async def settle(self, ends: Sequence[Done | Waits]) -> None:
        """Everything that follows from these ends; repeating it changes nothing more."""
        ...


class KnownApplications(Protocol):
    """Snapshots, asked by application."""

    async def load(
        self, integration_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, KnownApplication]: ...

    async def names(self, integration_id: UUID, candidate_external_id: str) -> Sequence[str]:
        """A candidate's names, to be kept out of messages."""
        ...


IntegrationState = Literal["active", "paused", "auth_failed", "disabled"]


class IntegrationStates(Protocol):
    """The state of integrations, as operators and the daemon set it."""

    async def state(self, integration_id: UUID) -> IntegrationState: ...

    async def auth_failed(self, integration_id: UUID, *, reason: str, at: datetime) -> None:
        """Pause an active integration."""
        ...

    async def recovered(self, integration_id: UUID, *, at: datetime) -> None:
        """Activate it again, unless someone paused it meanwhile."""
        ...


class OpenConflicts(Protocol):
    """Conflicts that wait for a person."""

    async def standing(self, application_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """The status ClearView had in the open conflict of each application that has one."""
        ...


class IntakeCounts(msgspec.Struct):
    """What an intake came to."""

    events: int = 0
    queued: int = 0
    skipped: int = 0
    repaired: int = 0


class DeliveryCounts(msgspec.Struct):
    """What a delivery came to, by how pushes ended."""

    ended: dict[str, int] = msgspec.field(default_factory=dict)
    retried: int = 0

    @property
    def dead(self) -> int:
        return self.ended.get("dead", 0)
