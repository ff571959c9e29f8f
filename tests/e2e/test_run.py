"""`ats-sync run` as a process: pushes at once, survives what breaks, ends when it is asked to."""

import asyncio
import json
import signal
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator import Fault
from connectors.simulator.commands import run_command
from tests.support.ats_sync import THREE, RunningDaemon, Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

NEXT = {"new": "screening", "screening": "interview", "interview": "offer", "assessment": "offer"}


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path) as opened:
        yield opened


async def imported(bench: Workbench) -> None:
    """Every integration has been polled once and the stream is open."""

    async def all_polled() -> bool:
        runs = await bench.documents("sync_runs")
        polled = {r["integration"] for r in runs if r["outcome"] == "success"}
        positions = {row["_id"] for row in await bench.documents("checkpoints")}
        return polled >= set(bench.simulators) and "stream:applications" in positions

    await until(all_polled)


async def an_open_application(bench: Workbench, name: str) -> dict[str, Any]:
    rows = await bench.documents("applications", name)
    return next(row for row in rows if row["status"] in NEXT)


async def port_of(daemon: RunningDaemon) -> int:
    line = await daemon.heard("http_listening")
    return int(json.loads(line)["port"])


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("name", THREE)
async def test_a_plain_update_in_clearview_is_at_the_ats_once_and_logged_once(
    bench: Workbench, name: str
) -> None:
    async with bench.daemon():
        await imported(bench)
        application = await an_open_application(bench, name)
        target = NEXT[application["status"]]
        simulator = bench.simulators[name]

        await bench.clearview["applications"].update_one(
            {"_id": application["_id"]}, {"$set": {"status": target}}
        )

        async def arrived() -> bool:
            held = simulator.truth().applications[application["external_id"]]
            return bool(held["status"] == target)

        await until(arrived)

        async def logged() -> bool:
            return bool(await bench.documents("application_status_update_log"))

        await until(logged)
        polls = len(await bench.documents("sync_runs"))
        run_command(simulator, {"kind": "new_applicant"})
        await bench.own["ats_integration_settings"].update_one(
            {"name": name}, {"$set": {"request": {"id": application["_id"], "sweep": False}}}
        )

        async def polled_again() -> bool:
            return len(await bench.documents("sync_runs")) > polls

        await until(polled_again)

    [row] = await bench.documents("application_status_update_log")
    assert (row["outcome"], row["status"]) == ("Success", target)
    assert len([w for w in simulator.writes if w.effect]) == 1
    assert simulator.violations == []


async def test_the_probes_answer_and_the_daemon_drains_on_sigterm(bench: Workbench) -> None:
    bench.forked = False
    async with bench.daemon() as daemon:
        port = await port_of(daemon)
        await imported(bench)

        async def ready() -> bool:
            code, _ = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/readyz")
            return code == 200

        await until(ready)
        healthy, _ = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/healthz")
        _, metrics = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/metrics")
        code = await daemon.stop()

    assert (healthy, code) == (200, 0)
    assert "ats_sync_ats_requests_total" in metrics
    assert any("shutdown_finished" in line for line in daemon.lines)


async def test_a_killed_daemon_leaves_nothing_undone_behind(bench: Workbench) -> None:
    async with bench.daemon() as daemon:
        await until(lambda: _any(bench, "candidates"))
        await daemon.stop(signal.SIGKILL)

    code, said = await bench.run_once()

    assert code == 0, said
    for name in THREE:
        truth = bench.simulators[name].truth()
        rows = await bench.documents("candidates", name)
        assert {row["external_id"] for row in rows} == set(truth.candidates)
        log = await bench.documents("candidates_import_log", name)
        assert [row["change"] for row in log].count("created") == len(truth.candidates)


async def _any(bench: Workbench, collection: str) -> bool:
    return bool(await bench.documents(collection))


async def test_a_refused_credential_pauses_alone_and_recovers_by_itself(bench: Workbench) -> None:
    async with bench.daemon():
        await imported(bench)
        bench.simulators["lever"].faults.add(Fault("error", status=401, count=None))
        await ask(bench, "lever")

        async def reported() -> bool:
            rows = await bench.documents("alerts")
            return any(r["kind"] == "auth_refused" and r["resolved_at"] is None for r in rows)

        await until(reported)
        bench.simulators["lever"].faults.clear()
        await ask(bench, "lever")

        async def recovered() -> bool:
            rows = await bench.documents("alerts")
            return all(r["resolved_at"] is not None for r in rows)

        await until(recovered)

    [alert] = [a for a in await bench.documents("alerts") if a["kind"] == "auth_refused"]
    assert alert["integration"] == "lever"


async def ask(bench: Workbench, name: str) -> None:
    row = await bench.own["ats_integration_settings"].find_one({"name": name})
    assert row is not None
    await bench.own["ats_integration_settings"].update_one(
        {"name": name},
        {"$set": {"request": {"id": row["_id"], "asked": str(asyncio.get_running_loop().time())}}},
    )


async def test_a_wrong_edit_of_the_yaml_is_refused_and_a_good_one_applied(
    bench: Workbench,
) -> None:
    async with bench.daemon() as daemon:
        await imported(bench)
        good = bench.config.read_bytes()
        bench.config.write_bytes(good.replace(b'"poll"', b'"pol"', 1))
        await daemon.heard("config_refused")
        bench.config.write_bytes(good)
        await daemon.heard("config_applied")
        bench.extra["ashby"] = {"enabled": False}
        bench.write_config()
        await daemon.heard("integration_stopped")

    states = {
        row["name"]: row["state"] for row in await bench.documents("ats_integration_settings")
    }
    assert states["ashby"] == "disabled"
    kinds = {row["kind"]: row["resolved_at"] for row in await bench.documents("alerts")}
    assert kinds["config_refused"] is not None
