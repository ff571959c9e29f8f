"""Leases: who works on what, with monotonic fencing tokens."""

from collections.abc import Callable
from uuid import UUID

import msgspec


class LeaseLost(Exception):
    """The lease went to someone else: stop this work; what was done so far is safe."""


class HeldLease(msgspec.Struct, frozen=True):
    """A piece of work held. `token` grows with every new holder."""

    key: str
    owner: UUID
    token: int
    still_held: Callable[[], bool]
    """False as soon as the local monotonic clock says that the lease may have run out."""
