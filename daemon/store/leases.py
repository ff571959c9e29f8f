"""Leases in MongoDB: the server's clock, a fencing token that only grows, majority writes.

A lease is held only if its end is a moment between now and twice its length from now (`_held_by_someone`). Whatever else the
row says (an end an hour ahead, because the server's clock was set back; no date at all) holds nothing.

A token is the server's time in milliseconds, or the last token and one if that is more: it still grows
if the row was deleted, restored from a backup, or edited.

An operation that a dead holder left open on the server would block its successor's writes, so the
holder's session is kept in the lease, and the next holder ends it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from daemon.core.leases import HeldLease
from daemon.ports.clock import Clock
from daemon.runtime.supervision import stopped_within
from daemon.runtime.timeouts import bounded
from daemon.store.connection import Mongo, Row
from models.documents import Lease
from models.times import EPOCH

GIVE_BACK_S = 1.0
"""A lease that is not given back runs out by itself: MongoDB being away keeps no one waiting for that."""
_FREE = {"owner": None, "lsid": None, "expires_at": EPOCH}
_NOT_OVER = {
    "$and": [{"$eq": [{"$type": "$expires_at"}, "date"]}, {"$gt": ["$expires_at", "$$NOW"]}]
}
_LARGEST_TOKEN = 2**53
_KNOWN_TOKEN = {
    "$cond": [
        {
            "$and": [
                {"$in": [{"$type": "$token"}, ["int", "long"]]},
                {"$lt": ["$token", _LARGEST_TOKEN]},
            ]
        },
        "$token",
        0,
    ]
}
_NEXT_TOKEN = {"$max": [{"$add": [_KNOWN_TOKEN, 1]}, {"$toLong": "$$NOW"}]}
A_YEAR_MS = 366 * 24 * 3600 * 1000
"""Tokens are milliseconds: one that lies a year ahead of the holder's own was never given, and blocks no writer."""


class LeaseTimes(msgspec.Struct, frozen=True):
    """The lifetime of a lease, and the interval of its renewals."""

    ttl: timedelta = timedelta(seconds=10)
    renew_every: timedelta = timedelta(seconds=3)


@dataclass(slots=True)
class _RenewedLease:
    lease: HeldLease
    until: float
    """By the local monotonic clock, read before the renewal was sent: never later than the
    server's own end of the lease.
    """


class MongoLeases:
    """`leases`, as `daemon.ports.leases.Leases`. `run` renews what is held, until stopped."""

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        *,
        times: LeaseTimes | None = None,
        owner: UUID | None = None,
    ) -> None:
        self._client = mongo.client
        self._collection = mongo.collection(Lease)
        self._clock = clock
        self._times = times or LeaseTimes()
        self.owner = owner or uuid4()
        self._held: dict[str, _RenewedLease] = {}
        self._session: AsyncClientSession | None = None

    async def acquire(self, key: str) -> HeldLease | None:
        """Returns the lease under a new fencing token; None while any owner holds it, this one included."""
        if key in self._held and self._still_held(key, self._held[key].lease.token):
            return None
        asked_at = self._clock.monotonic()
        before = await self._row(key)
        taken = await self._collection.find_one_and_update(
            {"_id": key, "$expr": {"$not": [self._held_by_someone()]}},
            [
                {
                    "$set": {
                        "owner": self.owner,
                        "lsid": self.session.session_id["id"],
                        "expires_at": self._expiry(),
                        "token": _NEXT_TOKEN,
                    }
                }
            ],
            {"token": 1},
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            return None
        await self._end_session_of(before)
        return self._hold(key, int(taken["token"]), asked_at)

    def _held_by_someone(self) -> Row:
        """Matches a lease whose end a holder can have written.

        A command that waited for another writer sees the moment at which it began as `$$NOW`: by
        that clock the other's lease ends a little further ahead than its own length.
        """
        return {"$and": [_NOT_OVER, {"$lte": ["$expires_at", self._expiry(times=2)]}]}

    async def _row(self, key: str) -> Row:
        """Returns the row before it is taken. An upsert cannot carry $expr, so the row has to exist."""
        row = await self._collection.find_one({"_id": key}, {"owner": 1, "lsid": 1})
        if row is None:
            await self._collection.update_one(
                {"_id": key}, {"$setOnInsert": {"token": 0}}, upsert=True
            )
        return row or {}

    def _expiry(self, *, times: int = 1) -> Row:
        milliseconds = int(self._times.ttl.total_seconds() * 1000) * times
        return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": milliseconds}}

    @property
    def session(self) -> AsyncClientSession:
        """The session whose operations the next holder ends."""
        if self._session is None:
            self._session = self._client.start_session()
        return self._session

    async def _end_session_of(self, before: Row) -> None:
        lsid, owner = before.get("lsid"), before.get("owner")
        if not isinstance(lsid, UUID) or owner in (None, self.owner):
            return
        try:
            # Commands are encoded by the driver's defaults, which know no native UUIDs.
            session = Binary.from_uuid(lsid)
            await self._client.admin.command("killSessions", [{"id": session}])
        except OperationFailure:
            # Without the privilege the session ends by itself: later, but it ends.
            return

    def _hold(self, key: str, token: int, asked_at: float) -> HeldLease:
        lease = HeldLease(
            key=key,
            owner=self.owner,
            token=token,
            still_held=lambda: self._still_held(key, token),
        )
        self._held[key] = _RenewedLease(lease, asked_at + self._times.ttl.total_seconds())
        return lease

    def _still_held(self, key: str, token: int) -> bool:
        held = self._held.get(key)
        return (
            held is not None and held.lease.token == token and self._clock.monotonic() < held.until
        )

    async def end_of(self, key: str) -> object:
        row = await self._collection.find_one({"_id": key}, {"expires_at": 1})
        return None if row is None else row.get("expires_at")

    async def release(self, lease: HeldLease) -> None:
        """Gives the lease back; one that cannot be given back now expires."""
        held = self._held.get(lease.key)
        if held is not None and held.lease.token == lease.token:
            del self._held[lease.key]
        ours = {"_id": lease.key, "owner": self.owner, "token": lease.token}
        await _soon(self._collection.update_one(ours, {"$set": _FREE}))

    async def run(self, stop: asyncio.Event) -> None:
        """Renews all leases until stopped, then gives them back."""
        try:
            while not stop.is_set():
                await self._renew_all()
                await stopped_within(stop, self._times.renew_every)
        finally:
            await self.close()

    async def _renew_all(self) -> None:
        """Renews all in one write: a thousand single renewals would take too long."""
        held = dict(self._held)
        if not held:
            return
        asked_at = self._clock.monotonic()
        try:
            lost = await self._not_renewed(list(held))
        except PyMongoError:
            # They stay held until their own ends; the next round tries again.
            return
        for key, one in held.items():
            if self._held.get(key) is not one:
                continue
            if key in lost:
                del self._held[key]
            else:
                one.until = asked_at + self._times.ttl.total_seconds()

    async def _not_renewed(self, keys: Sequence[str]) -> frozenset[str]:
        ours = {
            "_id": {"$in": keys},
            "owner": self.owner,
            "$expr": _NOT_OVER,
        }
        renewal = [{"$set": {"expires_at": self._expiry()}}]
        renewed = await self._collection.update_many(ours, renewal)
        if renewed.matched_count == len(keys):
            return frozenset()
        rows = await self._collection.find(ours, {"_id": 1}).to_list()
        return frozenset(keys) - {row["_id"] for row in rows}

    async def end_all(self) -> None:
        """Ends every lease, where no other holder can be alive (an embedded MongoDB)."""
        await self._collection.update_many({}, [{"$set": _FREE | {"token": _KNOWN_TOKEN}}])

    async def close(self) -> None:
        """Gives all leases back, also while MongoDB is away."""
        keys = list(self._held)
        self._held.clear()
        if keys:
            ours = {"_id": {"$in": keys}, "owner": self.owner}
            await _soon(self._collection.update_many(ours, {"$set": _FREE}))
        session, self._session = self._session, None
        if session is not None:
            await _soon(session.end_session())


async def _soon(giving_back: Coroutine[Any, Any, object]) -> None:
    with suppress(PyMongoError, TimeoutError):
        await bounded(giving_back, GIVE_BACK_S, name="give back a lease")


def not_of_a_later_holder(fence: int) -> Row:
    """Matches a field that is absent, no number, or a token that is not later than this one: the row may be written."""
    return {"$not": {"$gt": fence, "$lt": fence + A_YEAR_MS}}


def of_another_holder(fence: int) -> Row:
    """Matches the same except this very token: rows of an earlier holder."""
    return {"$not": {"$gte": fence, "$lt": fence + A_YEAR_MS}}
