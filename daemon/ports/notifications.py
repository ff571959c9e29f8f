"""Channels for messages about conditions, and the durable queue in front of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from daemon.core.alerting import AlertMessage, AlertState
from daemon.core.notifications import ChannelMessage


class Channel(Protocol):
    """One channel to people."""

    @property
    def name(self) -> str:
        """Stable across restarts, and without secrets: the queue is kept by it."""

    async def send(self, payload: Mapping[str, Any], *, delivery_id: UUID) -> None:
        """Delivers once; a repeated `delivery_id` is the same message.

        Raises:
            ChannelFailed: try again later.
            MessageRefused: trying again cannot help.
        """

    async def close(self) -> None: ...


class AlertStates(Protocol):
    """The alerts as the planner of messages sees them."""

    async def due(self, now: datetime) -> Sequence[AlertState]: ...

    async def messaged_since(self, since: datetime) -> Sequence[AlertState]: ...

    async def mark_planned(self, alert: AlertState, *, now: datetime, silent: bool) -> None:
        """Notes that the message `alert.round` is in the queue (or will not be sent at all).

        A condition that was resolved since the alert was read keeps the message due for that.
        """


class NotificationQueue(Protocol):
    """Messages to be sent. The queue survives a restart."""

    async def enqueue(
        self, message: AlertMessage, channels: Sequence[str], *, now: datetime
    ) -> Collection[str]:
        """Queues a message to each channel; returns the rounds that the queued message covers.

        If another replica queued a message that begins with the same round, that one is kept.
        """

    async def finish_planned(
        self, alerts: Sequence[AlertState], channels: Sequence[str], *, now: datetime
    ) -> Collection[str]:
        """Completes the messages of a planner that was killed; returns the rounds that they cover."""

    async def claim(self, channel: str, *, now: datetime) -> ChannelMessage | None:
        """Returns the oldest message to the channel if it is due, hidden from other replicas for a while.

        A younger message never overtakes: "resolved" must not arrive before "open".
        """

    async def delivered(self, delivery: ChannelMessage, *, now: datetime) -> None: ...

    async def retry(self, delivery: ChannelMessage, *, at: datetime, error: str) -> None: ...

    async def give_up(self, delivery: ChannelMessage, *, now: datetime, error: str) -> None: ...

    async def give_up_orphans(
        self, channels: Sequence[str], *, created_before: datetime, now: datetime
    ) -> int:
        """Gives up old messages to channels that are none of these; returns their number."""
