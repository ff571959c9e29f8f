"""`notification_queue`: messages to channels, kept until the channel took them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from daemon.core.alert_payload import channels_for, payload_of
from daemon.core.alerting import AlertMessage, AlertState
from daemon.core.notifications import LONGEST_PAUSE, ChannelMessage
from daemon.store.connection import Mongo, Row
from models.documents import NotificationDelivery
from models.ids import NAMESPACE, derived_id

OLDEST_FIRST = [("created_at", ASCENDING), ("sequence", ASCENDING)]


class MongoNotificationQueue:
    """Implements `daemon.ports.notifications.NotificationQueue`."""

    def __init__(self, mongo: Mongo, *, claimed_for: timedelta = timedelta(minutes=2)) -> None:
        """`claimed_for`: how long a claimed message is left alone; longer than any send takes."""
        self._queue = mongo.collection(NotificationDelivery)
        self._claimed_for = claimed_for

    async def enqueue(
        self, message: AlertMessage, channels: Sequence[str], *, now: datetime
    ) -> Collection[str]:
        payload = payload_of(message)
        covered: Collection[str] = [alert.round for alert in message.alerts]
        for channel in channels_for(payload, channels):
            row = _row(message, channel, payload, now)
            covered = await self._insert(row)
        return covered

    async def _insert(self, row: Row) -> list[str]:
        """Returns the rounds that the row in the queue covers: this one, or an earlier one of the same id."""
        try:
            await self._queue.insert_one(row)
        except DuplicateKeyError:
            row = await self._queue.find_one({"_id": row["_id"]}, {"covers": 1}) or row
        return list(row["covers"])

    async def finish_planned(
        self, alerts: Sequence[AlertState], channels: Sequence[str], *, now: datetime
    ) -> Collection[str]:
        if not alerts:
            return ()
        rounds = [alert.round for alert in alerts]
        rows = await self._queue.find({"covers": {"$in": rounds}}).to_list()
        for message_id in {row["message_id"] for row in rows}:
            copies = [row for row in rows if row["message_id"] == message_id]
            queued = {row["channel"] for row in copies}
            for channel in channels_for(copies[0]["payload"], channels):
                if channel not in queued:
                    await self._insert(_copy(copies[0], channel, now))
        return {covered for row in rows for covered in row["covers"]}

    async def claim(self, channel: str, *, now: datetime) -> ChannelMessage | None:
        oldest = await self._queue.find_one(
            {"channel": channel, "state": "pending"}, {"_id": 1}, sort=OLDEST_FIRST
        )
        if oldest is None:
            return None
        # A moment beyond the longest pause comes of a clock that was wrong.
        paused = {"$gt": now, "$lte": now + max(LONGEST_PAUSE, self._claimed_for)}
        claimed = await self._queue.find_one_and_update(
            {"_id": oldest["_id"], "state": "pending", "next_attempt_at": {"$not": paused}},
            {"$set": {"next_attempt_at": now + self._claimed_for}, "$inc": {"attempts": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if claimed is None:
            return None
        return ChannelMessage(
            id=claimed["_id"],
            channel=claimed["channel"],
            payload=claimed["payload"],
            attempts=claimed["attempts"],
            created_at=claimed["created_at"],
        )

    async def delivered(self, delivery: ChannelMessage, *, now: datetime) -> None:
        """Records that the channel took the message."""
        await self._finish(delivery, {"state": "delivered", "finished_at": now})

    async def retry(self, delivery: ChannelMessage, *, at: datetime, error: str) -> None:
        """Records that the channel did not take the message, and the time of the next try."""
        await self._finish(delivery, {"next_attempt_at": at, "last_error": error})

    async def give_up(self, delivery: ChannelMessage, *, now: datetime, error: str) -> None:
        """Keeps the message, and never tries it again."""
        change = {"state": "dead", "finished_at": now, "last_error": error}
        await self._finish(delivery, change)

    async def give_up_orphans(
        self, channels: Sequence[str], *, created_before: datetime, now: datetime
    ) -> int:
        error = "The channel is no longer configured."
        result = await self._queue.update_many(
            {
                "state": "pending",
                "channel": {"$nin": list(channels)},
                "created_at": {"$lt": created_before},
            },
            {"$set": {"state": "dead", "finished_at": now, "last_error": error}},
        )
        return result.modified_count

    async def _finish(self, delivery: ChannelMessage, change: Row) -> None:
        await self._queue.update_one(
            {"_id": delivery.id, "state": "pending", "attempts": delivery.attempts},
            {"$set": change},
        )


def _copy(row: Row, channel: str, now: datetime) -> Row:
    return {
        **row,
        **_unsent(now),
        "_id": _delivery_id(row["message_id"], channel),
        "channel": channel,
        "created_at": row["created_at"],
    }


def _unsent(now: datetime) -> Row:
    return {
        "state": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
        "finished_at": None,
        "last_error": None,
    }


def _row(message: AlertMessage, channel: str, payload: Row, now: datetime) -> Row:
    covers = [alert.round for alert in message.alerts]
    message_id = derived_id(NAMESPACE, "message", covers[0])
    return {
        "_id": _delivery_id(message_id, channel),
        "message_id": message_id,
        "alert_ids": [alert.id for alert in message.alerts],
        "covers": covers,
        "sequence": message.alerts[0].messages,
        "channel": channel,
        "payload": payload,
        **_unsent(now),
    }


def _delivery_id(message_id: UUID, channel: str) -> UUID:
    return derived_id(message_id, "channel", channel)
