"""`ats-sync` as a process fetches candidates' files, by the YAML file's word."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.documents import document
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=("greenhouse", "ashby")) as opened:
        for name, simulator in opened.simulators.items():
            opened.extra[name] = {
                "attachments": {"policy": "download", "hosts": [simulator.file_origin]}
            }
        opened.write_config()
        yield opened


async def fetched(bench: Workbench) -> dict[str, str]:
    """By name: the digest of each file that ClearView has."""
    rows: list[dict[str, Any]] = await bench.documents("candidates")
    files = [each for row in rows for each in row["attachments"]]
    return {each["name"]: each["sha256"] for each in files if "file_id" in each}


def wanted(bench: Workbench) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(document(file.name)[0]).hexdigest()
        for simulator in bench.simulators.values()
        for person in simulator.world.people.values()
        for file in person.files
    }


async def test_one_run_fetches_every_file(bench: Workbench) -> None:
    code, said = await bench.run_once()

    assert code == 0, said
    assert await fetched(bench) == wanted(bench)
    assert [s.violations for s in bench.simulators.values()] == [[], []]


async def test_a_running_daemon_fetches_a_file_that_was_added(bench: Workbench) -> None:
    simulator = bench.simulators["greenhouse"]

    async def all_are_there() -> bool:
        return await fetched(bench) == wanted(bench)

    async with bench.daemon():
        await until(all_are_there, within=60)
        simulator.actions.add_files(next(iter(simulator.world.people.values())), ["added.docx"])
        await until(all_are_there, within=60)

    assert simulator.violations == []
