"""The status push as a process of its own, to be killed; its ATS lives in the test.

`python -m tests.support.push_process MONGODB_URI DATABASE CLEARVIEW PORT` waits for the line
`start` on its standard input, forks a daemon and prints its process id. Forking a process that
has imported everything takes milliseconds, so that many deaths fit into a minute.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from connectors.errors import AtsError, GuardRefused, NotFound, OutcomeUnknown, Unavailable
from daemon.core.integrations import IntegrationRef
from daemon.core.push_decision import PushRules
from daemon.jobs.status_intake import IntakeTimes
from daemon.pushing.delivery import PushSettings
from daemon.runtime.clock import SystemClock
from daemon.runtime.supervision import Backoff, supervise
from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes, MongoLeases
from daemon.store.opening import bind_documents
from models.candidate import ApplicationRecord
from models.ids import integration_id
from tests.support.no_metrics import NoMetrics
from tests.support.push_ats import FakeAts, FakeConnector
from tests.support.push_wiring import PushOutside, build_delivery, build_intake
from tests.support.push_world import RecordedAlerts

ERRORS: Mapping[str, type[AtsError]] = {
    error.__name__: error for error in (GuardRefused, NotFound, Unavailable, OutcomeUnknown)
}
BRIEFLY = LeaseTimes(ttl=timedelta(seconds=0.4), renew_every=timedelta(seconds=0.1))
QUICKLY = Backoff(base=timedelta(seconds=0.05), cap=timedelta(seconds=0.2))
OFTEN = timedelta(seconds=0.05)


class RemoteAts(FakeAts):
    """Answers come from the test's process; a connection that breaks leaves the outcome open."""

    port: int = 0

    async def ask(self, question: Mapping[str, Any]) -> Any:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            raise Unavailable("the ATS cannot be reached") from None
        try:
            writer.write(json.dumps(question).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        except OSError:
            raise OutcomeUnknown("the connection broke") from None
        finally:
            writer.close()
        if not line:
            raise OutcomeUnknown("the connection broke")
        answer = json.loads(line)
        if "error" in answer:
            raise ERRORS[answer["error"]]("the ATS said so")
        return answer["result"]


class RemoteConnector(FakeConnector):
    """A FakeConnector whose ATS is elsewhere."""

    ats: RemoteAts

    async def read_application(self, ref: Any) -> ApplicationRecord | None:
        record: ApplicationRecord | None = await self.ats.ask({"read": ref.external_id})
        return record

    async def perform(self, step: Any) -> None:
        await self.ats.ask({"write": step.body})

    async def add_note(self, ref: Any, text: str) -> None:
        await self.ats.ask({"note": [ref.external_id, text]})


@asynccontextmanager
async def served(ats: FakeAts) -> AsyncIterator[int]:
    """The test's side: the port on which the ATS answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = json.loads(await reader.readline())
            writer.write(json.dumps(_answer(ats, question)).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            return  # the process that asked was killed
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _answer(ats: FakeAts, question: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if "read" in question:
            return {"result": ats.read(question["read"])}
        if "note" in question:
            ats.notes.append(tuple(question["note"]))
        else:
            ats.write(question["write"])
    except AtsError as error:
        return {"error": type(error).__name__}
    return {"result": None}


async def run_daemon(uri: str, database: str, clearview: str, port: int) -> None:
    """Intake and delivery until killed."""
    mongo = Mongo(uri, database=database, clearview_uri=uri, clearview_database=clearview)
    await bind_documents(mongo, prepare=False)
    clock = SystemClock()
    leases = MongoLeases(mongo, clock, times=BRIEFLY)
    outside = PushOutside(mongo, leases, RecordedAlerts(), NoMetrics(), clock)
    ats = RemoteAts()
    ats.port = port
    integration = IntegrationRef("acme", integration_id("acme"))
    settings = PushSettings(rules=PushRules(note="{status}"), try_for_lease_every=OFTEN)
    delivery = build_delivery(outside, integration, RemoteConnector(ats), settings)
    intake = build_intake(
        outside,
        rules=lambda: {integration.id: PushRules()},
        announce=delivery.announce,
        times=IntakeTimes(try_for_lease_every=OFTEN),
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leases.run(stop))
        for name, run in (("intake", intake.run), ("delivery", delivery.run)):
            tasks.create_task(supervise(name, run, QUICKLY, stop=stop))


def main(arguments: list[str]) -> None:
    uri, database, clearview, port = arguments
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(run_daemon(uri, database, clearview, int(port)))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    main(sys.argv[1:])
