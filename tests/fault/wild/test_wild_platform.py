"""A cluster that sets variables of its own, and a node that has no file notification left."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.support.ats_sync import RunningDaemon, Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.pages import ROOT

pytestmark = [pytest.mark.mongo, pytest.mark.fault, pytest.mark.e2e]

SERVICES = {
    "ATS_SYNC_SERVICE_HOST": "10.96.7.1",
    "ATS_SYNC_SERVICE_PORT": "8080",
    "ATS_SYNC_SERVICE_PORT_HTTP": "8080",
    "ATS_SYNC_PORT": "tcp://10.96.7.1:8080",
    "ATS_SYNC_PORT_8080_TCP": "tcp://10.96.7.1:8080",
    "ATS_SYNC_PORT_8080_TCP_PROTO": "tcp",
    "ATS_SYNC_PORT_8080_TCP_PORT": "8080",
    "ATS_SYNC_PORT_8080_TCP_ADDR": "10.96.7.1",
    "ATS_SYNC_WEBHOOKS_PORT_443_TCP": "tcp://10.96.7.2:443",
}
"""Of two Services, `ats-sync` and `ats-sync-webhooks`, in the daemon's namespace."""


async def start(bench: Workbench, kind: str) -> RunningDaemon:
    """The daemon on a kernel that notifies of no file."""
    blind = ("-m", "tests.support.blind_kernel", kind)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *blind, "daemon", "run", "--config", str(bench.config)),
        stdout=PIPE,
        stderr=STDOUT,
        env=bench.environment() | SERVICES,
        cwd=ROOT,
    )
    return RunningDaemon(process)


async def test_without_notifications_an_edit_is_applied_seconds_later_and_it_is_said_once(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async with workbench(mongo, tmp_path, ["lever"], candidates=5) as bench:
        daemon = await start(bench, "no instances")
        try:
            said = json.loads(await daemon.heard("config_notifications_unavailable"))
            bench.extra["lever"] = {"poll": {"every": "20s"}}
            bench.write_config()
            await daemon.heard("config_applied")
        finally:
            code = await daemon.stop()

    assert code == 0, daemon.lines[-5:]
    assert said["level"] == "warning"
    assert "every 5 s" in said["remedy"]
    assert "fs.inotify.max_user_instances" in said["remedy"]
    assert sum("config_notifications_unavailable" in line for line in daemon.lines) == 1
