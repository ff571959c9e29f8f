"""The outbox of one integration, as the holder of its lease processes it.

Every write carries the lease's fencing token, so that an earlier holder cannot change the rows of a
later one.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from pymongo import UpdateMany, UpdateOne

from daemon.core.erasure import PersonIds
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import OpenPush, PreviousPush, PushDeferred, PushEnded
from daemon.ports.erasures import ErasedPeople
from daemon.store.connection import Mongo, Row
from daemon.store.erasures import remove_if_erased
from daemon.store.leases import not_of_a_later_holder, of_another_holder
from daemon.store.mongo_errors import repeated
from daemon.store.outbox_rows import WAITING, ended_of, open_push
from daemon.store.push_results import PushResults
from models.documents import StatusOutboxEntry
from models.documents.outbox import OPEN_STATES
from models.status import ApplicationStatus

LONGEST_WAIT = timedelta(hours=1)
"""Beyond that a push is looked at again when its lease changes hands."""


class MongoDeliveryQueue:
    """`status_outbox` of one integration, as `daemon.ports.pushes.DeliveryQueue`."""

    def __init__(
        self,
        mongo: Mongo,
        integration: IntegrationRef,
        *,
        fence: int,
        erased: ErasedPeople | None = None,
    ) -> None:
        self._erased = erased
        self._rows = mongo.collection(StatusOutboxEntry)
        self._results = PushResults(mongo, integration)
        self._integration = integration.id
        self._fence = fence

    async def due(
        self, *, now: datetime, limit: int, busy: Sequence[UUID]
    ) -> Mapping[UUID, Sequence[OpenPush]]:
        query = self._waiting() | {"next_attempt_at": {"$lte": now}}
        if busy:
            query["application_id"] = {"$nin": list(busy)}
        heads = await (
            self._rows.find(query, {"application_id": 1, "_id": 0})
            .sort([("next_attempt_at", 1), ("sequence", 1)])
            .limit(limit)
            .to_list()
        )
        return await self._queues({row["application_id"] for row in heads})

    def _waiting(self) -> Row:
        return {"ats_integration_id": self._integration, "state": {"$in": list(WAITING)}}

    async def _queues(self, application_ids: Iterable[UUID]) -> dict[UUID, list[OpenPush]]:
        wanted = list(application_ids)
        if not wanted:
            return {}
        query = {"application_id": {"$in": wanted}, "state": {"$in": list(OPEN_STATES)}}
        cursor = self._rows.find(query, sort=[("application_id", 1), ("sequence", 1)])
        queues: dict[UUID, list[OpenPush]] = {}
        for row in await cursor.to_list():
            queues.setdefault(row["application_id"], []).append(open_push(row))
        return queues

    async def take_over(self, *, now: datetime) -> int:
        """Makes due the rows of an earlier holder, and those that wait longer than the longest wait."""
        due = {"next_attempt_at": now, "fence": self._fence}
        left = {"state": "in_flight", "fence": of_another_holder(self._fence)}
        # A clock that was wrong for a while leaves moments that are years away.
        stray = self._waiting() | {
            "next_attempt_at": {"$not": {"$lte": now + LONGEST_WAIT}},
            "fence": not_of_a_later_holder(self._fence),
        }

        async def take() -> int:
            await self._rows.update_many(stray, {"$set": due})
            result = await self._rows.update_many(
                {"ats_integration_id": self._integration} | left,
                {"$set": due | {"state": "retrying"}},
            )
            return result.modified_count

        return await repeated(take)

    async def before(self, push: OpenPush) -> PreviousPush | None:
        row = await self._rows.find_one(
            {
                "application_id": push.application_id,
                "sequence": {"$lt": push.sequence},
                # A dead letter may hold another word, or none: it was no push.
                "target_status": {"$in": list(ApplicationStatus)},
            },
            sort=[("sequence", -1)],
        )
        return None if row is None else ended_of(row)

    async def claim(self, pushes: Sequence[OpenPush], *, now: datetime) -> frozenset[UUID]:
        ids = [push.id for push in pushes]

        async def mark() -> int:
            result = await self._rows.update_many(
                self._mine({"_id": {"$in": ids}}),
                {"$set": {"state": "in_flight", "sent_at": now, "fence": self._fence}},
            )
            return result.matched_count

        if await repeated(mark) == len(ids):
            return frozenset(ids)
        held = {"_id": {"$in": ids}, "state": "in_flight", "fence": self._fence}
        rows = await self._rows.find(held, {"_id": 1}).to_list()
        return frozenset(row["_id"] for row in rows)

    async def claim_note(self, push: OpenPush, *, now: datetime) -> bool:
        first = {"_id": push.id, "note_sent_at": {"$in": [None, now]}}

        async def mark() -> int:
            update = {"$set": {"note_sent_at": now}}
            return (await self._rows.update_one(self._mine(first), update)).matched_count

        return bool(await repeated(mark))

    def _mine(self, query: Row) -> Row:
        """Matches open rows that no later holder has written."""
        return query | {
            "state": {"$in": list(OPEN_STATES)},
            "fence": not_of_a_later_holder(self._fence),
        }

    async def record(self, ends: Sequence[PushEnded | PushDeferred]) -> None:
        """Writes the results first and the rows last: after a crash the next holder repeats all of it."""
        done = [end for end in ends if isinstance(end, PushEnded)]
        if done:
            await self._results.apply(done)
        writes: list[UpdateOne | UpdateMany] = [*self._ended(done)]
        for end in ends:
            if isinstance(end, PushDeferred):
                writes += self._waits_on(end)
        await repeated(lambda: self._rows.bulk_write(writes, ordered=False))
        await remove_if_erased(self._erased, map(self._person_of, done))

    def _person_of(self, end: PushEnded) -> PersonIds:
        """Returns the ids under which the results of a push were written."""
        owner = None if end.moved is None else end.moved.candidate_external_id
        return PersonIds(
            self._integration,
            candidates=frozenset() if owner is None else frozenset({owner}),
            other_applications=frozenset({end.push.application_id}),
        )

    def _ended(self, done: Sequence[PushEnded]) -> Iterable[UpdateMany]:
        """Yields one write for all pushes that ended alike, at a third of the cost of single ones."""
        groups: dict[Hashable, list[PushEnded]] = {}
        for end in done:
            how = (end.state, end.reason, end.message, end.attempts, end.base)
            groups.setdefault(how, []).append(end)
        for alike in groups.values():
            end = alike[-1]
            fields = {
                "state": end.state,
                "reason": end.reason,
                "last_error": end.message,
                "attempts": end.attempts,
                "expected_status": end.base,
                "next_attempt_at": None,
                "finished_at": max(each.at for each in alike),
            }
            ids = [each.push.id for each in alike]
            yield UpdateMany(self._mine({"_id": {"$in": ids}}), {"$set": fields})

    def _waits_on(self, end: PushDeferred) -> Iterable[UpdateOne | UpdateMany]:
        waits = {"next_attempt_at": end.until}
        fields: Row = {
            "state": "retrying" if end.attempts or end.sent_at else "pending",
            "attempts": end.attempts,
            "first_attempt_at": end.first_attempt_at,
            "sent_at": end.sent_at,
        } | ({} if end.error is None else {"last_error": end.error})
        yield UpdateOne(self._mine({"_id": end.push.id}), {"$set": fields | waits})
        if end.followers:
            followers = {"_id": {"$in": list(end.followers)}, "state": "pending"}
            yield UpdateMany(followers, {"$set": waits})
