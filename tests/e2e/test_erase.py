"""A person is erased by command while the daemon runs, and does not come back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.ids import candidate_id
from tests.support.ats_sync import Workbench, workbench
from tests.support.canary import documents_in, values_of
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, ["greenhouse"]) as opened:
        yield opened


async def showing(bench: Workbench, *values: object) -> set[str]:
    """The collections of both databases that show one of these."""
    return {
        name
        for name, document in await documents_in(bench.own, bench.clearview)
        for _, value in values_of(document)
        if value in values
    }


async def test_a_running_daemon_brings_no_erased_person_back(bench: Workbench) -> None:
    config = ("--config", str(bench.config))
    async with bench.daemon() as daemon:
        await daemon.heard("import_poll_finished")
        [row, *_] = [one for one in await bench.documents("candidates") if one["emails"]]
        address = row["emails"][0]["value"]
        person = candidate_id(row["integration_id"], row["external_id"])
        before = await showing(bench, address, person)

        erased = await bench.run("erase", "--email", address.upper(), *config)
        polled = await bench.run("poll", "greenhouse", "--sweep", *config)
        after = await showing(bench, address, person)
        verified = await bench.run("verify", "greenhouse", *config)
        assert await daemon.stop() == 0

    assert {"candidates", "candidate_snapshots", "candidates_import_log"} <= before
    assert (erased[0], polled[0], verified[0]) == (0, 0, 0), (erased, polled, verified)
    assert after == set()
    assert address not in "".join(daemon.lines)
