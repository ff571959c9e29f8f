"""The coordination between replicas, on the server's clock."""

from typing import Protocol

from daemon.core.leases import HeldLease


class Leases(Protocol):
    """The coordination between replicas."""

    async def acquire(self, key: str) -> HeldLease | None:
        """The lease, or None while another replica holds it. Renewed in the background."""

    async def end_of(self, key: str) -> object:
        """Returns the end of the lease as it is stored: a holder that is alive moves it every few seconds."""

    async def release(self, lease: HeldLease) -> None:
        """Gives it back so that another replica need not wait for it to run out."""
