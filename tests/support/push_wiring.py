"""The status push put together on MongoDB, for tests."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from connectors.connector import Connector
from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import OutboxRow
from daemon.core.retry import Jitter
from daemon.jobs.status_delivery import StatusDelivery
from daemon.jobs.status_intake import IntakePorts, IntakeTimes, StatusIntake
from daemon.ports.alerts import Alerts
from daemon.ports.clock import Clock
from daemon.ports.leases import Leases
from daemon.ports.metrics import Metrics
from daemon.pushing.delivery import PushPorts, PushSettings
from daemon.pushing.intake import EventIntake, RulesOf
from daemon.pushing.reconcile import Reconciler
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.clearview_reader import MongoClearViewApplications
from daemon.store.conflicts import MongoOpenConflicts
from daemon.store.connection import Mongo
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.integrations import MongoIntegrations
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.mongo_errors import fails_by_content
from daemon.store.outbox import MongoOutbox
from daemon.stream.change_stream import ApplicationStream


@dataclass(frozen=True, slots=True)
class PushOutside:
    """What intake and deliveries share."""

    mongo: Mongo
    leases: Leases
    alerts: Alerts
    metrics: Metrics
    clock: Clock
    jitter: Jitter = random.random


def build_intake(
    outside: PushOutside,
    *,
    rules: Callable[[], RulesOf],
    announce: Callable[[OutboxRow], None],
    times: IntakeTimes | None = None,
    idle_ms: int = 1_000,
) -> StatusIntake:
    """The intake of all integrations. `announce` gets each row that waits for delivery."""
    mongo, clock = outside.mongo, outside.clock
    outbox = MongoOutbox(mongo)
    clearview = MongoClearViewApplications(mongo)
    intake = EventIntake(
        outbox=outbox,
        known=MongoKnownApplications(mongo),
        clearview=clearview,
        clock=clock,
        fails_by_content=fails_by_content,
    )
    reconciler = Reconciler(outbox, clearview, MongoOpenConflicts(mongo), intake, clock)
    ports = IntakePorts(
        source=ApplicationStream(mongo.clearview, clock, idle_ms=idle_ms),
        intake=intake,
        reconciler=reconciler,
        checkpoints=MongoCheckpoints(mongo, clock),
        leases=outside.leases,
        alerts=outside.alerts,
        metrics=outside.metrics,
        clock=clock,
    )
    return StatusIntake(ports, rules=rules, announce=announce, times=times)


def build_delivery(
    outside: PushOutside,
    integration: IntegrationRef,
    connector: Connector,
    settings: PushSettings | None = None,
) -> StatusDelivery:
    """The delivery of one integration."""
    mongo = outside.mongo
    ports = PushPorts(
        queue=lambda fence: MongoDeliveryQueue(mongo, integration, fence=fence),
        known=MongoKnownApplications(mongo),
        clearview=MongoClearViewApplications(mongo),
        states=MongoIntegrations(mongo, outside.clock),
        leases=outside.leases,
        alerts=outside.alerts,
        metrics=outside.metrics,
        clock=outside.clock,
        jitter=outside.jitter,
    )
    return StatusDelivery(integration, connector, ports, settings)
