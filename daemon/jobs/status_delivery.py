"""Job 2, second half: deliver the pushes of one integration to its ATS, in order per application.

Due pushes go, application by application (`pushing/delivery.py`):

    admission        may the ATS be called at all?        pushing/admission.py
    refresh          read the application, where needed   pushing/delivery_attempt.py
    decide, plan     what the push means now              core/push_plan.py, connectors/write/
    claim            note durably that a request leaves   store/delivery_queue.py
    call             send the request                     pushing/ats_calls.py
    judge            doubt, refusal, move, retry          pushing/delivery_attempt.py
    note             one note for the hiring team         pushing/push_note.py
    record           snapshot, ClearView, log, outbox     store/push_results.py
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import msgspec

from connectors.connector import Connector
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease
from daemon.core.push_plan import PushRules
from daemon.core.pushes import DeliveryCounts, OutboxRow
from daemon.core.retry import Jitter, RetryRule
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.ports.pushes import (
    ClearViewApplications,
    DeliveryQueue,
    IntegrationStates,
    KnownApplications,
)
from daemon.pushing.admission import AdmissionControl
from daemon.pushing.attempt import AttemptContext, Claim
from daemon.pushing.delivery import DeliveryLimits, DeliveryPorts, OutboxDelivery
from daemon.pushing.wakeup_queue import LocalWakeupQueue
from daemon.runtime.leased_work import RETRY_EVERY, lease_soon, work_while_leased

ATTEMPTS_PER_REQUEST = 3
"""An attempt that waits for MongoDB, between its read and its write, leaves its request to another."""


class PushPorts(msgspec.Struct, frozen=True):
    """The contracts that one integration's deliveries use."""

    queue: Callable[[int], DeliveryQueue]
    """The outbox as the holder of a lease with this fencing token processes it."""
    known: KnownApplications
    clearview: ClearViewApplications
    states: IntegrationStates
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock
    jitter: Jitter


class PushSettings(msgspec.Struct, frozen=True):
    """Rules and limits of one integration's pushes."""

    rules: PushRules = msgspec.field(default_factory=PushRules)
    retry: RetryRule = msgspec.field(default_factory=RetryRule)
    limits: DeliveryLimits = msgspec.field(default_factory=DeliveryLimits)
    requests: int = 16
    """Requests in flight at once; the connector's own rate limits may allow fewer."""
    try_for_lease_every: timedelta = RETRY_EVERY


class StatusDelivery:
    """Delivers one integration's outbox; one replica at a time does."""

    def __init__(
        self,
        integration: IntegrationRef,
        connector: Connector,
        ports: PushPorts,
        settings: PushSettings | None = None,
    ) -> None:
        self._integration = integration
        self._connector = connector
        self._ports = ports
        self._settings = settings or PushSettings()
        self._key = f"push:{integration.name}"
        self._wakeups = LocalWakeupQueue()
        self._admission = AdmissionControl(
            integration,
            connector.check,
            states=ports.states,
            alerts=ports.alerts,
            clock=ports.clock,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until stopped."""

        async def deliver(lease: HeldLease) -> None:
            await self._delivery(lease).run(stop)

        await work_while_leased(
            self._ports.leases,
            self._key,
            deliver,
            stop,
            retry_every=self._settings.try_for_lease_every,
        )

    async def deliver_due(self) -> DeliveryCounts:
        """Delivers all pushes that are due, and returns; none if another replica delivers."""
        async with lease_soon(self._ports.leases, self._key) as lease:
            if lease is None:
                return DeliveryCounts()
            delivery = self._delivery(lease)
            await delivery.run(asyncio.Event(), until_idle=True)
        return delivery.counts

    def wake(self) -> None:
        """Makes the delivery scan the outbox at once."""
        self._wakeups.request_scan()

    def announce(self, row: OutboxRow) -> None:
        """Hands over a row that was stored just now; if it has its snapshot, nothing is read."""
        self._wakeups.put(row)

    def _delivery(self, lease: HeldLease) -> OutboxDelivery:
        self._wakeups.forget()
        return OutboxDelivery(
            self._integration,
            DeliveryPorts(
                queue=self._ports.queue(lease.token),
                known=self._ports.known,
                alerts=self._ports.alerts,
                metrics=self._ports.metrics,
                clock=self._ports.clock,
            ),
            admission=self._admission,
            context=self._context,
            still_held=lease.still_held,
            wakeups=self._wakeups,
            limits=self._settings.limits,
        )

    def _context(self, claim: Claim, claim_note: Claim) -> AttemptContext:
        return AttemptContext(
            connector=self._connector,
            admission=self._admission,
            rules=self._settings.rules,
            claim=claim,
            claim_note=claim_note,
            content_of=self._ports.clearview.content,
            clock=self._ports.clock,
            retry=self._settings.retry,
            jitter=self._ports.jitter,
            names_of=partial(self._ports.known.names, self._integration.id),
            attempts=asyncio.Semaphore(self._settings.requests * ATTEMPTS_PER_REQUEST),
            requests=asyncio.Semaphore(self._settings.requests),
        )
