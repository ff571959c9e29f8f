"""The composition root: with `assembly_import.py`, all that names stores, connectors and jobs together."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from config.loading import Loaded
from config.operator import Integration, OperatorConfig
from connectors.connector import Connector
from daemon.alerts.notifier import NotificationSender, SenderLimits
from daemon.assembly_import import ImportParts, import_ports, import_rules
from daemon.core.exported_field import DEFAULT_FIELD
from daemon.core.integrations import IntegrationRef
from daemon.core.push_plan import PushRules
from daemon.core.pushes import OutboxRow
from daemon.exporting.values import ExportSettings, ExportStores
from daemon.jobs.analytics_export import AnalyticsExport
from daemon.jobs.import_poll import ImportPoll
from daemon.jobs.status_delivery import PushPorts, PushSettings, StatusDelivery
from daemon.jobs.status_intake import IntakePorts, StatusIntake
from daemon.ports.notifications import Channel
from daemon.pushing.delivery import DeliveryLimits
from daemon.pushing.intake import EventIntake, RulesOf
from daemon.pushing.reconcile import ReconcilePorts, Reconciler
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.health import Health
from daemon.runtime.integration_state import IntegrationStateCache
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.metrics import ConnectorMetrics, PrometheusMetrics
from daemon.runtime.rate_limit_monitor import RateWatch
from daemon.runtime.scheduler import Scheduler
from daemon.runtime.worker import IntegrationWorker, Jobs, SharedServices, Triggers
from daemon.store.analytics_log import MongoExportLog, MongoExportPosition
from daemon.store.analytics_values import MongoSentValues, MongoStandpoints
from daemon.store.clearview_applications import MongoClearViewApplications
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.integration_states import MongoIntegrationStates
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.mongo_errors import fails_by_content
from daemon.store.notification_queue import MongoNotificationQueue
from daemon.store.open_conflicts import MongoOpenConflicts
from daemon.store.outbox import MongoOutbox
from daemon.stream.change_stream import ApplicationStream
from models.ids import integration_id

QUIET = DeliveryLimits(look_every_s=60.0)
"""The intake wakes a delivery at once, and the watch for due pushes does when something comes by
another way, such as a replay. Looking by itself is for what both of them might miss."""


@dataclass(slots=True)
class Shared(ImportParts):
    """What every integration uses: one of each in the process."""

    metrics: PrometheusMetrics = field(default_factory=PrometheusMetrics)
    rate_watch: RateWatch = field(init=False)
    observer: ConnectorMetrics = field(init=False)
    states: MongoIntegrationStates = field(init=False)
    outbox: MongoOutbox = field(init=False)
    known: MongoKnownApplications = field(init=False)
    board: IntegrationStateCache = field(init=False)
    scheduler: Scheduler = field(init=False)
    loops: LoopHealth = field(init=False)

    def __post_init__(self) -> None:
        ImportParts.__post_init__(self)
        self.rate_watch = RateWatch(self.alerts, self.clock, self.policy)
        self.observer = ConnectorMetrics(self.metrics, self.rate_watch)
        self.states = MongoIntegrationStates(self.mongo)
        self.outbox = MongoOutbox(self.mongo)
        self.known = MongoKnownApplications(self.mongo)
        self.board = IntegrationStateCache(self.integrations)
        self.scheduler = Scheduler(self.clock)
        self.loops = LoopHealth(self.alerts, self.clock)

    @property
    def around(self) -> SharedServices:
        return SharedServices(
            leases=self.leases,
            board=self.board,
            integrations=self.integrations,
            states=self.states,
            clock=self.clock,
            loops=self.loops,
        )


def assemble_worker(
    shared: Shared,
    loaded: Loaded[OperatorConfig],
    connector: Connector,
) -> IntegrationWorker:
    """One integration with its three jobs."""
    name = connector.integration
    wanted = loaded.value.integrations[name]
    identity = integration_id(name)
    export = assemble_export(shared, wanted, connector, identity)
    jobs = Jobs(
        poll=ImportPoll(connector, identity, import_ports(shared, identity), import_rules(wanted)),
        delivery=_delivery(shared, wanted, connector, identity),
        export=export,
    )
    triggers = Triggers(
        poll=shared.scheduler.every(wanted.poll.every, f"poll:{name}", jitter=wanted.poll.jitter),
        export=None
        if export is None or wanted.analytics is None
        else shared.scheduler.every(_look_for_periods(wanted.analytics.every), f"export:{name}"),
    )
    health = Health(IntegrationRef(name, identity), shared.alerts, shared.clock, shared.policy)
    return IntegrationWorker(identity, connector, jobs, triggers, health, shared.around)


def _look_for_periods(every: timedelta) -> timedelta:
    """A period is exported soon after it ends, a failed one soon after its rest."""
    return min(max(every / 4, timedelta(seconds=1)), timedelta(minutes=5))


def push_rules(name: str, wanted: Integration) -> PushRules:
    """What the operator decided about pushes."""
    return PushRules(
        integration=name,
        enabled=wanted.enabled and wanted.push.enabled,
        conflicts=wanted.push.conflicts,
        coalesce=wanted.push.coalesce,
    )


def rules_of(config: OperatorConfig) -> RulesOf:
    """Every integration's push rules, by its id."""
    return {
        integration_id(name): push_rules(name, one) for name, one in config.integrations.items()
    }


def _delivery(
    shared: Shared, wanted: Integration, connector: Connector, identity: UUID
) -> StatusDelivery | None:
    if not wanted.push.enabled:
        return None
    ports = PushPorts(
        queue=lambda fence: MongoDeliveryQueue(shared.mongo, identity, fence=fence),
        known=shared.known,
        states=shared.states,
        leases=shared.leases,
        alerts=shared.alerts,
        metrics=shared.metrics,
        clock=shared.clock,
        jitter=random.random,
    )
    integration = IntegrationRef(connector.integration, identity)
    rules = push_rules(integration.name, wanted)
    return StatusDelivery(integration, connector, ports, PushSettings(rules=rules, limits=QUIET))


def assemble_export(
    shared: ImportParts, wanted: Integration, connector: Connector, identity: UUID
) -> AnalyticsExport | None:
    """The export job, if the operator asked for one."""
    if wanted.analytics is None:
        return None
    return AnalyticsExport(
        ExportSettings(
            integration=connector.integration,
            integration_id=identity,
            every=wanted.analytics.every,
            field_name=wanted.analytics.field or DEFAULT_FIELD,
        ),
        connector,
        ExportStores(
            source=shared.services.metrics,
            standpoints=MongoStandpoints(shared.mongo),
            values=MongoSentValues(shared.mongo, shared.clock),
            log=MongoExportLog(shared.mongo, shared.clock),
            position=MongoExportPosition(shared.mongo, shared.clock),
            names_of=partial(MongoKnownApplications(shared.mongo).names, identity),
        ),
        leases=shared.leases,
        alerts=shared.alerts,
        runs=shared.runs,
        clock=shared.clock,
    )


class Deliveries:
    """Wakes the delivery of whoever has new work."""

    def __init__(self) -> None:
        self._by_integration: dict[UUID, StatusDelivery] = {}

    def add(self, identity: UUID, delivery: StatusDelivery | None) -> None:
        if delivery is not None:
            self._by_integration[identity] = delivery

    def remove(self, identity: UUID) -> None:
        self._by_integration.pop(identity, None)

    def wakers(self) -> Mapping[UUID, Callable[[], None]]:
        """By integration: what tells its delivery that there is work."""
        return {identity: one.wake for identity, one in self._by_integration.items()}

    def announce(self, row: OutboxRow) -> None:
        """A row entered the outbox."""
        if row.event.integration_id in self._by_integration:
            self._by_integration[row.event.integration_id].announce(row)


def assemble_intake(
    shared: Shared, config: "CurrentConfig", deliveries: Deliveries
) -> StatusIntake:
    """The one reader of the change stream in this process."""
    ports = IntakePorts(
        source=ApplicationStream(shared.mongo.clearview, shared.clock),
        intake=_event_intake(shared),
        reconciler=assemble_reconciler(shared),
        checkpoints=shared.checkpoints,
        leases=shared.leases,
        alerts=shared.alerts,
        metrics=shared.metrics,
        clock=shared.clock,
    )
    return StatusIntake(
        ports, rules=lambda: rules_of(config.loaded.value), announce=deliveries.announce
    )


def assemble_reconciler(shared: ImportParts) -> Reconciler:
    """Returns the comparison of all of ClearView with the snapshots."""
    return Reconciler(
        ReconcilePorts(
            outbox=MongoOutbox(shared.mongo),
            clearview=MongoClearViewApplications(shared.mongo),
            conflicts=MongoOpenConflicts(shared.mongo),
            intake=_event_intake(shared),
            clock=shared.clock,
        )
    )


def _event_intake(shared: ImportParts) -> EventIntake:
    return EventIntake(
        outbox=MongoOutbox(shared.mongo),
        known=MongoKnownApplications(shared.mongo),
        clearview=MongoClearViewApplications(shared.mongo),
        clock=shared.clock,
        fails_by_content=fails_by_content,
    )


@dataclass(slots=True)
class CurrentConfig:
    """The last good configuration; an edit replaces it."""

    checked: CheckedConfig
    refused: str | None = None
    """Why the latest edit is not in force."""

    @property
    def loaded(self) -> Loaded[OperatorConfig]:
        return self.checked.loaded


def assemble_sender(shared: Shared, channels: Sequence[Channel]) -> NotificationSender:
    """Who tells people."""
    return NotificationSender(
        alerts=shared.alerts,
        book=shared.alerts,
        queue=MongoNotificationQueue(shared.mongo),
        channels=channels,
        clock=shared.clock,
        policy=shared.policy,
        limits=SenderLimits(tick=timedelta(seconds=2)),
        observer=shared.loops,
    )
