"""Jobs, with the stores that they need."""

import random
from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from config.operator import Integration
from connectors.connector import Connector, Observer
from connectors.registry import create_connector
from daemon.app.services import AppServices
from daemon.attachments.context import AttachmentPorts
from daemon.core.runs import Run, RunRequest
from daemon.exporting.value_sender import ExportStores
from daemon.importing.context import ImportPorts
from daemon.jobs.analytics_export import AnalyticsExport
from daemon.jobs.import_poll import ImportPoll
from daemon.jobs.rules import export_settings, import_rules
from daemon.ports.jobs import PollJob
from daemon.ports.metrics import Metrics
from daemon.pushing.intake import EventIntake
from daemon.pushing.reconcile import Reconciler
from daemon.runtime.checked_config import CheckedConfig
from daemon.runtime.integration_admin import Trial
from daemon.store.analytics_log import MongoExportLog, MongoExportPosition
from daemon.store.analytics_values import MongoSentValues, MongoStandpoints
from daemon.store.attachments import MongoAttachmentQueue, MongoFileQueue
from daemon.store.clearview_reader import MongoClearViewApplications
from daemon.store.conflicts import MongoConflictLog, MongoOpenConflicts
from daemon.store.failed_records import MongoFailedRecords
from daemon.store.import_history import MongoImportHistory
from daemon.store.mongo_errors import fails_by_content, is_outage
from daemon.store.pending_details import MongoPendingDetails
from daemon.store.snapshots import MongoSnapshots
from daemon.store.token_file import FileTokenStore
from daemon.store.webhook_events import MongoWebhookQueue
from models.ids import integration_id


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
        details=MongoPendingDetails(mongo, identity),
        clearview=app.services.candidates(identity),
        history=MongoImportHistory(mongo, identity),
        failed=MongoFailedRecords(mongo, identity),
        checkpoints=app.checkpoints,
        conflicts=MongoConflictLog(mongo, identity),
        pushes=app.outbox,
        values=MongoSentValues(mongo, app.clock, erased=app.erased),
        erased=app.erased,
        erasures=app.erasures,
        runs=app.runs,
        webhooks=MongoWebhookQueue(mongo, identity),
        attachments=MongoAttachmentQueue(mongo, identity),
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
        values=MongoSentValues(app.mongo, app.clock, erased=app.erased),
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
        outbox=app.outbox,
        clearview=MongoClearViewApplications(app.mongo),
        conflicts=MongoOpenConflicts(app.mongo),
        intake=event_intake(app),
        clock=app.clock,
    )


def poll_job(
    app: AppServices, wanted: Integration, connector: Connector, show_pending: Callable[[Run], None]
) -> tuple[PollJob, ImportPoll]:
    """Returns the import of an integration, and the job that makes it."""
    has_details = any(facts.detail is not None for facts in connector.lists)
    identity = integration_id(connector.integration)
    job = ImportPoll(connector, identity, import_ports(app, identity), import_rules(wanted))

    async def poll(request: RunRequest) -> Run:
        run = await job.run(request)
        if has_details:
            show_pending(run)
        return run

    return poll, job


def attachment_ports(
    app: AppServices, identity: UUID, metrics: Metrics, is_active: Callable[[], bool]
) -> AttachmentPorts:
    """Returns what one integration's files are read from and written to."""
    mongo = app.mongo
    return AttachmentPorts(
        queue=lambda fence: MongoFileQueue(mongo, identity, fence=fence),
        imports=MongoAttachmentQueue(mongo, identity),
        known=MongoSnapshots(mongo, identity),
        shelf=app.services.shelf(identity),
        checkpoints=app.checkpoints,
        leases=app.leases,
        alerts=app.alerts,
        metrics=metrics,
        clock=app.clock,
        jitter=random.random,
        is_active=is_active,
        is_outage=is_outage,
        slots=app.file_slots,
    )


async def try_integration(app: AppServices, checked: CheckedConfig, name: str) -> Trial:
    """Asks the ATS of an integration that is not stored.

    Raises:
        AtsError: it refuses the credential, or does not answer.
    """
    connector = make_connector(app, checked, name)
    await connector.open()
    try:
        await connector.check()
        stages = await connector.stages()
    finally:
        await connector.close()
    return Trial(
        ats_name=connector.ats_name,
        stages=_unique(stage.name for stage in stages if stage.status is not None),
        unmapped_stages=_unique(stage.name for stage in stages if stage.status is None),
        notes=[note.message for note in checked.notes(today=app.clock.now().date())],
    )


def _unique(names: Iterable[str]) -> list[str]:
    """Returns each name once: many ATSs have stages of the same name in each job."""
    return list(dict.fromkeys(names))
