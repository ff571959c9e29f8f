"""The import as the daemon does it: its connector engine, its job, its stores."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.definition import Definition, load_definition, load_definition_text
from connectors.registry import create_connector
from daemon.app.jobs import import_ports
from daemon.app.services import AppServices
from daemon.core.runs import RunRequest
from daemon.importing.verify import Verification
from daemon.jobs.import_poll import ImportPoll
from daemon.jobs.rules import import_rules
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from daemon.store.snapshots import MongoSnapshots
from models.ids import integration_id

CONNECTORS = Path(__file__).parent / "connectors"
NAME = "bench"
_FIELD = "    pagination: {kind: link_header}\n"
_VOLATILE = '    volatile: ["attachments[].url"]\n    rotates: true\n'


@dataclass(frozen=True, slots=True)
class Site:
    """Where the work is done."""

    uri: str
    database: str
    url: str
    rotating: bool = False

    async def open(self) -> Mongo:
        return await open_mongo(
            self.uri, database=self.database, clearview_database=f"{self.database}_clearview"
        )

    @property
    def integration(self) -> Integration:
        return Integration.model_validate(
            {"connector": NAME, "endpoint": self.url, "credentials": {"api_key": SecretStr("any")}}
        )

    def connector(self) -> Connector:
        return create_connector(NAME, self.integration, definition(rotating=self.rotating))


def definition(*, rotating: bool) -> Definition:
    """The bench's definition; with `rotating`, addresses of attachments mean nothing."""
    path = CONNECTORS / f"{NAME}.yaml"
    if not rotating:
        return load_definition(str(path))
    return load_definition_text(path.read_text().replace(_FIELD, _FIELD + _VOLATILE), path=path)


async def poll(site: Site, mongo: Mongo, connector: Connector, *, sweep: bool) -> dict[str, int]:
    """One run of the job; what its run document counts."""
    identity = integration_id(NAME)
    job = ImportPoll(
        connector,
        identity,
        import_ports(AppServices(mongo), identity),
        import_rules(site.integration),
    )
    counts = (await job.run(RunRequest(fence=1, sweep=sweep))).counts
    return {
        name: getattr(counts, name)
        for name in ("seen", "created", "updated", "unchanged", "failed", "pages")
    }


async def verify(mongo: Mongo, connector: Connector) -> dict[str, int]:
    """The full comparison of ATS, snapshots and ClearView; how many records, and what differs."""
    identity = integration_id(NAME)
    look = Verification(
        connector, MongoSnapshots(mongo, identity), MongoClearViewReader(mongo, identity)
    )
    drift = [item async for item in look.differences() if item.is_drift]
    return {"seen": look.counts.records, "drift": len(drift)}
