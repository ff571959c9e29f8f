"""The process that is killed: it imports for real and sends itself SIGKILL at a given moment.

Started as a program it is a fork server: it imports every module once, then runs each command from stdin
in a forked child with a loop and clients of its own, and answers on stdout.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pymongo import monitoring

from daemon.jobs.import_poll import ImportFailed
from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from daemon.store.webhook_events import MongoWebhookEventStore
from models.ids import application_id, candidate_id, integration_id
from tests.support.child_state import clear_all, final_state
from tests.support.child_worlds import (
    RECRUITER,
    TITLE,
    UNREADABLE,
    Scenario,
    announced,
    connector_for,
    world_at,
)
from tests.support.fake_ats import START
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

ACT = timedelta(hours=20)
"""When the import that is killed begins."""
RESTART = timedelta(minutes=5)


@dataclass(slots=True)
class KillSwitch(monitoring.CommandListener):
    """Kills its own process at the n-th moment of one kind, once it is armed."""

    kind: str = ""
    at: int = 0
    armed: bool = False
    commands: int = 0
    acknowledged: int = 0
    pages: int = 0

    def started(self, _event: monitoring.CommandStartedEvent) -> None:
        self.commands += self.armed
        self._kill_if_due("before", self.commands)

    def succeeded(self, _event: monitoring.CommandSucceededEvent) -> None:
        self.acknowledged += self.armed
        self._kill_if_due("after", self.acknowledged)

    def failed(self, _event: monitoring.CommandFailedEvent) -> None:
        """A command that failed was no moment."""

    def page_read(self, _list_name: str, _number: int) -> None:
        self.pages += self.armed
        self._kill_if_due("page", self.pages)

    def _kill_if_due(self, kind: str, count: int) -> None:
        if self.armed and (kind, count) == (self.kind, self.at):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class ChildImport:
    """One child's work on one pair of databases."""

    mongo: Mongo
    scenario: Scenario
    kill_switch: KillSwitch

    def bench(self, *, day: int, later: timedelta) -> ImportBench:
        with_details = self.scenario.phase == "details"
        connector = connector_for(world_at(self.scenario, day=day), details=with_details)
        connector.on_page = self.kill_switch.page_read
        connector.on_details = lambda ids: self.kill_switch.page_read("", len(ids))
        bench = ImportBench(self.mongo, connector, MovingClock(START + later))
        bench.ruled(max_percent=50.0)
        return bench

    async def act(self) -> dict[str, Any]:
        """From nothing up to the import that is to be killed, and that one."""
        await clear_all(self.mongo)
        if self.scenario.phase != "initial":
            await self.bench(day=1, later=timedelta(0)).poll()
            await self.bench(day=2, later=timedelta(hours=1)).poll(sweep=True)
        if self.scenario.phase == "details":
            await self.bench(day=2, later=timedelta(hours=1)).poll(only_details=True)
            await self.bench(day=3, later=ACT).poll()
        day = 1 if self.scenario.phase == "initial" else 3
        bench = self.bench(day=day, later=ACT)
        self.kill_switch.armed = True
        if self.scenario.phase == "webhooks":
            await self._import_announced(bench)
        elif self.scenario.phase == "details":
            await bench.poll(only_details=True)
        else:
            bench.connector.ats.broken.add(UNREADABLE)
            await bench.poll(sweep=self.scenario.phase in ("sweep", "gone"))
        self.kill_switch.armed = False
        seen = self.kill_switch
        return {"before": seen.commands, "after": seen.acknowledged, "page": seen.pages}

    async def finish(self) -> dict[str, Any]:
        """The restart: whatever was left is done, and two more sweeps find nothing.

        Webhooks have to do without a sweep, which would find what they lost.
        """
        day = 1 if self.scenario.phase == "initial" else 3
        bench = self.bench(day=day, later=ACT + RESTART)
        self.kill_switch.armed = True
        if self.scenario.phase == "webhooks":
            await self._import_announced(bench)
        else:
            if self.scenario.phase == "details":
                await bench.poll(only_details=True)
            for _ in range(3):
                await bench.poll(sweep=True)
        self.kill_switch.armed = False
        return await final_state(bench)

    async def _import_announced(self, bench: ImportBench) -> None:
        """Receives every event, those again that may not have been answered, and imports them."""
        events = MongoWebhookEventStore(self.mongo)
        for event in announced(self.scenario):
            await events.receive(bench.connector.integration, event, bench.clock.now())
        await bench.poll(only_webhooks=True)

    async def edit(self) -> dict[str, Any]:
        """Plain updates, as ClearView's own code makes them. What it really changed comes back."""
        integration = integration_id("acme")
        moved: list[str] = []
        titled: list[str] = []
        for external_id, status in RECRUITER.items():
            result = await self.mongo.clearview["applications"].update_one(
                {"_id": application_id(integration, external_id)}, {"$set": {"status": status}}
            )
            moved += [external_id] * result.modified_count
            result = await self.mongo.clearview["candidates"].update_one(
                {"_id": candidate_id(integration, external_id)}, {"$set": {"title": TITLE}}
            )
            titled += [external_id] * result.modified_count
        return {"moved": moved, "titled": titled}


async def _run_command(command: dict[str, Any]) -> dict[str, Any]:
    kind, at = command.get("kill") or ("", 0)
    kill_switch = KillSwitch(kind, at)
    monitoring.register(kill_switch)
    mongo = await open_mongo(
        command["uri"],
        database=command["database"],
        clearview_database=command["clearview"],
        prepare=command["do"] == "prepare",
    )
    child = ChildImport(mongo, Scenario(**command["scenario"]), kill_switch)
    work: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "prepare": _nothing,
        "act": child.act,
        "edit": child.edit,
        "finish": child.finish,
    }
    try:
        return await work[command["do"]]()
    finally:
        await mongo.close()


async def _nothing() -> dict[str, Any]:
    return {}


Run = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def in_a_child(command: dict[str, Any], run: Run) -> dict[str, Any]:
    """Forks, runs the command in the child, and returns how the child ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _child(command, run, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"killed": killed, "status": status, "answer": json.loads(said) if said else None}


def _child(command: dict[str, Any], run: Run, write_end: int) -> None:
    code = 1
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # only answers go to the server's stdout
    try:
        answer = asyncio.run(_answer(command, run))
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        code = 0
    except ImportFailed as error:
        sys.stderr.write(f"import failed: {error}\n")
    except BaseException:  # the server must never go on in two processes
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _answer(command: dict[str, Any], run: Run) -> dict[str, Any]:
    return await run(command)


def serve(run: Run) -> None:
    """Commands and answers, one JSON document a line."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(in_a_child(json.loads(line), run)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(_run_command)
