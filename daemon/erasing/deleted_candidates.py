"""Erases the candidates that the ATS has not had for longer than `retention.deleted_candidates`."""

from collections.abc import Sequence
from datetime import timedelta

from daemon.core.erasure import PersonIds
from daemon.erasing.erasures import Erasures
from daemon.ports.clock import Clock
from daemon.ports.erasures import DeletedCandidates, LegalHolds
from daemon.ports.leases import Leases

LEASE = "retention"
AT_ONCE = 100
"""Candidates of one receipt, at most."""


class DeletedCandidatesRetention:
    """One replica erases, all that is due."""

    def __init__(
        self,
        deleted: DeletedCandidates,
        holds: LegalHolds,
        erasures: Erasures,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._holds = holds
        self._deleted = deleted
        self._erasures = erasures
        self._leases = leases
        self._clock = clock

    async def run(self, period: timedelta) -> int:
        """Returns the number of candidates that were erased; 0 if another process does it."""
        if not await self._due(period, limit=1):
            return 0
        lease = await self._leases.acquire(LEASE)
        if lease is None:
            return 0
        try:
            erased = 0
            while lease.still_held():
                people = await self._due(period, limit=AT_ONCE)
                for person in people:
                    erased += await self._erasures.erase_deleted(person, reason="retention")
                if not people:
                    break
            return erased
        finally:
            await self._leases.release(lease)

    async def _due(self, period: timedelta, *, limit: int) -> Sequence[PersonIds]:
        moment, held = self._clock.now() - period, await self._holds.all()
        return await self._deleted.before(moment, limit=limit, besides=held)
