"""Who works on what: leases with monotonic fencing tokens, on the server's clock."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec


class LeaseLost(Exception):
    """The lease went to someone else: stop this work; what was done so far is safe."""


class Lease(msgspec.Struct, frozen=True):
    """A piece of work held. `token` grows with every new holder."""

    key: str
    owner: UUID
    token: int
    still_held: Callable[[], bool]
    """False as soon as the local monotonic clock says that the lease may have run out."""


class Leases(Protocol):
    """The coordination between replicas."""

    async def acquire(self, key: str) -> Lease | None:
        """The lease, or None while another replica holds it. Renewed in the background."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give it back so that another replica need not wait for it to run out."""
        ...
