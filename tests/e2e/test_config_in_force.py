"""An edit of the file while the daemon runs is in force whole, or refused whole and by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.simulator.clearview_services import ClearViewServices
from tests.support.ats_sync import Workbench
from tests.support.mongo import TestMongo
from tests.support.tiny_ats import definition_text
from tests.support.waiting import until
from tests.support.wild import HEALTHY, HOSTILE, WildBench, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

TOKEN = "clearview-token"


async def people(request: web.Request) -> web.StreamResponse:
    return web.json_response({"rows": [{"id": request.path.strip("/"), "name": "Ada"}]})


@pytest.fixture
async def wild(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[WildBench]:
    async with wild_bench(mongo, tmp_path, people) as opened:
        yield opened


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token=TOKEN) as running:
        yield running


def write(bench: Workbench, **clearview: Any) -> None:
    """The file with these parts of `clearview`."""
    mongodb = {"database": bench.mongo.clearview} | clearview.pop("mongodb", {})
    own = {"mongodb": mongodb} | clearview
    bench.write_config(connector_paths=["connectors"], clearview=own)


async def open_alerts(bench: Workbench) -> dict[str, str]:
    rows = await bench.own["alerts"].find({"resolved_at": None}).to_list()
    return {row["key"]: row["message"] for row in rows}


async def ran(bench: Workbench, name: str) -> list[str]:
    rows = bench.own["sync_runs"].find({"integration": name}).sort("started_at", 1)
    return [row["outcome"] for row in await rows.to_list()]


async def test_channels_services_and_definitions_are_in_force_as_soon_as_they_are_edited(
    wild: WildBench, services: ClearViewServices
) -> None:
    bench = wild.bench
    bench.extra[HEALTHY] = {"credentials": {"api_key": "revoked"}}
    write(bench)
    async with bench.daemon() as daemon:
        await until(lambda: is_open(bench, f"auth_refused:{HEALTHY}"))
        await until(lambda: has_run(bench, HOSTILE, 1))

        channel = {"kind": "http", "url": services.url, "token": TOKEN}
        write(bench, notifications=[channel])

        async def heard() -> bool:
            return [n.key for n in services.notifications] == [f"auth_refused:{HEALTHY}"]

        await until(heard, within=30)

        del bench.extra[HEALTHY]
        by_http = {"mode": "http", "url": services.url, "token": TOKEN}
        write(bench, notifications=[channel], candidates=by_http)

        async def handed_over() -> bool:
            return any("batchUpsert" in request for request in services.requests)

        await until(handed_over, within=30)

        elsewhere = definition_text(request="{get: /persons}")
        (bench.folder / "connectors" / "tiny.yaml").write_text(elsewhere)

        async def asked() -> bool:
            return any("GET /persons" in request for request in wild.ats.asked)

        await until(asked, within=30)
        assert await daemon.stop() == 0

    assert {n.state for n in services.notifications} <= {"open", "resolved"}
    edits = await bench.own["audit_log"].find({"via": "file"}).sort("at", 1).to_list()
    assert {row["action"] for row in edits} == {"configuration.apply"}
    assert {row["actor"] for row in edits} == {bench.config.name}
    assert [row["after"]["changed"] for row in edits] == [[], [HOSTILE, HEALTHY], [HOSTILE]]
    assert "revoked" not in repr(edits)


async def is_open(bench: Workbench, key: str) -> bool:
    return key in await open_alerts(bench)


async def has_run(bench: Workbench, name: str, times: int) -> bool:
    return len(await ran(bench, name)) >= times


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"mongodb": {"database": "another"}}, "clearview.mongodb.database: cannot change while"),
        (
            {"mongodb": {"uri": "mongodb://u:hidden-word@elsewhere/?replicaSet=rs9"}},
            "clearview.mongodb.uri: cannot change while",
        ),
        (
            {"notifications": [{"kind": "apprise", "url": "nothing://hidden-word"}]},
            "an Apprise address of kind 'nothing' cannot be used",
        ),
    ],
    ids=["database", "uri", "channel"],
)
async def test_what_cannot_be_applied_is_refused_whole_and_by_name(
    wild: WildBench, edit: dict[str, Any], named: str
) -> None:
    bench = wild.bench
    write(bench)
    async with bench.daemon() as daemon:
        await daemon.heard("http_listening")
        await until(lambda: has_run(bench, HOSTILE, 1))
        bench.others[HOSTILE] = bench.others[HOSTILE] | {"enabled": False}
        write(bench, **edit)
        await until(lambda: is_open(bench, "config_refused"))
        message = (await open_alerts(bench))["config_refused"]
        states = {row["name"]: row["state"] for row in await settings_of(bench)}

        write(bench)

        async def taken_back() -> bool:
            return not await is_open(bench, "config_refused")

        await until(taken_back)
        await daemon.heard("integration_stopped")
        code = await daemon.stop()

    assert named in message
    assert states[HOSTILE] == "active"
    assert code == 0
    assert not any("hidden-word" in line for line in daemon.lines)
    assert "hidden-word" not in message


async def settings_of(bench: Workbench) -> list[dict[str, Any]]:
    return await bench.documents("ats_integration_settings")
