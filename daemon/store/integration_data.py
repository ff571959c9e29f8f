"""All that is stored about one integration, for a removal that keeps nothing."""

from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

from beanie import Document

from daemon.core.leases import HeldLease
from daemon.ports.clock import Clock
from daemon.ports.leases import Leases
from daemon.store.connection import Mongo
from models.documents import (
    OWN_DOCUMENTS,
    AppliedMigration,
    AuditEntry,
    Checkpoint,
    DataKey,
    Erasure,
    IntegrationSettings,
    Lease,
    OAuthToken,
)
from models.errors import UserError
from models.ids import integration_id

KEYS = ("poll", "push", "export", "attachments")
"""The kinds of work of an integration, as its leases and checkpoints name them."""
WORK_ENDS_WITHIN = timedelta(seconds=20)
LOOK_EVERY = timedelta(milliseconds=500)
OF_THE_DAEMON: frozenset[type[Document]] = frozenset(
    {AppliedMigration, AuditEntry, DataKey, Erasure}
)
"""Collections that outlive an integration: no document of theirs is ever removed."""


class MongoIntegrationData:
    """Deletes what the service's own database has of one integration. ClearView's data stays."""

    def __init__(self, mongo: Mongo, leases: Leases, clock: Clock) -> None:
        self._mongo = mongo
        self._leases = leases
        self._clock = clock

    async def purge(self, name: str) -> int:
        """Deletes everything, once no one works on it; returns the number of documents.

        May be repeated after an interruption.

        Raises:
            UserError: someone still works on it.
        """
        async with AsyncExitStack() as stack:
            for key in KEYS:
                lease = await self._lease(f"{key}:{name}", name)
                stack.push_async_callback(self._leases.release, lease)
            return await self._purge(name)

    async def _lease(self, key: str, name: str) -> HeldLease:
        until = self._clock.monotonic() + WORK_ENDS_WITHIN.total_seconds()
        while (lease := await self._leases.acquire(key)) is None:
            if self._clock.monotonic() > until:
                raise UserError(
                    f"{name} was removed, and its work has not ended yet",
                    remedy=f"in a minute: ats-sync integrations remove {name} --purge",
                )
            await self._clock.sleep(LOOK_EVERY)
        return lease

    async def _purge(self, name: str) -> int:
        identity, count = integration_id(name), 0
        for document in OWN_DOCUMENTS:
            if document not in OF_THE_DAEMON:
                count += await self._delete(document, {"ats_integration_id": identity})
        names = [f"{key}:{name}" for key in KEYS]
        for document in (Checkpoint, Lease):
            count += await self._delete(document, {"_id": {"$in": names}})
        count += await self._delete(OAuthToken, {"integration": name})
        return count + await self._delete(IntegrationSettings, {"_id": identity, "stored": None})

    async def _delete(self, document: type, query: dict[str, object | UUID]) -> int:
        result = await self._mongo.collection(document).delete_many(query)
        return int(result.deleted_count)
