"""Erases the candidates that the ATS has not had for longer than `retention.deleted_candidates`."""

from datetime import timedelta

from daemon.erasing.erasures import Erasures
from daemon.ports.clock import Clock
from daemon.ports.erasures import DeletedCandidates
from daemon.ports.leases import Leases

LEASE = "retention"
AT_ONCE = 100
"""Candidates of one receipt, at most."""


class DeletedCandidatesRetention:
    """One replica erases, all that is due."""

    def __init__(
        self, deleted: DeletedCandidates, erasures: Erasures, leases: Leases, clock: Clock
    ) -> None:
        self._deleted = deleted
        self._erasures = erasures
        self._leases = leases
        self._clock = clock

    async def run(self, period: timedelta) -> int:
        """Returns the number of candidates that were erased; 0 if another process does it."""
        if not await self._deleted.before(self._clock.now() - period, limit=1):
            return 0
        lease = await self._leases.acquire(LEASE)
        if lease is None:
            return 0
        try:
            erased = 0
            while lease.still_held():
                people = await self._deleted.before(self._clock.now() - period, limit=AT_ONCE)
                for person in people:
                    planned = await self._erasures.plan([person], reason="retention")
                    erased += (await self._erasures.erase(planned)).candidates
                if not people:
                    break
            return erased
        finally:
            await self._leases.release(lease)
