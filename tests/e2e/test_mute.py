"""`ats-sync alerts mute` in one process, a running daemon in another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.slow]

TOKEN = "notify-token-for-tests"
MUTED, HEARD = "lever", "greenhouse"


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token=TOKEN) as running:
        yield running


@pytest.fixture
async def bench(
    mongo: TestMongo, tmp_path: Path, services: ClearViewServices
) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, [MUTED, HEARD], candidates=5) as opened:
        opened.write_config(
            clearview={
                "mongodb": {"database": mongo.clearview},
                "notifications": [{"kind": "http", "url": services.url, "token": TOKEN}],
            }
        )
        yield opened


async def open_alert(bench: Workbench, name: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while not (found := await bench.documents("alerts", name)):
            await asyncio.sleep(0.05)
    return found[0]


async def reported(services: ClearViewServices, name: str) -> None:
    async with asyncio.timeout(60):
        while name not in {n.integration for n in services.notifications}:
            await asyncio.sleep(0.05)


async def test_a_running_daemon_honours_a_mute_that_another_process_set(
    bench: Workbench, services: ClearViewServices
) -> None:
    async with bench.daemon() as daemon:
        await daemon.heard("import_poll_finished")
        config = ("--config", str(bench.config))
        code, said = await bench.run("alerts", "mute", MUTED, "--for", "2h", *config)
        assert code == 0, said
        for name in (MUTED, HEARD):
            bench.simulators[name].faults.add(Fault("error", status=401, count=None))
            await bench.run("poll", name, *config)
            alert = await open_alert(bench, name)
            assert (alert["muted_until"] is None) == (name == HEARD)
        await reported(services, HEARD)
        before = [n.integration for n in services.notifications]
        code, said = await bench.run("alerts", "unmute", MUTED, *config)
        assert code == 0, said
        await reported(services, MUTED)

    assert before == [HEARD]
    assert [n.kind for n in services.notifications] == ["auth_refused", "auth_refused"]
