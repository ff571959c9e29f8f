"""The objects that the daemon and the commands share, and what is built on them for an integration."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from pydantic import SecretStr

from config.encryption_key import encryption_keys
from config.operator import Integration
from config.operator_clearview import ClearView
from connectors.connector import Connector, Observer
from connectors.registry import SharedLimits, create_connector
from daemon.core.alert_policy import AlertPolicy
from daemon.core.runs import Run
from daemon.exporting.values import ExportStores
from daemon.importing.context import PAGES_AT_ONCE, ImportPorts, RunRequest
from daemon.jobs.analytics_export import AnalyticsExport
from daemon.jobs.import_poll import ImportPoll
from daemon.jobs.rules import export_settings, import_rules
from daemon.ports.clock import Clock
from daemon.ports.jobs import PollJob
from daemon.pushing.intake import EventIntake
from daemon.pushing.reconcile import ReconcilePorts, Reconciler
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.clock import SystemClock
from daemon.store.alerts import AlertStore
from daemon.store.analytics_log import MongoExportLog, MongoExportPosition
from daemon.store.analytics_values import MongoSentValues, MongoStandpoints
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.clearview_applications import MongoClearViewApplications
from daemon.store.clearview_backends import ClearViewBackends
from daemon.store.conflicts import MongoConflictLog, MongoOpenConflicts
from daemon.store.connection import Mongo
from daemon.store.encryption import Keyring
from daemon.store.failed_records import MongoFailedRecords
from daemon.store.import_history import MongoImportHistory
from daemon.store.integrations import MongoIntegrations
from daemon.store.known_applications import MongoKnownApplications
from daemon.store.leases import MongoLeases
from daemon.store.lost_pushes import MongoLostPushes
from daemon.store.mongo_errors import fails_by_content
from daemon.store.outbox import MongoOutbox
from daemon.store.runs import MongoRunLog
from daemon.store.snapshots import MongoSnapshots
from daemon.store.token_file import FileTokenStore
from daemon.store.token_store import MongoTokenStore
from daemon.store.webhook_events import MongoWebhookQueue
from models.ids import integration_id


@dataclass(slots=True)
class AppServices:
    """The objects that exist once in a process, on an open MongoDB."""

    mongo: Mongo
    clearview: ClearView = field(default_factory=ClearView)
    """The settings of ClearView's services."""
    clock: Clock = field(default_factory=SystemClock)
    policy: AlertPolicy = field(default_factory=AlertPolicy)
    encryption_key: SecretStr | None = None
    """The key of the refresh tokens in MongoDB."""
    limits: SharedLimits = field(default_factory=SharedLimits)
    page_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))
    """One slot for each page that is being imported."""
    services: ClearViewBackends = field(init=False)
    leases: MongoLeases = field(init=False)
    alerts: AlertStore = field(init=False)
    runs: MongoRunLog = field(init=False)
    checkpoints: MongoCheckpoints = field(init=False)
    integrations: MongoIntegrations = field(init=False)
    outbox: MongoOutbox = field(init=False)
    known: MongoKnownApplications = field(init=False)

    def __post_init__(self) -> None:
        mongo, clock = self.mongo, self.clock
        if self.encryption_key is not None:
            keys = encryption_keys(self.encryption_key.get_secret_value())
            self.limits.token_store = MongoTokenStore(mongo, Keyring(keys), clock)
        self.services = ClearViewBackends(self.clearview, mongo, clock)
        self.leases = MongoLeases(mongo, clock)
        self.alerts = AlertStore(mongo, clock, self.policy)
        self.runs = MongoRunLog(mongo, clock)
        self.checkpoints = MongoCheckpoints(mongo, clock)
        self.integrations = MongoIntegrations(mongo, clock)
        self.outbox = MongoOutbox(mongo)
        self.known = MongoKnownApplications(mongo)

    def use_clearview(self, clearview: ClearView) -> ClearViewBackends | None:
        """Applies edited settings of ClearView's services.

        Returns the services that are no longer used and have to be closed; None if nothing changed.
        """
        before, self.clearview = self.clearview, clearview
        if (before.candidates, before.analytics) == (clearview.candidates, clearview.analytics):
            return None
        old, self.services = self.services, ClearViewBackends(clearview, self.mongo, self.clock)
        return old


def make_connector(
    app: AppServices, checked: CheckedConfig, name: str, observer: Observer | None = None
) -> Connector:
    """Returns a connector for a configured integration, not opened yet."""
    integration = checked.loaded.value.integrations[name]
    token_file = integration.token_file
    return create_connector(
        name=name,
        integration=integration,
        definition=checked.definition_of(name),
        observer=observer,
        shared_limits=app.limits,
        token_store=None
        if token_file is None
        else FileTokenStore(checked.loaded.document.path.parent / token_file, app.clock),
    )


def import_ports(app: AppServices, identity: UUID) -> ImportPorts:
    """Returns what one integration's import reads from and writes to."""
    mongo = app.mongo
    return ImportPorts(
        snapshots=MongoSnapshots(mongo, identity),
        clearview=app.services.candidates(identity),
        history=MongoImportHistory(mongo, identity),
        failed=MongoFailedRecords(mongo, identity),
        checkpoints=app.checkpoints,
        conflicts=MongoConflictLog(mongo, identity),
        pushes=MongoLostPushes(mongo),
        values=MongoSentValues(mongo, app.clock),
        runs=app.runs,
        webhooks=MongoWebhookQueue(mongo, identity),
        alerts=app.alerts,
        clock=app.clock,
        page_slots=app.page_slots,
    )


def export_job(
    app: AppServices, wanted: Integration, connector: Connector
) -> AnalyticsExport | None:
    """Returns the export job of an integration; None if the operator configured none."""
    settings = export_settings(connector.integration, wanted)
    if settings is None:
        return None
    stores = ExportStores(
        source=app.services.metrics,
        standpoints=MongoStandpoints(app.mongo),
        values=MongoSentValues(app.mongo, app.clock),
        log=MongoExportLog(app.mongo, app.clock),
        position=MongoExportPosition(app.mongo, app.clock),
        names_of=partial(app.known.names, settings.integration_id),
    )
    return AnalyticsExport(
        settings,
        connector,
        stores,
        leases=app.leases,
        alerts=app.alerts,
        runs=app.runs,
        clock=app.clock,
    )


def event_intake(app: AppServices) -> EventIntake:
    """Returns what makes outbox rows of ClearView's changes."""
    return EventIntake(
        outbox=app.outbox,
        known=app.known,
        clearview=MongoClearViewApplications(app.mongo),
        clock=app.clock,
        fails_by_content=fails_by_content,
    )


def reconciliation(app: AppServices) -> Reconciler:
    """Returns what compares all of ClearView with the snapshots."""
    return Reconciler(
        ReconcilePorts(
            outbox=app.outbox,
            clearview=MongoClearViewApplications(app.mongo),
            conflicts=MongoOpenConflicts(app.mongo),
            intake=event_intake(app),
            clock=app.clock,
        )
    )


def poll_job(app: AppServices, wanted: Integration, connector: Connector) -> PollJob:
    identity = integration_id(connector.integration)
    job = ImportPoll(connector, identity, import_ports(app, identity), import_rules(wanted))

    async def poll(
        *,
        fence: int,
        still_held: Callable[[], bool],
        sweep: bool = False,
        accept_deletions: bool = False,
        only_webhooks: bool = False,
    ) -> Run:
        request = RunRequest(
            fence=fence,
            still_held=still_held,
            sweep=sweep,
            accept_deletions=accept_deletions,
            only_webhooks=only_webhooks,
        )
        return await job.run(request)

    return poll
