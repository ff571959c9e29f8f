"""Deletions that the ATS lists by itself are found by the next poll, without a sweep."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.simulator import Fault
from connectors.simulator.commands import run_command
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=["lever"]) as opened:
        code, printed = await opened.run_once()
        assert code == 0, printed[-2000:]
        yield opened


async def delete_one(bench: Workbench) -> str:
    simulator = bench.simulators["lever"]
    done = run_command(simulator, {"kind": "delete_application"})
    return str(done["application"])


async def live(bench: Workbench) -> set[str]:
    rows = await bench.documents("applications", "lever")
    return {row["external_id"] for row in rows if row["deleted_at"] is None}


async def test_a_deletion_is_found_by_the_next_poll_and_logged_once(bench: Workbench) -> None:
    before = await live(bench)
    gone = await delete_one(bench)

    for _ in range(2):
        code, printed = await bench.run_once()
        assert code == 0, printed[-2000:]

    assert await live(bench) == before - {gone}
    runs = [
        run for run in await bench.documents("sync_runs", "lever") if run["job"] == "import_poll"
    ]
    assert sorted(run["deleted"] for run in runs) == [0, 0, 1]
    assert not any(run["details"].get("sweep") for run in runs if run["deleted"])
    assert bench.simulators["lever"].violations == []


async def test_deletions_are_left_alone_where_the_operator_says_so(bench: Workbench) -> None:
    before = await live(bench)
    bench.extra["lever"] = {"deletions": {"policy": "ignore"}}
    bench.write_config()
    await delete_one(bench)

    code, printed = await bench.run_once()

    assert code == 0, printed[-2000:]
    assert await live(bench) == before


async def test_a_list_of_deletions_that_cannot_be_read_does_not_fail_the_poll(
    bench: Workbench,
) -> None:
    simulator = bench.simulators["lever"]
    gone = await delete_one(bench)
    simulator.faults.add(Fault("error", name="deleted", status=404, count=None))

    code, printed = await bench.run_once()
    simulator.faults.clear()

    assert code == 0, printed[-2000:]
    [run] = [
        run
        for run in await bench.documents("sync_runs", "lever")
        if "deletions_not_read" in run["details"]
    ]
    assert run["outcome"] == "success"
    assert gone in await live(bench)
    code, printed = await bench.run_once()
    assert gone not in await live(bench)
