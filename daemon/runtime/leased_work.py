"""Work that one replica does at a time, under a lease; `daemon.store.leases` grants and renews it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from daemon.core.leases import HeldLease
from daemon.ports.leases import Leases
from daemon.runtime.supervision import stopped_within

RETRY_EVERY = timedelta(seconds=3)
LOOK_EVERY = timedelta(seconds=0.5)
ORPHANED_LEASES_END_WITHIN = timedelta(seconds=15)


async def work_while_leased(
    leases: Leases,
    key: str,
    work: Callable[[HeldLease], Awaitable[None]],
    stop: asyncio.Event,
    *,
    retry_every: timedelta,
    on_standby: Callable[[], None] = lambda: None,
) -> None:
    """Works whenever this replica gets the lease, until stopped.

    `on_standby` is called each time another replica holds it.
    """
    while not stop.is_set():
        lease = await leases.acquire(key)
        if lease is None:
            on_standby()
            await stopped_within(stop, retry_every)
            continue
        try:
            await work(lease)
        finally:
            await leases.release(lease)


@asynccontextmanager
async def lease_soon(leases: Leases, key: str) -> AsyncIterator[HeldLease | None]:
    """Holds the lease, once that of a holder that was killed has run out; None: its holder is alive.

    A holder that is alive is recognised as soon as it renews the lease.
    """
    lease = await _acquire_soon(leases, key)
    try:
        yield lease
    finally:
        if lease is not None:
            await leases.release(lease)


async def _acquire_soon(leases: Leases, key: str) -> HeldLease | None:
    end = await leases.end_of(key)
    for _ in range(ORPHANED_LEASES_END_WITHIN // LOOK_EVERY):
        lease = await leases.acquire(key)
        if lease is not None or await leases.end_of(key) != end:
            return lease
        await stopped_within(asyncio.Event(), LOOK_EVERY)
    return await leases.acquire(key)
