"""The files of a simulated account, imported and fetched into a real MongoDB."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.connector import Connector
from connectors.simulator import Simulator
from connectors.simulator.clock import moment
from connectors.simulator.documents import document
from connectors.simulator.world import File, Person
from daemon.attachments.context import AttachmentPorts
from daemon.core.attachments import AttachmentRules
from daemon.core.integrations import IntegrationRef
from daemon.core.runs import Run, RunRequest
from daemon.importing.context import ImportPorts, ImportRules
from daemon.jobs.attachment_fetch import AttachmentFetch
from daemon.jobs.import_poll import ImportPoll
from daemon.ports.attachments import FileShelf
from daemon.ports.metrics import Metrics
from daemon.runtime.clock import SystemClock
from daemon.store.alerts import AlertStore
from daemon.store.attachment_files import GridFSShelf
from daemon.store.attachments import MongoAttachmentQueue, MongoFileQueue
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.connection import Mongo
from daemon.store.leases import MongoLeases
from daemon.store.mongo_errors import is_outage
from daemon.store.snapshots import MongoSnapshots
from models.ids import integration_id
from tests.support.ats import connect
from tests.support.importing import import_ports
from tests.support.no_metrics import NoMetrics


@dataclass(slots=True)
class AccountClock:
    """The simulated account's time, for the daemon and for connectors; sleeping moves it."""

    simulator: Simulator
    _slept: float = 0.0

    def now(self) -> datetime:
        found = moment(self.simulator.clock.now_ms())
        assert found is not None
        return found

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._slept

    async def sleep(self, pause: timedelta | float) -> None:
        seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
        self._slept += seconds
        self.simulator.clock.advance(seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class FilesBench:
    """Imports an account and fetches its files."""

    mongo: Mongo
    simulator: Simulator
    rules: AttachmentRules = field(default_factory=lambda: AttachmentRules(downloads=True))
    hosts: list[str] | None = None
    """The file hosts that the operator names; the simulator's where None."""
    shelf: Callable[[UUID], FileShelf] | None = None
    ports: Callable[[ImportPorts], ImportPorts] = lambda ports: ports
    policy: str = "download"
    metrics: Metrics = field(default_factory=NoMetrics)
    name: str = "acme"
    clock: AccountClock = field(init=False)
    _connector: Connector | None = None

    def __post_init__(self) -> None:
        self.clock = AccountClock(self.simulator)

    @property
    def integration(self) -> UUID:
        return integration_id(self.name)

    @property
    def connector(self) -> Connector:
        if self._connector is None:
            hosts = [self.simulator.file_origin] if self.hosts is None else self.hosts
            attachments = {"policy": self.policy, "hosts": hosts}
            self._connector = connect(self.simulator, clock=self.clock, attachments=attachments)
        return self._connector

    async def close(self) -> None:
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def poll(self, **request: Any) -> Run:
        """Imports what lists show, and what only details do."""
        ports = import_ports(self.mongo, self.integration, self.clock)
        rules = ImportRules(attachments=self.rules)
        job = ImportPoll(self.connector, self.integration, self.ports(ports), rules)
        run = await job.run(RunRequest(fence=1, **request))
        if any(facts.detail for facts in self.connector.lists):
            await job.run(RunRequest(fence=1, only_details=True))
        return run

    def job(self) -> AttachmentFetch:
        mongo, clock = self.mongo, self.clock
        shelf = self.shelf or (lambda identity: GridFSShelf(mongo, identity))
        ports = AttachmentPorts(
            queue=lambda fence: MongoFileQueue(mongo, self.integration, fence=fence),
            imports=MongoAttachmentQueue(mongo, self.integration),
            known=MongoSnapshots(mongo, self.integration),
            shelf=shelf(self.integration),
            checkpoints=MongoCheckpoints(mongo, clock),
            leases=MongoLeases(mongo, SystemClock()),
            alerts=AlertStore(mongo, clock),
            metrics=self.metrics,
            clock=clock,
            jitter=lambda: 0.5,
            is_active=lambda: True,
            is_outage=is_outage,
        )
        of = IntegrationRef(self.name, self.integration)
        return AttachmentFetch(of, self.connector, ports, self.rules)

    async def fetch(self) -> None:
        """Fetches all that is due now."""
        await self.job().fetch_due()

    async def candidates(self) -> list[dict[str, Any]]:
        return await self.mongo.clearview["candidates"].find().sort("external_id", 1).to_list()

    async def attachments(self, person: Person) -> list[dict[str, Any]]:
        key = self.simulator.person_key(person)
        [row] = await self.mongo.clearview["candidates"].find({"external_id": key}).to_list()
        found: list[dict[str, Any]] = row["attachments"]
        return found

    async def queue(self) -> list[dict[str, Any]]:
        return await self.mongo.own["attachments_queue"].find().to_list()

    async def states(self) -> set[str]:
        return {row["state"] for row in await self.queue()}

    async def content(self, file_id: UUID) -> bytes:
        chunks = self.mongo.clearview["attachments.chunks"].find({"files_id": file_id})
        return b"".join(bytes(each["data"]) for each in await chunks.sort("n", 1).to_list())

    async def copies(self) -> set[UUID]:
        files = self.mongo.clearview["attachments.files"]
        return {row["_id"] async for row in files.find({}, {"_id": 1})}

    async def orphans(self) -> set[UUID]:
        """Chunks without a file, and files that no attachment in ClearView names."""
        chunks = set(await self.mongo.clearview["attachments.chunks"].distinct("files_id"))
        copies = await self.copies()
        named = set(await self.mongo.clearview["candidates"].distinct("attachments.file_id"))
        return (chunks - copies) | (copies - named)

    def owners(self, *, files: int = 1) -> list[Person]:
        """People who have files."""
        return [p for p in self.simulator.world.people.values() if len(p.files) >= files]

    def give(self, person: Person, *names: str, kind: str = "resume") -> None:
        """Gives a person files of these names, instead of those there are."""
        self.simulator.actions.set_files(person, names, kind=kind)

    async def wrong(self) -> list[str]:
        """The people whose copies in ClearView are not the files that the account has."""
        held = {row["external_id"]: row["attachments"] for row in await self.candidates()}
        found = []
        for person in self.simulator.world.people.values():
            keys = self.keys_of(person)
            shown = [each for key in keys for each in held.get(key, []) if self._has_content(each)]
            kept = [await self._kept(each) for each in shown]
            files = [each for each in person.files if each.kind not in self.simulator.BARE_FILES]
            if sorted(kept) != sorted(map(_facts, files)) * (len(keys) or 1):
                found.append(f"{person.number}: {[file.name for file in person.files]}")
        return found

    def _has_content(self, attachment: dict[str, Any]) -> bool:
        """False for a file that the ATS names and does not give, as long as there is no copy of it."""
        return attachment["kind"] not in self.simulator.BARE_FILES or "file_id" in attachment

    def keys_of(self, person: Person) -> list[str]:
        """The external ids under which ClearView has a person."""
        truth = self.simulator.truth()
        keys = {self.simulator.person_key(person)}
        for number in person.applications:
            application = self.simulator.world.applications[number]
            record = truth.applications[self.simulator.application_key(application)]
            keys.add(str(record["candidate_external_id"]))
        return sorted(keys & truth.candidates.keys())

    async def _kept(self, attachment: dict[str, Any]) -> tuple[str, int, str, str]:
        content = await self.content(attachment["file_id"]) if "file_id" in attachment else b""
        digest = hashlib.sha256(content).hexdigest()
        named = [attachment.get(name) for name in ("sha256", "size", "content_type")]
        return (
            digest,
            len(content),
            str(named[2]),
            "" if named[:2] == [digest, len(content)] else "?",
        )


def _facts(file: File) -> tuple[str, int, str, str]:
    content, kind = document(file.name)
    return hashlib.sha256(content).hexdigest(), len(content), kind, ""
