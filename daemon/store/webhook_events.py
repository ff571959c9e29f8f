"""Received webhook events in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from daemon.core.erasure import PersonIds
from daemon.core.webhook_health import WebhookNews
from daemon.core.webhooks import PendingEvents, Received, pairs_of
from daemon.ports.erasures import ErasedPeople
from daemon.store.connection import Mongo
from daemon.store.erasures import remove_if_erased
from models.documents import IntegrationSettings, WebhookEvent
from models.ids import derived_id, integration_id


class MongoWebhookEventStore:
    """Stores events, and notes on the integration that there is a new one."""

    def __init__(self, mongo: Mongo, *, erased: ErasedPeople | None = None) -> None:
        self._erased = erased
        self._events = mongo.collection(WebhookEvent)
        self._settings = mongo.collection(IntegrationSettings)

    async def receive(self, integration: str, event: Received, at: datetime) -> bool:
        """Returns False for an event that came before.

        The note on the integration comes second: a failure in between leaves an event that is noted
        when it is sent again, or that the next poll applies.
        """
        scope = integration_id(integration)
        key = derived_id(scope, "webhook", event.event_id)
        is_new = True
        try:
            await self._events.insert_one(
                {
                    "_id": key,
                    "ats_integration_id": scope,
                    "event_id": event.event_id,
                    "event": event.name,
                    "records": {name: list(each) for name, each in event.records.items()},
                    "received_at": at,
                    "state": "pending" if event.records else "ignored",
                    "applied_at": None,
                    "run_id": None,
                }
            )
        except DuplicateKeyError:
            if not await self._events.find_one({"_id": key, "state": "pending"}, {"_id": 1}):
                return False
            is_new = False
        if event.records:
            # One each: an event about a merge names two people.
            people = [PersonIds(scope, records=frozenset({pair})) for pair in event.named]
            await remove_if_erased(self._erased, people)
            # Not the greatest: a process whose clock is ahead would hide the events of others.
            await self._settings.update_one({"_id": scope}, {"$set": {"webhook_at": at}})
        return is_new

    async def refused(self, integration: str, at: datetime) -> None:
        await self._settings.update_one(
            {"_id": integration_id(integration)}, {"$max": {"webhook_refused_at": at}}
        )


class MongoWebhookQueue:
    """Events of one integration that wait for a run."""

    def __init__(self, mongo: Mongo, integration: UUID) -> None:
        self._events = mongo.collection(WebhookEvent)
        self._settings = mongo.collection(IntegrationSettings)
        self._integration = integration
        self._pending = {"ats_integration_id": integration, "state": "pending"}

    async def count_pending(self) -> int:
        return await self._events.count_documents(self._pending)

    async def pending(self, limit: int) -> PendingEvents:
        rows = (
            await self._events.find(self._pending, {"records": 1})
            .sort("received_at", ASCENDING)
            .limit(limit)
            .to_list()
        )
        return PendingEvents([row["_id"] for row in rows], [row["records"] for row in rows])

    async def applied(self, event_ids: Sequence[UUID], *, run_id: UUID, at: datetime) -> None:
        await self._events.update_many(
            {"_id": {"$in": list(event_ids)}},
            {"$set": {"state": "applied", "applied_at": at, "run_id": run_id}},
        )

    async def news(self, since: datetime) -> WebhookNews:
        events = self._events.find(
            {"ats_integration_id": self._integration, "received_at": {"$gte": since}},
            {"records": 1},
        )
        announced = {pair async for event in events for pair in pairs_of(event["records"])}
        times = {"webhook_at": 1, "webhook_refused_at": 1}
        found = await self._settings.find_one({"_id": self._integration}, times) or {}
        return WebhookNews(announced, *(_moment(found.get(name)) for name in times))


def _moment(value: object) -> datetime | None:
    """A moment of a document that people may have edited."""
    return value if isinstance(value, datetime) else None
