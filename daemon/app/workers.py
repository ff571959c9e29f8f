"""The workers of integrations, each with its jobs, stores and triggers."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from config.operator import Integration
from connectors.connector import Connector, Observer
from daemon.app.jobs import attachment_ports, export_job, make_connector, poll_job
from daemon.app.services import AppServices
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import OutboxRow
from daemon.core.runs import Run
from daemon.jobs.attachment_fetch import AttachmentFetch
from daemon.jobs.rules import attachment_rules, export_check_interval, push_rules
from daemon.jobs.status_delivery import StatusDelivery
from daemon.ports.metrics import Metrics
from daemon.pushing.delivery import PushPorts, PushSettings
from daemon.runtime.checked_config import CurrentConfig
from daemon.runtime.integration_health import IntegrationHealth
from daemon.runtime.integration_state_cache import IntegrationStateCache
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.poll_cadence import PollCadence
from daemon.runtime.scheduler import Scheduler
from daemon.runtime.worker import IntegrationWorker, Jobs, SharedServices, Triggers
from daemon.store.clearview_reader import MongoClearViewApplications
from daemon.store.connection import DatabaseError
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.mongo_errors import is_outage
from models.ids import integration_id

_LOOK_EVERY_S = 60.0
"""The intake and the outbox poller wake a delivery at once; its own scan finds what both missed."""


@dataclass(slots=True)
class WorkerFactory:
    """Makes workers by the configuration in force, and knows whom to wake for what is due."""

    app: AppServices
    config: CurrentConfig
    metrics: Metrics
    observer: Observer
    scheduler: Scheduler
    state_cache: IntegrationStateCache
    loops: LoopHealth
    deliveries: dict[UUID, StatusDelivery] = field(default_factory=dict)
    files: dict[UUID, AttachmentFetch] = field(default_factory=dict)

    def make(self, name: str) -> IntegrationWorker:
        """Returns the worker of a configured integration, with its jobs and triggers."""
        app, wanted = self.app, self.config.loaded.value.integrations[name]
        of = IntegrationRef.named(name)
        connector = make_connector(app, self.config.checked, name, self.observer)
        export = export_job(app, wanted, connector)
        poll, imports = poll_job(app, wanted, connector, self._show_pending)
        jobs = Jobs(
            poll=poll,
            details_due=imports.details_due,
            delivery=self._make_delivery(of, wanted, connector),
            export=export,
            files=self._make_files(of, wanted, connector),
        )
        triggers = Triggers(
            poll=self.scheduler.every(wanted.poll.every, f"poll:{name}", jitter=wanted.poll.jitter),
            export=None
            if wanted.analytics is None
            else self.scheduler.every(
                export_check_interval(wanted.analytics.every), f"export:{name}"
            ),
            cadence=PollCadence(wanted.poll.every, wanted.poll.every_with_webhooks, app.clock),
        )
        health = IntegrationHealth(of, app.alerts, app.clock, app.policy)
        shared = SharedServices(
            leases=app.leases,
            state_cache=self.state_cache,
            integrations=app.integrations,
            states=app.integrations,
            clock=app.clock,
            loops=self.loops,
            database_error=DatabaseError,
            is_outage=is_outage,
        )
        return IntegrationWorker(of.id, connector, jobs, triggers, health, shared)

    def stopped(self, name: str) -> None:
        """Forgets a worker that has gone for good."""
        self.scheduler.forget(f"poll:{name}")
        self.scheduler.forget(f"export:{name}")
        self.deliveries.pop(integration_id(name), None)
        self.files.pop(integration_id(name), None)

    def announce(self, row: OutboxRow) -> None:
        """Lets its delivery take a push at once."""
        if row.event.integration_id in self.deliveries:
            self.deliveries[row.event.integration_id].announce(row)

    def push_wakers(self) -> Mapping[UUID, Callable[[], None]]:
        """By integration, the call that makes its delivery look for due pushes."""
        return {identity: one.wake for identity, one in self.deliveries.items()}

    def file_wakers(self) -> Mapping[UUID, Callable[[], None]]:
        """By integration, the call that makes it look for due files."""
        return {identity: one.wake for identity, one in self.files.items()}

    def _make_delivery(
        self, of: IntegrationRef, wanted: Integration, connector: Connector
    ) -> StatusDelivery | None:
        if not wanted.push.enabled:
            return None
        app = self.app
        ports = PushPorts(
            queue=lambda fence: MongoDeliveryQueue(app.mongo, of, fence=fence, erased=app.erased),
            known=app.known,
            clearview=MongoClearViewApplications(app.mongo),
            states=app.integrations,
            leases=app.leases,
            alerts=app.alerts,
            metrics=self.metrics,
            clock=app.clock,
            jitter=random.random,
        )
        settings = PushSettings(rules=push_rules(of.name, wanted), look_every_s=_LOOK_EVERY_S)
        delivery = StatusDelivery(of, connector, ports, settings)
        self.deliveries[of.id] = delivery
        return delivery

    def _make_files(
        self, of: IntegrationRef, wanted: Integration, connector: Connector
    ) -> AttachmentFetch:
        is_active = partial(self.state_cache.is_active, of.name)
        ports = attachment_ports(self.app, of.id, self.metrics, is_active)
        job = self.files[of.id] = AttachmentFetch(of, connector, ports, attachment_rules(wanted))
        return job

    def _show_pending(self, run: Run) -> None:
        pending, name = run.counts.details_pending, str(run.integration)
        self.metrics.gauge("details_pending", pending, integration=name)
