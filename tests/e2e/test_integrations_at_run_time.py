"""A customer's account is added to a running daemon, changed and removed, by API and command."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator, create_simulator
from tests.support.ats_sync import RunningDaemon, Workbench, until, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
KEY, TOKEN = "k" * 40, "admin-token-of-this-test"
ENVIRONMENT = {"ATS_SYNC_ENCRYPTION_KEY": KEY, "ATS_SYNC_ADMIN_TOKEN": TOKEN}


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=["lever"], candidates=10) as opened:
        yield opened


@pytest.fixture
async def other() -> AsyncIterator[Simulator]:
    """An account that the file does not name."""
    simulator = create_simulator("ashby", candidates=12, unlimited=True)
    await simulator.start()
    yield simulator
    await simulator.stop()


def settings_of(simulator: Simulator) -> dict[str, Any]:
    return {
        "connector": simulator.NAME,
        "endpoint": simulator.url,
        "credentials": dict(simulator.credentials),
        "poll": {"every": "10s"},
    }


async def imported(bench: Workbench, name: str) -> int:
    return len(await bench.documents("candidates", name))


async def test_an_added_integration_is_imported_changed_and_removed_without_a_restart(
    bench: Workbench, other: Simulator
) -> None:
    daemon = RunningDaemon(await bench.start("run", "--config", str(bench.config), **ENVIRONMENT))
    try:
        listening = json.loads(await daemon.heard("http_listening"))
        await until(lambda: _is(imported(bench, "lever"), 10))
        address = f"http://127.0.0.1:{listening['port']}/api/v1/integrations"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as client:
            body = {"name": "new-one", **settings_of(other)}
            async with client.post(f"{address}?dry_run=true", json=body) as answer:
                tried, tried_status = await answer.json(), answer.status
            async with client.post(address, json=body) as answer:
                added = answer.status
            await until(lambda: _is(imported(bench, "new-one"), 12))
            edits = await bench.own["audit_log"].count_documents({"action": "configuration.apply"})
            async with client.patch(f"{address}/new-one", json={"enabled": False}) as answer:
                changed = answer.status
            await daemon.heard("integration_stopped")
            async with client.delete(f"{address}/new-one?purge=true") as answer:
                removed, purged = answer.status, await answer.json()
    finally:
        await daemon.stop()

    printed = "".join(daemon.lines)
    assert (tried_status, tried["ats"]) == (200, "Ashby")
    assert (added, changed, removed) == (201, 200, 200)
    assert edits == 0, "the file was not edited"
    assert purged["purged"] > 12
    assert await bench.documents("candidate_snapshots", "new-one") == []
    assert await imported(bench, "new-one") == 12, "ClearView's data is ClearView's"
    assert printed.count('"integration": "lever", "event": "integration_stopped"') <= 1
    assert not any(secret in printed for secret in other.credentials.values())


async def _is(found: Any, wanted: int) -> bool:
    return bool(await found == wanted)


async def test_commands_add_change_and_remove_one_and_run_once_works_on_it(
    bench: Workbench, other: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "new.yaml"
    settings = settings_of(other) | {"credentials": {"api_key": "${env:ASHBY_KEY}"}}
    file.write_text(json.dumps(settings))
    patch = tmp_path / "patch.yaml"
    patch.write_text("poll: {every: 30s}\n")
    environment = ENVIRONMENT | {"ASHBY_KEY": other.credentials["api_key"]}
    config = ("--config", str(bench.config))

    async def command(*words: str) -> tuple[int, str]:
        return await bench.run("integrations", *words, *config, **environment)

    tried = await command("add", "new-one", "--from", str(file), "--dry-run")
    before = await bench.own["ats_integration_settings"].count_documents({})
    added = await command("add", "new-one", "--from", str(file))
    again = await command("add", "new-one", "--from", str(file))
    taken = await command("add", "lever", "--from", str(file))
    once = await bench.run("run", "--once", *config, **environment)
    changed = await command("update", "new-one", "--from", str(patch))
    row = await bench.own["ats_integration_settings"].find_one({"name": "new-one"})
    removed = await command("remove", "new-one")

    assert tried == (0, tried[1])
    assert "takes the credential; nothing was stored" in tried[1]
    assert before == 0
    assert added[0] == 0, added
    assert (again[0], taken[0]) == (1, 1)
    assert "the file wins" in taken[1]
    assert once[0] == 0, once
    assert await imported(bench, "new-one") == 12
    assert changed[0] == 0, changed
    assert row is not None
    assert row["stored"]["content"]["poll"] == {"every": "30s"}
    assert other.credentials["api_key"] not in repr(row)
    assert removed[0] == 0, removed


async def test_one_that_cannot_be_read_is_named_and_stops_no_other(
    bench: Workbench, other: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(json.dumps(settings_of(other)))
    config = ("--config", str(bench.config))
    added = await bench.run(
        "integrations", "add", "new-one", "--from", str(file), *config, **ENVIRONMENT
    )

    another_key = ENVIRONMENT | {"ATS_SYNC_ENCRYPTION_KEY": "x" * 40}
    daemon = RunningDaemon(await bench.start("run", *config, **another_key))
    try:
        await until(lambda: _is(imported(bench, "lever"), 10))
        alerts = bench.own["alerts"]
        await until(lambda: _is(alerts.count_documents({"kind": "integration_refused"}), 1))
        alert = await alerts.find_one({"kind": "integration_refused"})
    finally:
        await daemon.stop()

    assert added[0] == 0, added
    assert alert is not None
    assert alert["integration"] == "new-one"
    assert "encrypted with key" in alert["message"]
