"""A first import uses what the vendor allows and no more, and pushes hardly wait for it.

In real time against each simulator with its vendor's published limit: `RATE_BUDGET_S=120` says for how
many seconds; without it these tests are skipped. The same for hours is in
`tests/unit/connectors/test_background_rates.py`, in virtual time.
"""

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import Simulator
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until

log = logging.getLogger(__name__)
SECONDS = float(os.environ.get("RATE_BUDGET_S", "0"))
pytestmark = [
    pytest.mark.mongo,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not SECONDS, reason="takes minutes: set RATE_BUDGET_S to seconds"),
    pytest.mark.timeout(180 + 2 * SECONDS),
]
IN_TURN = ("interview", "screening")


@dataclass
class Pushes:
    """Statuses that people change in ClearView, one after the other."""

    bench: Workbench
    every_s: float
    seconds: list[float] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    async def go_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._one()
            try:
                await asyncio.wait_for(stop.wait(), self.every_s)
            except TimeoutError:
                continue

    async def _one(self) -> None:
        applications, now = self.bench.clearview["applications"], asyncio.get_running_loop().time
        one = {"status": {"$in": IN_TURN}, "deleted_at": None, "touched": None}
        row = await applications.find_one(one)
        assert row is not None
        status = IN_TURN[row["status"] == IN_TURN[0]]
        log = self.bench.own["application_status_update_log"]
        began = now()
        await applications.update_one(
            {"_id": row["_id"]}, {"$set": {"status": status, "touched": True}}
        )
        mine = {"application_id": row["_id"]}

        async def is_logged() -> bool:
            return await log.count_documents(mine) > 0

        await until(is_logged, within=30)
        self.seconds.append(now() - began)
        self.failed += await log.find(mine | {"outcome": {"$ne": "Success"}}).to_list()

    def within(self, share: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * share)]


@pytest.mark.parametrize(
    ("vendor", "candidates", "allowed_per_s", "push_every_s"),
    [
        ("workable", 300, 1.0, 10.0),
        ("teamtailor", 1_000, 5.0, 2.0),
        ("lever", 1_000, 10.0, 1.0),
        ("smartrecruiters", 1_000, 9.0, 1.0),  # of ten: see the definition
    ],
)
async def test_a_first_import_uses_what_is_allowed_while_pushes_take_less_than_five_seconds(
    mongo: TestMongo,
    tmp_path: Path,
    vendor: str,
    candidates: int,
    allowed_per_s: float,
    push_every_s: float,
) -> None:
    options: dict[str, Any] = {"candidates": candidates, "unlimited": False}
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(
            workbench(mongo, tmp_path, names=[vendor], **options)
        )
        bench.extra[vendor] = {"poll": {"every": "5m"}}
        bench.write_config()
        await stack.enter_async_context(bench.daemon())
        simulator, stop = bench.simulators[vendor], asyncio.Event()
        await until(lambda: asked(simulator), within=60)
        began, before = asyncio.get_running_loop().time(), count_of(simulator)
        await until(lambda: has_applications(bench), within=60)
        pushes = Pushes(bench, push_every_s)
        pushing = asyncio.create_task(pushes.go_on(stop))
        left = began + SECONDS - asyncio.get_running_loop().time()
        await asyncio.wait([pushing], timeout=left)
        used = count_of(simulator) - before
        seconds = asyncio.get_running_loop().time() - began
        stop.set()
        await pushing

    share, slowest = used / (allowed_per_s * seconds), pushes.within(0.99)
    pauses = f"p50 {pushes.within(0.5):.2f} s, p99 {slowest:.2f} s"
    log.info("%s: %.1f %% used, %d pushes, %s", vendor, 100 * share, len(pushes.seconds), pauses)
    assert simulator.recorder.statuses[429] == 0
    assert simulator.violations == []
    assert pushes.failed == []
    assert share >= 0.95
    assert slowest < 5.0


def count_of(simulator: Simulator) -> int:
    return sum(simulator.recorder.requests.values())


async def asked(simulator: Simulator) -> bool:
    return count_of(simulator) > 0


async def has_applications(bench: Workbench) -> bool:
    one = {"status": {"$in": IN_TURN}, "deleted_at": None}
    return await bench.clearview["applications"].find_one(one) is not None
