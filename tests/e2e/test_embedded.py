"""`ats-sync run` with nothing but a YAML file: its own MongoDB, kept in the data folder."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.simulator import create_simulator
from tests.support.ats_sync import RunningDaemon, Workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


class Alone(Workbench):
    """No MongoDB is named anywhere."""

    def environment(self) -> dict[str, str]:
        found = Workbench.environment(self)
        del found["ATS_SYNC_MONGODB_URI"], found["ATS_SYNC_DATABASE"]
        return found


@pytest.fixture
async def alone(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    simulator = create_simulator("lever", candidates=60, unlimited=True)
    await simulator.start()
    bench = Alone(mongo, tmp_path, {"lever": simulator})
    bench.write_config(clearview={})
    yield bench
    await simulator.stop()


async def test_after_kill_9_the_next_start_goes_on_with_the_data_at_once(alone: Workbench) -> None:
    first = RunningDaemon(await alone.start("run", "--config", str(alone.config)))
    await first.heard("import_poll_finished")
    first.process.send_signal(signal.SIGKILL)
    await asyncio.wait_for(first.process.communicate(), 10)

    began = time.monotonic()
    second = RunningDaemon(await alone.start("run", "--config", str(alone.config)))
    line = await second.heard("import_poll_finished", within=60)
    waited = time.monotonic() - began
    code = await second.stop()

    print(f"polled again {waited:.1f} s after the restart")
    assert '"created"' not in line
    assert code == 0


async def test_a_second_daemon_on_the_same_folder_is_refused_with_a_reason(
    alone: Workbench,
) -> None:
    first = RunningDaemon(await alone.start("run", "--config", str(alone.config)))
    await first.heard("import_poll_finished")

    code, said = await alone.run("run", "--config", str(alone.config))
    status, shown = await alone.run("status", "--config", str(alone.config))
    await first.stop()

    assert code == 1
    assert "in use" in said
    assert status == 0, shown
    assert "lever" in shown
