"""The outside of the fetching of files, for one integration."""

import asyncio
from collections.abc import Callable

import msgspec

from connectors.connector import Connector
from daemon.core.attachments import AttachmentRules
from daemon.core.integrations import IntegrationRef
from daemon.core.retry import Jitter
from daemon.ports.alerts import Alerts
from daemon.ports.attachments import AttachmentQueue, FileQueue, FileShelf
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints, Snapshots
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics

FILES_AT_ONCE = 4
"""Files that a process holds in memory."""


class AttachmentPorts(msgspec.Struct, frozen=True):
    """The collections and services that one integration's files go through."""

    queue: Callable[[int], FileQueue]
    """The queue as the holder of a lease with this fencing token works on it."""
    imports: AttachmentQueue
    known: Snapshots
    shelf: FileShelf
    checkpoints: Checkpoints
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock
    jitter: Jitter
    is_active: Callable[[], bool]
    is_outage: Callable[[BaseException], bool]
    """Returns True for an error of a MongoDB that is away."""
    slots: asyncio.Semaphore = msgspec.field(
        default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE)
    )


class FetchContext(msgspec.Struct, frozen=True):
    """One holding of the lease."""

    of: IntegrationRef
    connector: Connector
    ports: AttachmentPorts
    rules: AttachmentRules
    queue: FileQueue
    still_held: Callable[[], bool]
    storing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    """Held while a copy is written or deleted: two files may have the same content."""
