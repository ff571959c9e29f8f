"""Who acts in the demo: a recruiter in ClearView, busy ATSs, and a credential that goes bad."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from random import Random
from typing import Any

from connectors.simulator import Fault
from connectors.simulator.commands import run_command
from daemon.demo.environment import DemoEnvironment
from daemon.runtime.supervision import stopped_within
from daemon.store.connection import Mongo
from daemon.store.integrations import MongoIntegrations
from models.documents import ClearViewApplication
from models.ids import integration_id
from models.status import ApplicationStatus

NEXT = {
    ApplicationStatus.NEW: ApplicationStatus.SCREENING,
    ApplicationStatus.REVIEWING: ApplicationStatus.SCREENING,
    ApplicationStatus.SCREENING: ApplicationStatus.INTERVIEW,
    ApplicationStatus.ASSESSMENT: ApplicationStatus.INTERVIEW,
    ApplicationStatus.INTERVIEW: ApplicationStatus.OFFER,
    ApplicationStatus.OFFER: ApplicationStatus.REJECTED,
}
ORDERS = ("move", "new_applicant", "edit_person", "move", "reject")
Narrate = Callable[[str, str, str], None]


@dataclass(slots=True)
class Recruiter:
    """Changes a status in ClearView every few seconds, and sees when the ATS has it."""

    mongo: Mongo
    environment: DemoEnvironment
    narrate: Narrate
    draw: Random

    async def run(self, stop: asyncio.Event) -> None:
        for name in cycle(self.environment.simulators):
            if await stopped_within(stop, timedelta(seconds=2.5)):
                return
            await self._change_one(name)

    async def _change_one(self, name: str) -> None:
        applications = self.mongo.collection(ClearViewApplication)
        found = await applications.find(
            {
                "integration_id": integration_id(name),
                "status": {"$in": [status.value for status in NEXT]},
                "deleted_at": None,
            },
            limit=200,
        ).to_list()
        if not found:
            return
        one = self.draw.choice(found)
        target = NEXT[ApplicationStatus(one["status"])]
        simulator = self.environment.simulators[name]
        before = len(simulator.writes)
        clock = asyncio.get_running_loop().time
        await applications.update_one({"_id": one["_id"]}, {"$set": {"status": target}})
        began = clock()
        key = one["external_id"]
        arrived = await _until(
            lambda: any(write.application == key for write in simulator.writes[before:]), 5.0
        )
        took = f"at the ATS after {(clock() - began) * 1000:.0f} ms"
        words = f"{key[:8]} {one['status']} -> {target}, "
        self.narrate("push", name, words + (took if arrived else "on its way"))


async def _until(true: Callable[[], bool], seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not true():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.002)
    return True


@dataclass(slots=True)
class BusyAts:
    """Recruiters who work in the ATS itself: moves, edits, new applicants."""

    environment: DemoEnvironment
    narrate: Narrate
    draw: Random

    async def run(self, stop: asyncio.Event) -> None:
        for name, order in zip(cycle(self.environment.simulators), cycle(ORDERS), strict=False):
            if await stopped_within(stop, timedelta(seconds=3)):
                return
            self._act(name, order)

    def _act(self, name: str, kind: str) -> None:
        order: dict[str, Any] = {"kind": kind}
        if kind == "edit_person":
            order["changes"] = {"title": f"Engineer {self.draw.randrange(100)}"}
        done = run_command(self.environment.simulators[name], order)
        who = done.get("application") or done.get("candidate") or "a candidate"
        self.narrate("at the ATS", name, f"{kind.replace('_', ' ')}: {str(who)[:8]}")


@dataclass(slots=True)
class Breakdown:
    """One ATS refuses the credential for a while, and then takes it again."""

    mongo: Mongo
    integrations: MongoIntegrations
    environment: DemoEnvironment
    narrate: Narrate

    @property
    def name(self) -> str:
        """The integration it happens to."""
        return list(self.environment.simulators)[1]

    async def run(self, stop: asyncio.Event) -> None:
        wait = timedelta(seconds=9)
        while not await stopped_within(stop, wait):
            simulator = self.environment.simulators[self.name]
            self.narrate("breaks", self.name, "the ATS refuses the credential from now on")
            simulator.faults.add(Fault("error", status=401, count=None))
            await self._ask_for_a_poll()
            if await stopped_within(stop, timedelta(seconds=6)):
                return
            simulator.faults.clear()
            self.narrate("recovered", self.name, "the ATS takes the credential again")
            await self._ask_for_a_poll()
            wait = timedelta(minutes=2)

    async def _ask_for_a_poll(self) -> None:
        await self.integrations.request_poll(self.name, sweep=False, accept_deletions=False)
