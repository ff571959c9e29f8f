"""Ports of webhooks: the events that were received, and the records that they name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from daemon.core.webhook_health import WebhookNews
from daemon.core.webhooks import PendingEvents, Received


class WebhookEventStore(Protocol):
    """The store of signed events of any integration, for the HTTP port."""

    async def receive(self, integration: str, event: Received, at: datetime) -> bool:
        """Returns False for an event that came before. Durable on a majority when it returns."""

    async def refused(self, integration: str, at: datetime) -> None:
        """Notes on the integration that an event was refused."""


class WebhookQueue(Protocol):
    """Events of one integration that wait for a run."""

    async def pending(self, limit: int) -> PendingEvents:
        """Returns the oldest events that are not applied yet."""

    async def count_pending(self) -> int:
        """Returns the number of events that are not applied yet."""

    async def applied(self, event_ids: Sequence[UUID], *, run_id: UUID, at: datetime) -> None: ...

    async def news(self, since: datetime) -> WebhookNews:
        """Returns the records that events named since then, and the times of the newest events."""
