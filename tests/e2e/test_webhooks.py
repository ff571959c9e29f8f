"""Webhooks of a running daemon: what an event names is in ClearView at once, and no other is trusted."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.commands import run_command
from connectors.simulator.webhook_events import Sent
from tests.support.ats_sync import RunningDaemon, Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until
from tests.support.webhook_senders import SECRET, SIGN, payload_of

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.slow]
ANSWERS = {"smartrecruiters": 202}
SECONDS = 10.0
"""An event waits for a batch of details, some two seconds, and here for a busy machine."""


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    """Six accounts that are polled once, and then no more while a test runs."""
    async with workbench(mongo, tmp_path, names=SIGN, candidates=30) as opened:
        for name, simulator in opened.simulators.items():
            opened.extra[name] = {
                "poll": {"every": "24h", "sweep_every": "7d"},
                "credentials": {**simulator.credentials, "webhook_secret": f"next {SECRET}"},
            }
        opened.write_config()
        yield opened


async def ready(bench: Workbench, daemon: RunningDaemon) -> str:
    """The address of the port, once every account was imported."""
    port = json.loads(await daemon.heard("http_listening"))["port"]

    async def all_imported() -> bool:
        runs = await bench.documents("sync_runs")
        return {r["integration"] for r in runs if r["outcome"] == "success"} >= set(SIGN)

    await until(all_imported, within=60)
    return f"http://127.0.0.1:{port}"


def _post(url: str, sent: Sent) -> tuple[int, Mapping[str, str]]:
    headers, body = sent
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, {}


async def post(base: str, name: str, sent: Sent) -> int:
    status, _ = await asyncio.to_thread(_post, f"{base}/webhooks/{name}", sent)
    return status


async def an_open_application(bench: Workbench, name: str) -> dict[str, Any]:
    truth = bench.simulators[name].truth().applications
    rows = await bench.documents("applications", name)
    return next(r for r in rows if truth[r["external_id"]]["status"] in ("new", "screening"))


async def equals_the_truth(bench: Workbench, name: str, external_id: str) -> bool:
    held = bench.simulators[name].truth().applications[external_id]
    rows = await bench.documents("applications", name)
    row = next(r for r in rows if r["external_id"] == external_id)
    return bool(row["status"] == held["status"] and row["stage"]["name"] == held["stage"]["name"])


async def test_what_an_event_names_is_imported_within_seconds(bench: Workbench) -> None:
    async with bench.daemon() as daemon:
        base = await ready(bench, daemon)
        for name, simulator in bench.simulators.items():
            application = await an_open_application(bench, name)
            external_id = application["external_id"]
            sender = simulator.send_webhooks(f"{base}/webhooks/{name}", SECRET)
            run_command(simulator, {"kind": "move", "application": external_id, "event": "twice"})

            await until(partial(equals_the_truth, bench, name, external_id), within=SECONDS)

            assert sender.answers == [ANSWERS.get(name, 200)] * 2, name

        async def all_applied() -> bool:
            return {e["state"] for e in await bench.documents("webhook_events")} == {"applied"}

        await until(all_applied, within=SECONDS)
        events = await bench.documents("webhook_events")
        runs = await bench.documents("sync_runs")

    assert len(events) == len(SIGN)
    assert {r["details"].get("webhook_events") for r in runs} == {None, 1}
    assert all(simulator.violations == [] for simulator in bench.simulators.values())


async def test_an_event_that_proves_nothing_changes_nothing(bench: Workbench) -> None:
    async with bench.daemon() as daemon:
        base = await ready(bench, daemon)
        headers, body = SIGN["ashby"](payload_of("ashby", "c", "a"))
        before = dict(bench.simulators["ashby"].recorder.requests)

        answers = [
            await post(base, "ashby", SIGN["ashby"](payload_of("ashby", "c", "a"), secret="guess")),
            await post(base, "ashby", ({}, body)),
            await post(base, "ashby", (headers, b"")),
            await post(base, "ashby", (headers, b"{" * 1_000)),
            await post(base, "ashby", (headers, b" " * (1024 * 1024 + 1))),
            await post(base, "nobody", (headers, body)),
        ]

        refused = await bench.own["ats_integration_settings"].find_one({"name": "ashby"})

        assert answers == [401, 401, 400, 400, 413, 404]
        assert refused is not None
        assert refused["webhook_refused_at"] is not None
        assert await bench.documents("webhook_events") == []
        assert dict(bench.simulators["ashby"].recorder.requests) == before


async def test_a_candidate_whom_the_ats_no_longer_has_is_deleted_by_an_event(
    bench: Workbench,
) -> None:
    async with bench.daemon() as daemon:
        base = await ready(bench, daemon)
        [first, *_] = await bench.documents("candidates", "lever")
        [application, *_] = [
            a
            for a in await bench.documents("applications", "lever")
            if a["candidate_id"] == first["_id"]
        ]
        external_id = application["external_id"]
        run_command(
            bench.simulators["lever"], {"kind": "delete_application", "application": external_id}
        )
        payload = {"event": "candidateDeleted", "data": {"opportunityId": external_id}}

        assert await post(base, "lever", SIGN["lever"](payload)) == 200

        async def deleted() -> bool:
            rows = await bench.documents("applications", "lever")
            return next(r for r in rows if r["_id"] == application["_id"])["deleted_at"] is not None

        await until(deleted, within=SECONDS)


async def test_events_that_came_while_the_daemon_was_down_are_applied_at_the_start(
    bench: Workbench,
) -> None:
    async with bench.daemon() as daemon:
        base = await ready(bench, daemon)
        application = await an_open_application(bench, "workable")
        simulator, external_id = bench.simulators["workable"], application["external_id"]
        await bench.own["ats_integration_settings"].update_one(
            {"name": "workable"}, {"$set": {"state": "paused"}}
        )
        run_command(simulator, {"kind": "move", "application": external_id})
        sent = SIGN["workable"](payload_of("workable", external_id, external_id))
        assert await post(base, "workable", sent) == 200
    await bench.own["ats_integration_settings"].update_one(
        {"name": "workable"}, {"$set": {"state": "active"}}
    )

    async with bench.daemon():
        await until(partial(equals_the_truth, bench, "workable", external_id), within=30)
