"""Contracts of the status push: the stream, the outbox, and the applications on both sides."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from daemon.core.applications import ApplicationInClearView, KnownApplication
from daemon.core.integrations import State
from daemon.core.pushes import (
    LatestPush,
    OpenPush,
    OutboxRow,
    PreviousPush,
    PushDeferred,
    PushEnded,
    UnfinishedPush,
)
from daemon.core.status_events import StatusEvent
from daemon.ports.streams import OpenStream


class EventSource(Protocol):
    """Status changes of ClearView's applications."""

    @property
    def pipeline_fingerprint(self) -> str:
        """Changes when tokens of the old pipeline must not be used with the new one."""

    async def origin(self) -> str | None:
        """Returns the identity of the watched collection; None while it does not exist."""

    async def open(self, token: Mapping[str, Any] | None, *, epoch: int) -> OpenStream[StatusEvent]:
        """Opens the stream after `token`, or at the present moment.

        Raises:
            PositionLost: the server does not accept the token (any more).
        """

    async def latest(self) -> datetime:
        """Returns the moment of the server's last write, on the clock of positions."""

    async def window_seconds(self) -> float | None:
        """Returns the length of the oplog; None while that is unknown or still growing."""


class ClearViewApplications(Protocol):
    """ClearView's applications, to be read."""

    async def load(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ApplicationInClearView]: ...

    async def content(self, application_id: UUID) -> Mapping[str, Any]:
        """Returns the application as it is, for a vendor that wants fields of it; empty if it is gone."""

    def all(self) -> AsyncIterator[Sequence[ApplicationInClearView]]:
        """Yields every application that is not deleted, some hundreds at a time."""


class Outbox(Protocol):
    """`status_outbox`: intended pushes."""

    async def add(self, rows: Sequence[OutboxRow], *, at: datetime) -> int:
        """Stores rows durably and returns the number of new ones; existing rows stay unchanged.

        A row that has ended already (skipped at once) is logged as well.
        """

    async def earlier(self, application_ids: Sequence[UUID]) -> Mapping[UUID, UnfinishedPush]:
        """Returns the latest push of each application that has not ended."""

    async def identities(
        self, application_ids: Sequence[UUID]
    ) -> Mapping[UUID, ApplicationInClearView]:
        """Returns the integration and external id of applications, as of their earlier pushes."""

    async def latest(self, application_ids: Sequence[UUID]) -> Mapping[UUID, LatestPush]:
        """Returns the last push of each application."""

    async def highest_epoch(self) -> int: ...

    async def newly_due(
        self, integration_ids: Sequence[UUID], *, since: datetime, now: datetime
    ) -> frozenset[UUID]:
        """Returns those of the integrations with a push that became due between these moments."""


class DeliveryQueue(Protocol):
    """The outbox of one integration, as the holder of its lease processes it."""

    async def due(
        self, *, now: datetime, limit: int, busy: Sequence[UUID]
    ) -> Mapping[UUID, Sequence[OpenPush]]:
        """Returns all open pushes of each application that has a due one, oldest first."""

    async def take_over(self, *, now: datetime) -> int:
        """Makes pushes due that an earlier holder left in flight; returns their number."""

    async def before(self, push: OpenPush) -> PreviousPush | None:
        """Returns the push of the same application before this one."""

    async def claim(self, pushes: Sequence[OpenPush], *, now: datetime) -> frozenset[UUID]:
        """Notes durably that requests leave for these; returns those that this holder may send."""

    async def claim_note(self, push: OpenPush, *, now: datetime) -> bool:
        """Notes durably that the request of the push's note leaves; False if one has left before."""

    async def record(self, ends: Sequence[PushEnded | PushDeferred]) -> None:
        """Stores these ends and all that follows from them. It may be repeated."""


class KnownApplications(Protocol):
    """Snapshots, by application."""

    async def load(
        self, integration_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, KnownApplication]: ...

    async def names(self, integration_id: UUID, candidate_external_id: str) -> Sequence[str]:
        """Returns a candidate's names, to be kept out of messages."""


class IntegrationStates(Protocol):
    """The state of integrations, as operators and the daemon set it."""

    async def state(self, integration_id: UUID) -> State: ...

    async def auth_failed(self, integration_id: UUID, *, reason: str, at: datetime) -> None:
        """Pauses an active integration."""

    async def recovered(self, integration_id: UUID, *, at: datetime) -> None:
        """Activates it again, unless an operator paused it meanwhile."""


class OpenConflicts(Protocol):
    """Conflicts that wait for a person."""

    async def clearview_statuses(self, application_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Returns ClearView's status in the open conflict of each application that has one."""
