"""Migrations applied at the start: each step once, under a lease, and recorded in `migrations`.

`models/migrations` describes the steps. A step may be killed between any two writes: it has no record
then, and the next start repeats it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pymongo
import structlog
from pymongo.errors import OperationFailure

from daemon.core.leases import HeldLease
from daemon.core.mongodb_codes import UNAUTHORIZED
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes, MongoLeases
from daemon.store.preparation import TargetDatabase, collections_of, indexes_of, prepare_all
from daemon.store.start_errors import explained, missing_privilege, start_error
from models.documents import AppliedMigration, Lease
from models.errors import UserError
from models.migrations import MIGRATIONS
from models.migrations.step import (
    CreateIndex,
    DeleteDocuments,
    DropCollection,
    DropIndex,
    Migration,
    MigrationChange,
)

log = structlog.get_logger(__name__)

LEASE = "migrations"
LOOK_AGAIN_S = 0.2
CHANGE_LIMIT_S = 600.0
"""One change of a large collection takes longer than the other operations may."""


class MigrationRunner:
    """Applies the steps that the service's own database lacks."""

    def __init__(
        self,
        mongo: Mongo,
        own: TargetDatabase,
        *,
        steps: Sequence[Migration] = MIGRATIONS,
        times: LeaseTimes | None = None,
    ) -> None:
        self._own = own
        self._records = mongo.collection(AppliedMigration)
        self._steps = steps
        self._clock = SystemClock()
        self._leases = MongoLeases(mongo, self._clock, times=times)

    async def run(self) -> None:
        """Applies every pending step, or waits until another replica has done so.

        A step that the user may not make is reported, and tried again at the next start.

        Raises:
            UserError: a newer release migrated the database, or a step cannot be applied.
        """
        if not await self._pending():
            return
        await prepare_all(self._own, (Lease, AppliedMigration))
        stop = asyncio.Event()
        renewals = asyncio.create_task(self._leases.run(stop), name="renew the lease migrations")
        try:
            lease = await self._acquire()
            if lease is not None:
                await self._apply_all(lease)
        finally:
            stop.set()
            await renewals

    async def _pending(self) -> Sequence[Migration]:
        """Returns the steps without a record, in their order.

        Raises:
            UserError: there is a record of a step that this release does not know.
        """
        with explained(self._own.operation("find", self._records.name)):
            rows = await self._records.find({}, {"release": 1}).to_list()
        applied = {row["_id"]: row.get("release") for row in rows}
        unknown = sorted(map(str, applied.keys() - {step.name for step in self._steps}))
        if unknown:
            raise _newer_release(self._own.database.name, unknown[-1], applied[unknown[-1]])
        return [step for step in self._steps if step.name not in applied]

    async def _acquire(self) -> HeldLease | None:
        """Returns the lease; None if another replica applied every step meanwhile."""
        while True:
            lease = await self._leases.acquire(LEASE)
            if lease is not None or not await self._pending():
                return lease
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _apply_all(self, lease: HeldLease) -> None:
        for step in await self._pending():
            try:
                await self._apply(step, lease)
            except _NotPermitted as refused:
                log.warning("migration_not_permitted", migration=step.name, reason=str(refused))
                return

    async def _apply(self, step: Migration, lease: HeldLease) -> None:
        counts: Counter[str] = Counter()
        for change in step.changes:
            if not lease.still_held():
                raise UserError(
                    f"MongoDB was away for so long that the lease {LEASE} ran out",
                    remedy=f"look at the server that {self._own.setting} names, then start again",
                )
            with self._explained(change), pymongo.timeout(CHANGE_LIMIT_S):
                counts.update(await _make(self._own, change))
        record = {"applied_at": self._clock.now(), "release": step.release, "counts": dict(counts)}
        await self._records.update_one({"_id": step.name}, {"$setOnInsert": record}, upsert=True)
        if counts:
            log.info("migration_applied", migration=step.name, release=step.release, **counts)

    @contextmanager
    def _explained(self, change: MigrationChange) -> Iterator[None]:
        operation = self._own.operation(change.privilege, change.collection)
        try:
            yield
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                raise _NotPermitted(str(missing_privilege(operation))) from None
            raise start_error(error, operation) from None


class _NotPermitted(Exception):
    """The user lacks a privilege that the step takes."""


def _newer_release(database: str, step: str, release: object) -> UserError:
    return UserError(
        f"the database {database} was migrated by release {release} of ATS Sync (step {step}), "
        "which is newer than this one",
        remedy=f"start release {release} or a later one, or restore a backup made before it; "
        "docs/releases.md shows the commands",
    )


async def _make(own: TargetDatabase, change: MigrationChange) -> Mapping[str, int]:
    """Makes one change, and returns what it counted. A collection that is missing stays so."""
    if change.collection not in await collections_of(own):
        return {}
    collection = own.database[change.collection]
    match change:
        case DropCollection():
            await collection.drop()
            return {"collections_dropped": 1}
        case DeleteDocuments(query=query):
            deleted = await collection.delete_many(dict(query))
            return {"documents_deleted": deleted.deleted_count}
    exists = change.index in {index["name"] for index in await indexes_of(own, change.collection)}
    match change:
        case CreateIndex() if not exists:
            await collection.create_index(change.keys, name=change.index, **change.options)
            return {"indexes_created": 1}
        case DropIndex() if exists:
            await collection.drop_index(change.index)
            return {"indexes_dropped": 1}
    return {}
