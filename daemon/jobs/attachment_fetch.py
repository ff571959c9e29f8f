"""Job 4: fetch candidates' files, as the operator wants them.

Reads `attachments_queue` and the snapshots; writes ClearView's bucket `attachments` and the
attachments of `candidates`.

    queue      what the rules want of known candidates     attachments/reconcile.py
    delete     copies of files that are gone               attachments/cleanup.py
    fetch      each due file, a few at once                attachments/fetch.py
    publish    name the copy in ClearView                  attachments/fetch.py
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from connectors.connector import Connector
from daemon.attachments.cleanup import delete_gone
from daemon.attachments.context import AttachmentPorts, FetchContext
from daemon.attachments.fetch import PAUSE, WAIT_FOR_ATS, fetch
from daemon.attachments.reconcile import has_other_rules, queue_known
from daemon.core.alert_texts import dead_files
from daemon.core.attachments import FILE_STATES, AttachmentRules, FileToFetch
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease
from daemon.core.unexpected import leaves
from daemon.runtime.leased_work import RETRY_EVERY, lease_soon
from daemon.runtime.scheduler import Trigger
from daemon.runtime.supervision import stopped_within

log = structlog.get_logger("daemon.jobs.attachment_fetch")

AT_ONCE = 2
"""Files of one integration that are fetched beside each other."""
BATCH = 20


class AttachmentFetch:
    """Fetches one integration's files; one replica at a time does."""

    def __init__(
        self,
        integration: IntegrationRef,
        connector: Connector,
        ports: AttachmentPorts,
        rules: AttachmentRules,
    ) -> None:
        self._of = integration
        self._connector = connector
        self._ports = ports
        self._rules = rules
        self._key = f"attachments:{integration.name}"
        self._due = Trigger(self._key)
        self._paused_until: datetime | None = None
        self._has_judged_rules = False

    def wake(self) -> None:
        """Makes the job look at the queue."""
        self._due.ring()

    async def run(self, stop: asyncio.Event) -> None:
        """Fetches whenever it is woken, until stopped."""
        await self._judge_rules()
        while await self._due.heard(stop):
            if not self._may_work():
                continue
            lease = await self._ports.leases.acquire(self._key)
            if lease is None:
                if not self._has_judged_rules:
                    # No row of the queue reminds of rules that no one has judged yet.
                    await stopped_within(stop, RETRY_EVERY)
                    self.wake()
                continue
            try:
                await self._work(lease, stop)
            finally:
                await self._ports.leases.release(lease)

    async def fetch_due(self) -> None:
        """Fetches all files that are due, and returns."""
        await self._judge_rules()
        async with lease_soon(self._ports.leases, self._key) as lease:
            if lease is not None:
                await self._work(lease, asyncio.Event())

    def _may_work(self) -> bool:
        paused = self._paused_until is not None and self._ports.clock.now() < self._paused_until
        return self._ports.is_active() and not paused

    async def _judge_rules(self) -> None:
        """Wakes the job if files were queued by other rules than these."""
        if await has_other_rules(self._ports, self._of.name, self._rules):
            self._has_judged_rules = False
            self.wake()
        else:
            self._has_judged_rules = True

    async def _work(self, lease: HeldLease, stop: asyncio.Event) -> None:
        context = FetchContext(
            of=self._of,
            connector=self._connector,
            ports=self._ports,
            rules=self._rules,
            queue=self._ports.queue(lease.token),
            still_held=lease.still_held,
        )
        if not self._has_judged_rules:
            if await has_other_rules(self._ports, self._of.name, self._rules):
                await queue_known(context, fence=lease.token)
            self._has_judged_rules = True
        await delete_gone(context)
        ports = self._ports
        while lease.still_held() and not stop.is_set() and self._may_work():
            files = await context.queue.due(now=ports.clock.now(), limit=BATCH)
            if not files:
                break
            await self._fetch_each(context, files)
        await self._report(context)

    async def _fetch_each(self, context: FetchContext, files: Sequence[FileToFetch]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(file: FileToFetch) -> None:
            async with slots:
                if context.still_held():
                    await fetch(context, file)

        try:
            async with asyncio.TaskGroup() as group:
                for file in files:
                    group.create_task(one(file), name=f"{self._of.name}: file")
        except ExceptionGroup as failed:
            error = next(leaves(failed))
            if not isinstance(error, WAIT_FOR_ATS):
                raise error from None
            earliest = self._ports.clock.now() + PAUSE
            self._paused_until = max(earliest, error.until or earliest)
            log.info("attachments_paused", integration=self._of.name, error=type(error).__name__)

    async def _report(self, context: FetchContext) -> None:
        counts = await context.queue.counts()
        for state in FILE_STATES:
            self._ports.metrics.gauge(
                "attachments", counts.get(state, 0), integration=self._of.name, state=state
            )
        if dead := counts.get("dead"):
            await self._ports.alerts.raise_condition(dead_files(self._of, files=dead))
