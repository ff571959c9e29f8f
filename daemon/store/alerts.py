"""`alerts`: one open document per condition, however many replicas report it; `alert_mutes`: what people muted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from msgspec.structs import replace
from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from daemon.core.alert_policy import AlertPolicy
from daemon.core.alert_texts import FILE, PUSH, RECORD
from daemon.core.alerting import AlertState, next_message_at
from daemon.core.conditions import AlertKind, Condition
from daemon.core.mutes import Mute, muted_until
from daemon.ports.audit import AuditTrail
from daemon.ports.clock import Clock
from daemon.store.audit_log import NoAudit
from daemon.store.connection import Mongo, Row
from models.documents import Alert, AlertMute, Conflict, FailedRecord, QueuedFile, StatusOutboxEntry

log = structlog.get_logger("daemon.alerts")

RACES = 5
"""Replicas opening the same condition at the same instant agree within two rounds."""


class AlertMutes:
    """Mutes of conditions that are open, and of those that open before the mute ends.

    `muted_until` in `alerts` shows them.
    """

    def __init__(self, mongo: Mongo, clock: Clock, *, audit: AuditTrail | None = None) -> None:
        self._audit = audit or NoAudit()
        self._mutes = mongo.collection(AlertMute)
        self._alerts = mongo.collection(Alert)
        self.clock = clock

    async def mute(self, what: str, until: datetime) -> int:
        """Sends nothing about it until then; returns how many open alerts this concerns."""
        before = await self._mutes.find_one({"_id": what}, {"_id": 0, "until": 1})
        await self._audit.record("alert.mute", what, before=before, after={"until": until})
        change = {"until": until, "muted_at": self.clock.now()}
        await self._mutes.update_one({"_id": what}, {"$set": change}, upsert=True)
        return len(await self._show(Mute(what, until)))

    async def unmute(self, what: str) -> bool:
        """Ends a mute, so that a message that is due is sent; False if there was no mute.

        Another mute of the same alert stays in force.
        """
        before = await self._mutes.find_one({"_id": what}, {"_id": 0, "until": 1})
        await self._audit.record("alert.unmute", what, before=before)
        found = await self._mutes.find_one_and_delete({"_id": what})
        shown = await self._show(Mute(what, self.clock.now()))
        return found is not None or any(shown)

    async def in_force(self) -> Sequence[Mute]:
        """Mutes that have not ended, the first to end first."""
        rows = self._mutes.find({"until": {"$gt": self.clock.now()}}, sort=[("until", ASCENDING)])
        return [Mute(row["_id"], row["until"]) async for row in rows]

    async def until(self, key: str, integration: str | None) -> datetime | None:
        """Returns the end of a condition's mute; None without one."""
        return muted_until(await self.in_force(), key, integration)

    async def alert(self, entry: UUID) -> Row | None:
        """An alert, open or resolved."""
        return await self._alerts.find_one({"_id": entry})

    async def is_known(self, key: str) -> bool:
        """Returns True if an alert of this key was ever open."""
        return await self._alerts.find_one({"key": key}, {"_id": 1}) is not None

    async def _show(self, changed: Mute) -> Sequence[bool]:
        """Writes the mutes into the open alerts; returns, for each alert concerned, if it was muted."""
        now, mutes = self.clock.now(), await self.in_force()
        concerned: list[Row] = [
            row
            async for row in self._alerts.find({"resolved_at": None})
            if changed.covers(row["key"], row.get("integration"))
        ]
        for row in concerned:
            until = muted_until(mutes, row["key"], row.get("integration"))
            await self._alerts.update_one({"_id": row["_id"]}, {"$set": {"muted_until": until}})
        ends = [row.get("muted_until") for row in concerned]
        return [end is not None and end > now for end in ends]


class AlertStore:
    """Implements `daemon.ports.alerts.AlertLedger` and `daemon.ports.notifications.AlertBook`.

    It only writes documents. The notification sender sends messages, so a channel that is down cannot
    delay the job that reports a condition.
    """

    def __init__(self, mongo: Mongo, clock: Clock, policy: AlertPolicy | None = None) -> None:
        self._alerts = mongo.collection(Alert)
        self._mutes = AlertMutes(mongo, clock)
        self._clock = clock
        self._policy = policy or AlertPolicy()
        dead, undecided = {"state": "dead"}, {"state": "open"}
        self._waiting: dict[tuple[str, str], tuple[AsyncCollection[Row], Row]] = {
            (AlertKind.DEAD_LETTERS, PUSH): (mongo.collection(StatusOutboxEntry), dead),
            (AlertKind.DEAD_LETTERS, RECORD): (mongo.collection(FailedRecord), dead),
            (AlertKind.DEAD_LETTERS, FILE): (mongo.collection(QueuedFile), dead),
            (AlertKind.CONFLICTS_OPEN, ""): (mongo.collection(Conflict), undecided),
        }
        """Rows that wait for a person, by the kind and the subject of the alerts about them."""

    async def raise_condition(self, condition: Condition) -> None:
        for attempt in range(RACES):
            try:
                if not await self._seen_again(condition):
                    await self._open(condition)
            except DuplicateKeyError:
                if attempt == RACES - 1:
                    raise
            else:
                return

    async def _seen_again(self, condition: Condition) -> bool:
        result = await self._alerts.update_one(
            {"key": condition.key, "resolved_at": None},
            {
                "$set": {**_words(condition), "last_seen_at": self._clock.now()},
                "$inc": {"count": 1},
            },
        )
        return result.matched_count > 0

    async def _open(self, condition: Condition) -> None:
        now = self._clock.now()
        await self._alerts.insert_one(
            {
                "_id": uuid4(),
                "key": condition.key,
                "kind": condition.kind.value,
                "ats_integration_id": condition.integration_id,
                "integration": condition.integration,
                **_words(condition),
                "opened_at": now,
                "last_seen_at": now,
                "resolved_at": None,
                "count": 1,
                "muted_until": await self._mutes.until(condition.key, condition.integration),
                "told": 0,
                "told_at": None,
                "next_message_at": now + self._policy.group_window,
            }
        )

    async def resolve(self, key: str) -> None:
        await self._resolve({"key": key})

    async def resolve_all_but(self, integrations: Sequence[str]) -> None:
        """Closes the alerts of all other integrations: they were removed or switched off."""
        await self._resolve({"integration": {"$nin": [None, *integrations]}})

    async def resolve_kind_but(self, kind: AlertKind, keys: Sequence[str]) -> None:
        """Closes the alerts of a kind under other keys than these."""
        await self._resolve({"kind": kind.value, "key": {"$nin": list(keys)}})

    async def resolve_expired(self) -> None:
        """Closes the alerts about rows that wait for a person, of which no row remains."""
        kinds = sorted({kind for kind, _ in self._waiting})
        async for alert in self._alerts.find({"resolved_at": None, "kind": {"$in": kinds}}):
            if not await self._is_left(alert):
                await self.resolve_unless_seen_since(alert)

    async def _is_left(self, alert: Row) -> bool:
        of = {"ats_integration_id": alert["ats_integration_id"]}
        for (kind, subject), (collection, waiting) in self._waiting.items():
            if kind != alert["kind"] or _subject(alert) not in ("", subject):
                continue
            if await collection.find_one({**of, **waiting}, {"_id": 1}) is not None:
                return True
        return False

    async def resolve_unless_seen_since(self, alert: Row) -> None:
        """Closes an alert that was read, unless its condition was reported again since then."""
        await self._resolve({"_id": alert["_id"], "last_seen_at": alert["last_seen_at"]})

    async def _resolve(self, which: Row) -> None:
        now = self._clock.now()
        untold = {"$eq": ["$told", 0]}
        soon = now + self._policy.group_window
        await self._alerts.update_many(
            {**which, "resolved_at": None},
            [
                {
                    "$set": {
                        "resolved_at": now,
                        "next_message_at": {"$cond": [untold, "$next_message_at", soon]},
                    }
                }
            ],
        )

    async def open_keys(
        self, kind: AlertKind, *, seen_before: datetime | None = None
    ) -> frozenset[str]:
        which: Row = {"key": {"$regex": f"^{kind.value}(:|$)"}, "resolved_at": None}
        if seen_before is not None:
            which["last_seen_at"] = {"$lt": seen_before}
        return frozenset([row["key"] async for row in self._alerts.find(which, {"key": 1})])

    async def due(self, now: datetime) -> Sequence[AlertState]:
        """Returns the alerts about which a message is due."""
        # A message that is due later than any can be was planned by a wrong clock: it is due now.
        latest = self._clock.now() + max(self._policy.reminders, default=timedelta()) * 2
        times: list[Row] = [{"$lte": now}, {"$gt": latest}]
        found = await self._readable({"$or": [{"next_message_at": each} for each in times]})
        return [
            replace(alert, due_at=self._clock.now())
            if alert.due_at is not None and alert.due_at > latest
            else alert
            for alert in found
        ]

    async def messaged_since(self, since: datetime) -> Sequence[AlertState]:
        """Returns the alerts about which a message was sent after the given moment."""
        until = self._clock.now() + self._policy.storm_window
        return await self._readable({"told_at": {"$gt": since, "$lte": until}})

    async def _readable(self, which: Row) -> list[AlertState]:
        """Returns the alerts that can be read; one of an odd shape must not hide the others."""
        found = []
        async for row in self._alerts.find(which):
            try:
                found.append(_state(row))
            except (KeyError, TypeError, ValueError):
                log.warning("alert_unreadable", alert_id=str(row.get("_id")))
        return found

    async def mark_planned(self, alert: AlertState, *, now: datetime, silent: bool) -> None:
        after = next_message_at(alert, now=now, policy=self._policy, silent=silent)
        unchanged = {"$eq": ["$resolved_at", alert.resolved_at]}
        message: Row = {} if silent else {"told": alert.messages + 1, "told_at": now}
        await self._alerts.update_one(
            {"_id": alert.id, "told": alert.messages},
            [{"$set": {**message, "next_message_at": {"$cond": [unchanged, after, now]}}}],
        )


def _subject(alert: Row) -> str:
    """Returns the part of the key after kind and integration; keys of 0.1.0 have none."""
    return str(alert["key"]).removeprefix(f"{alert['kind']}:{alert['integration']}").lstrip(":")


def _words(condition: Condition) -> Row:
    return {
        "severity": condition.severity,
        "title": condition.title,
        "message": condition.message,
        "details": dict(condition.details),
    }


def _state(row: Mapping[str, Any]) -> AlertState:
    details = row.get("details") or {}
    if not isinstance(details, Mapping):
        raise TypeError("details are no mapping")
    return AlertState(
        id=row["_id"],
        key=row["key"],
        kind=row["kind"],
        severity=row["severity"],
        title=row["title"],
        message=row["message"],
        opened_at=row["opened_at"],
        integration=row.get("integration"),
        details=details,
        count=row["count"],
        resolved_at=row["resolved_at"],
        muted_until=row.get("muted_until"),
        messages=row.get("told", 0),
        last_message_at=row.get("told_at"),
        due_at=row.get("next_message_at"),
    )
