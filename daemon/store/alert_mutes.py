"""`alert_mutes`: conditions that people muted; `muted_until` in `alerts` shows it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pymongo import ASCENDING

from daemon.core.mutes import Mute, muted_until
from daemon.ports.audit import AuditTrail
from daemon.ports.clock import Clock
from daemon.store.audit_log import NoAudit
from daemon.store.connection import Mongo, Row
from models.documents import Alert, AlertMute


class AlertMutes:
    """Mutes of conditions that are open, and of those that open before the mute ends."""

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
