"""An import wired to a real MongoDB and an ATS in memory."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from daemon.core.runs import Run, RunRequest
from daemon.importing.context import ImportPorts, ImportRules
from daemon.jobs.import_poll import ImportPoll
from daemon.ports.clock import Clock
from daemon.store.alerts import AlertStore
from daemon.store.analytics_values import MongoSentValues
from daemon.store.attachments import MongoAttachmentQueue
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.conflicts import MongoConflictLog
from daemon.store.connection import Mongo
from daemon.store.failed_records import MongoFailedRecords
from daemon.store.import_history import MongoImportHistory
from daemon.store.outbox import MongoOutbox
from daemon.store.pending_details import MongoPendingDetails
from daemon.store.runs import MongoRunLog
from daemon.store.snapshots import MongoSnapshots
from daemon.store.webhook_events import MongoWebhookQueue
from models.ids import integration_id
from tests.support.erasing import erasing
from tests.support.fake_ats import FakeConnector
from tests.support.mongo import stored_names
from tests.support.moving_clock import MovingClock


def import_ports(mongo: Mongo, integration: UUID, clock: Clock) -> ImportPorts:
    its = erasing(mongo, clock)
    return ImportPorts(
        snapshots=MongoSnapshots(mongo, integration),
        details=MongoPendingDetails(mongo, integration),
        clearview=MongoCandidateManagement(mongo, integration),
        history=MongoImportHistory(mongo, integration),
        failed=MongoFailedRecords(mongo, integration),
        checkpoints=MongoCheckpoints(mongo, clock),
        conflicts=MongoConflictLog(mongo, integration),
        pushes=MongoOutbox(mongo),
        values=MongoSentValues(mongo, clock),
        webhooks=MongoWebhookQueue(mongo, integration),
        erased=its.erased,
        erasures=its.erasures,
        attachments=MongoAttachmentQueue(mongo, integration),
        runs=MongoRunLog(mongo, clock),
        alerts=AlertStore(mongo, clock),
        clock=clock,
    )


@dataclass(slots=True)
class ImportBench:
    """Polls a fake ATS into real collections, and looks at what came of it."""

    mongo: Mongo
    connector: FakeConnector
    clock: MovingClock
    rules: ImportRules = field(default_factory=ImportRules)
    fence: int = 1

    @property
    def integration(self) -> UUID:
        return integration_id(self.connector.integration)

    def ports(self) -> ImportPorts:
        return import_ports(self.mongo, self.integration, self.clock)

    async def poll(self, snapshots: Any = None, **request: Any) -> Run:
        ports = self.ports() if snapshots is None else replace(self.ports(), snapshots=snapshots)
        job = ImportPoll(self.connector, self.integration, ports, self.rules)
        return await job.run(RunRequest(fence=self.fence, **request))

    def ruled(self, **rules: Any) -> None:
        self.rules = replace(self.rules, **rules)

    async def rows(self, name: str, **query: Any) -> list[dict[str, Any]]:
        database = (
            self.mongo.clearview if name in ("candidates", "applications") else self.mongo.own
        )
        return await database[name].find(query).sort("external_id", 1).to_list()

    async def count(self, name: str, **query: Any) -> int:
        return len(await self.rows(name, **query))

    async def contents(self) -> dict[str, Any]:
        """Everything that is stored but runs and leases: what an idle poll must leave alone."""
        skip = {"sync_runs", "leases"}
        found: dict[str, Any] = {}
        for database in (self.mongo.own, self.mongo.clearview):
            for name in sorted(await stored_names(database)):
                if name not in skip:
                    found[name] = await database[name].find().sort("_id", 1).to_list()
        return found
