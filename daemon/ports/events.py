"""Contracts of the publishing of events: the logs that they come from, and the sinks that take them.

A sink of another kind (Kafka, a cloud's bus) is one class that implements `Publisher`, and its entry in
the operator's file.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from daemon.core.events import Event, LogRow, Naming, Offered
from daemon.ports.streams import OpenStream


class Publisher(Protocol):
    """One sink. It connects when it is first used, and again after a failure."""

    async def publish(self, events: Sequence[Event]) -> Offered:
        """Offers events, no two of them with the same key. An event may have been offered before.

        A sink that is away or refuses is no error: the answer says so.
        """

    async def check(self) -> str:
        """Returns a clause that describes a sink that works; publishes nothing.

        Raises:
            SinkAway: it does not work, or refuses the credential.
        """

    async def close(self) -> None: ...


class LogSource(Protocol):
    """The logs' change stream."""

    @property
    def pipeline_fingerprint(self) -> str: ...

    async def open(self, token: Mapping[str, Any] | None) -> OpenStream[LogRow]:
        """Opens the stream after `token`, or at the present moment.

        Raises:
            PositionLost: the server does not accept the token (any more).
            StreamInterrupted: MongoDB is away.
        """

    async def latest(self) -> datetime: ...


class LogRows(Protocol):
    """The logs themselves, and what their rows refer to."""

    def since(self, moment: datetime) -> AsyncIterator[Sequence[LogRow]]:
        """Yields the rows that were written since then, in the order of time within an integration."""

    async def naming(self, rows: Sequence[LogRow]) -> Naming: ...

    async def documents(
        self, candidates: Collection[UUID], applications: Collection[UUID]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """Returns ClearView's documents as they are now, by id."""
