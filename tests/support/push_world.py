"""Both sides of a status push, on a real MongoDB and a fake ATS."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from daemon.core.conditions import Condition
from daemon.core.integrations import IntegrationRef
from daemon.core.push_decision import PushRules
from daemon.jobs.status_delivery import StatusDelivery
from daemon.jobs.status_intake import IntakeTimes, StatusIntake
from daemon.pushing.delivery import PushSettings
from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes, MongoLeases
from daemon.store.opening import bind_documents
from models.candidate import ApplicationRecord
from models.ids import application_id, candidate_id, integration_id, snapshot_name
from models.status import ApplicationStatus
from models.times import utc_now
from tests.support.no_metrics import NoMetrics
from tests.support.push_ats import FakeAts, FakeConnector
from tests.support.push_wiring import PushOutside, build_delivery, build_intake

S = ApplicationStatus
QUICK = IntakeTimes(reopen_after=timedelta(seconds=0.05))


class MovedClock:
    """The real clock, moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())


@dataclass
class RecordedAlerts:
    raised: list[Condition] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    async def raise_condition(self, condition: Condition) -> None:
        self.raised.append(condition)

    async def resolve(self, key: str) -> None:
        self.resolved.append(key)

    @property
    def kinds(self) -> list[str]:
        return [condition.kind.value for condition in self.raised]


class PushWorld:
    """One integration, its ATS, ClearView, and the daemon's two halves."""

    def __init__(
        self,
        mongo: Mongo,
        *,
        rules: PushRules | None = None,
        guarded: bool = True,
        jitter: Callable[[], float] = lambda: 0.0,
        name: str = "acme",
    ) -> None:
        self.mongo = mongo
        self.uri = ""
        self.clock = MovedClock()
        self.alerts = RecordedAlerts()
        self.ats = FakeAts()
        self.connector = FakeConnector(self.ats, name, guarded=guarded)
        self.integration = IntegrationRef(name, integration_id(name))
        self.rules = rules or PushRules()
        self.jitter = jitter
        self.leases = MongoLeases(
            mongo, self.clock, times=LeaseTimes(timedelta(hours=1000), timedelta(seconds=1))
        )
        self.daemon = self.restart()

    def restart(self) -> "Daemon":
        """The daemon as after a crash: nothing in memory, the old leases left to run out."""
        outside = PushOutside(
            mongo=self.mongo,
            leases=self.leases,
            alerts=self.alerts,
            metrics=NoMetrics(),
            clock=self.clock,
            jitter=self.jitter,
        )
        delivery = build_delivery(
            outside, self.integration, self.connector, PushSettings(rules=self.rules)
        )
        intake = build_intake(
            outside,
            rules=lambda: {self.integration.id: self.rules},
            announce=delivery.announce,
            times=QUICK,
            idle_ms=50,
        )
        self.daemon = Daemon(intake, delivery)
        return self.daemon

    def id_of(self, external_id: str) -> UUID:
        return application_id(self.integration.id, external_id)

    async def add(self, *external_ids: str, status: S = S.NEW) -> None:
        """Applications that were imported: in the ATS, in the snapshots, in ClearView."""
        records = [self.ats.add(external_id, status) for external_id in external_ids]
        await self.mongo.own["candidate_snapshots"].insert_many(
            [self._snapshot(record) for record in records]
        )
        await self.mongo.clearview["applications"].insert_many(
            [self._clearview(record) for record in records]
        )

    def _snapshot(self, record: ApplicationRecord) -> dict[str, Any]:
        external_id = record["external_id"]
        return {
            "_id": uuid5(self.integration.id, snapshot_name("applications", external_id)),
            "ats_integration_id": self.integration.id,
            "list": "applications",
            "external_id": external_id,
            "fingerprint": b"0" * 16,
            "digest": None,
            "candidate": None,
            "applications": [dict(record)],
            "mapping_version": "1",
            "seen_at": utc_now(),
            "deleted_at": None,
        }

    def _clearview(self, record: ApplicationRecord) -> dict[str, Any]:
        candidate = candidate_id(self.integration.id, record["candidate_external_id"])
        row = {k: v for k, v in record.items() if k != "candidate_external_id"}
        return row | {
            "_id": self.id_of(record["external_id"]),
            "candidate_id": candidate,
            "integration_id": self.integration.id,
            "deleted_at": None,
            "created_at": utc_now(),
            "updated_at": utc_now(),
            "import_id": uuid4(),
        }

    async def set_status(self, external_id: str, status: str, **more: Any) -> None:
        """A recruiter changes a status."""
        fields = {"status": status} | {k.replace("__", "."): v for k, v in more.items()}
        await self.mongo.clearview["applications"].update_one(
            {"_id": self.id_of(external_id)}, {"$set": fields}
        )

    async def imported(self, external_id: str, status: S) -> None:
        """What an import does with an ATS change: the snapshot first, ClearView after it."""
        record = self.ats.applications[external_id]
        assert record["status"] == status
        await self.mongo.own["candidate_snapshots"].update_one(
            {"external_id": external_id}, {"$set": {"applications": [dict(record)]}}
        )
        await self.mongo.clearview["applications"].update_one(
            {"_id": self.id_of(external_id)},
            {"$set": {"status": status, "stage": record["stage"], "import_id": uuid4()}},
        )

    def settings_row(self) -> dict[str, Any]:
        """The integration as an operator sees it."""
        return {
            "_id": self.integration.id,
            "name": self.integration.name,
            "ats_name": "Fake",
            "connector": "fake",
            "api_endpoint": "https://ats.test",
            "api_key": None,
            "managed_by": "file",
            "enabled": True,
            "state": "active",
            "created_at": utc_now(),
            "updated_at": utc_now(),
        }

    async def settle(self) -> None:
        """Everything that happened up to now is taken in and delivered as far as it is due."""
        await self.daemon.intake.catch_up()
        await self.daemon.delivery.deliver_due()

    async def outbox(self, **query: Any) -> list[dict[str, Any]]:
        cursor = self.mongo.own["status_outbox"].find(query).sort("sequence", 1)
        return await cursor.to_list()

    async def log(self) -> list[dict[str, Any]]:
        cursor = self.mongo.own["application_status_update_log"].find().sort("updated_at", 1)
        return await cursor.to_list()

    async def audited(self) -> list[dict[str, Any]]:
        """The statuses that were sent, as the audit log has them."""
        cursor = self.mongo.own["audit_log"].find({"action": "status.push"}).sort("at", 1)
        return await cursor.to_list()

    async def snapshot(self, external_id: str) -> Mapping[str, Any]:
        row = await self.mongo.own["candidate_snapshots"].find_one({"external_id": external_id})
        assert row is not None
        application: Mapping[str, Any] = row["applications"][0]
        return application

    async def clearview(self, external_id: str) -> Mapping[str, Any]:
        row = await self.mongo.clearview["applications"].find_one({"_id": self.id_of(external_id)})
        assert row is not None
        return row

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.outbox()]


@dataclass
class Daemon:
    intake: StatusIntake
    delivery: StatusDelivery

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both halves as long-running tasks."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.intake.run(stop))
            tasks.create_task(self.delivery.run(stop))
            try:
                yield
            finally:
                stop.set()
                self.delivery.wake()


@asynccontextmanager
async def push_world(
    uri: str, database: str, clearview: str, *, prepare: bool = False, **options: Any
) -> AsyncIterator[PushWorld]:
    """With `prepare`, the databases are new: their collections are made."""
    mongo = Mongo(uri, database=database, clearview_uri=uri, clearview_database=clearview)
    await bind_documents(mongo, prepare=prepare)
    world = PushWorld(mongo, **options)
    world.uri = uri
    try:
        yield world
    finally:
        await world.leases.close()
        await mongo.close()
