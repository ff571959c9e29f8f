"""Job 2, second half: deliver the pushes of one integration to its ATS, in order per application.

Due pushes go, application by application (`pushing/delivery.py`):

    admission        may the ATS be called at all?        pushing/admission.py
    refresh          read the application, where needed   pushing/delivery_attempt.py
    decide, plan     what the push means now              core/push_decision.py, connectors/write/
    claim            note durably that a request leaves   store/delivery_queue.py
    call             send the request                     pushing/ats_calls.py
    judge            doubt, refusal, move, retry          pushing/delivery_attempt.py
    note             one note for the hiring team         pushing/push_note.py
    record           snapshot, ClearView, log, outbox     store/push_results.py
"""

import asyncio

from connectors.connector import Connector
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease
from daemon.core.pushes import DeliveryCounts, OutboxRow
from daemon.pushing.admission import AdmissionControl
from daemon.pushing.delivery import OutboxDelivery, PushPorts, PushSettings
from daemon.pushing.wakeup_queue import LocalWakeupQueue
from daemon.runtime.leased_work import lease_soon, work_while_leased


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
            self._connector,
            self._ports,
            self._settings,
            lease=lease,
            admission=self._admission,
            wakeups=self._wakeups,
        )
