"""The process that is killed: it imports for real and sends itself SIGKILL at an appointed moment.

Started as a program it is a zygote: everything is imported once, then each order from stdin is
carried out by a forked child with a loop and clients of its own, and answered on stdout.
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
from daemon.store.connection import Mongo, open_mongo
from models.ids import application_id, candidate_id, integration_id
from tests.support.fake_ats import START
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock
from tests.support.victim_state import clear_all, final_state
from tests.support.victim_worlds import (
    RECRUITER,
    TITLE,
    UNREADABLE,
    Scenario,
    connector_for,
    world_at,
)

ACT = timedelta(hours=20)
"""When the import that is killed begins."""
RESTART = timedelta(minutes=5)


@dataclass(slots=True)
class Executioner(monitoring.CommandListener):
    """Kills its own process at the n-th moment of one kind, once it is armed."""

    kind: str = ""
    at: int = 0
    armed: bool = False
    commands: int = 0
    acknowledged: int = 0
    pages: int = 0

    def started(self, _event: monitoring.CommandStartedEvent) -> None:
        self.commands += self.armed
        self._judge("before", self.commands)

    def succeeded(self, _event: monitoring.CommandSucceededEvent) -> None:
        self.acknowledged += self.armed
        self._judge("after", self.acknowledged)

    def failed(self, _event: monitoring.CommandFailedEvent) -> None:
        """A command that failed was no moment."""

    def page_read(self, _list_name: str, _number: int) -> None:
        self.pages += self.armed
        self._judge("page", self.pages)

    def _judge(self, kind: str, count: int) -> None:
        if self.armed and (kind, count) == (self.kind, self.at):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class Victim:
    """One child's work on one pair of databases."""

    mongo: Mongo
    scenario: Scenario
    executioner: Executioner

    def bench(self, *, day: int, later: timedelta) -> ImportBench:
        connector = connector_for(world_at(self.scenario, day=day))
        connector.on_page = self.executioner.page_read
        bench = ImportBench(self.mongo, connector, MovingClock(START + later))
        bench.ruled(max_percent=50.0)
        return bench

    async def act(self) -> dict[str, Any]:
        """From nothing up to the import that is to be killed, and that one."""
        await clear_all(self.mongo)
        if self.scenario.phase != "initial":
            await self.bench(day=1, later=timedelta(0)).poll()
            await self.bench(day=2, later=timedelta(hours=1)).poll(sweep=True)
        day = 1 if self.scenario.phase == "initial" else 3
        bench = self.bench(day=day, later=ACT)
        bench.connector.ats.broken.add(UNREADABLE)
        self.executioner.armed = True
        await bench.poll(sweep=self.scenario.phase in ("sweep", "gone"))
        self.executioner.armed = False
        seen = self.executioner
        return {"before": seen.commands, "after": seen.acknowledged, "page": seen.pages}

    async def finish(self) -> dict[str, Any]:
        """The restart: whatever was left is done, and two more sweeps find nothing."""
        day = 1 if self.scenario.phase == "initial" else 3
        bench = self.bench(day=day, later=ACT + RESTART)
        self.executioner.armed = True
        for _ in range(3):
            await bench.poll(sweep=True)
        self.executioner.armed = False
        return await final_state(bench)

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


async def _carry_out(order: dict[str, Any]) -> dict[str, Any]:
    kind, at = order.get("kill") or ("", 0)
    executioner = Executioner(kind, at)
    monitoring.register(executioner)
    mongo = await open_mongo(
        order["uri"],
        database=order["database"],
        clearview_database=order["clearview"],
        prepare=order["do"] == "prepare",
    )
    child_process = Victim(mongo, Scenario(**order["scenario"]), executioner)
    work: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "prepare": _nothing,
        "act": child_process.act,
        "edit": child_process.edit,
        "finish": child_process.finish,
    }
    try:
        return await work[order["do"]]()
    finally:
        await mongo.close()


async def _nothing() -> dict[str, Any]:
    return {}


def _in_a_child(order: dict[str, Any]) -> dict[str, Any]:
    """Fork, carry out, and tell how it ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _child(order, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"killed": killed, "status": status, "answer": json.loads(said) if said else None}


def _child(order: dict[str, Any], write_end: int) -> None:
    code = 1
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # only answers go to the zygote's stdout
    try:
        answer = asyncio.run(_carry_out(order))
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        code = 0
    except ImportFailed as error:
        sys.stderr.write(f"import failed: {error}\n")
    except BaseException:  # the zygote must never go on in two processes
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Orders and answers, one JSON document a line."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_in_a_child(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
