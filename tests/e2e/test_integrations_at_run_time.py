"""A customer's account is added to a running daemon, changed and removed, by API and command."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.simulator import Simulator, create_simulator
from daemon.runtime.config_sources import LOOK_EVERY
from tests.support.ats_sync import RunningDaemon, Workbench, workbench
from tests.support.mongo import TestMongo
from tests.support.waiting import until

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
KEY, NEW_KEY, TOKEN = "k" * 40, "n" * 40, "admin-token-of-this-test"
PICKED_UP_WITHIN = timedelta(seconds=5)
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


def said_of(name: str, event: str) -> str:
    return f'"integration":"{name}","event":"{event}"'


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
    assert printed.count(said_of("new-one", "integration_stopped")) == 1
    assert printed.count(said_of("lever", "integration_started")) == 1
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


class Replica:
    """One of several daemons on one MongoDB."""

    def __init__(self, daemon: RunningDaemon, port: int, client: aiohttp.ClientSession) -> None:
        self.daemon = daemon
        self._address = f"http://127.0.0.1:{port}/api/v1/integrations"
        self._client = client

    async def ask(self, method: str, path: str = "", **more: Any) -> None:
        async with self._client.request(method, self._address + path, **more) as answer:
            assert answer.ok, await answer.text()

    async def says(self, name: str, *events: str) -> None:
        """Waits until it has said these of an integration, from now on, in this order."""
        for event in events:
            await self.daemon.heard(said_of(name, event))


async def all_say(replicas: list[Replica], name: str, *events: str) -> None:
    await asyncio.gather(*(replica.says(name, *events) for replica in replicas))


@pytest.fixture
async def busy(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    """Its ATS is slow from the first page of the first import on, until a test makes it quick."""
    async with workbench(mongo, tmp_path, names=["lever"], candidates=6_000) as opened:
        lever = opened.simulators["lever"]

        def become_slow(listing: str, page: int) -> None:
            if (listing, page) == ("opportunities", 1):
                lever.latency_s = 0.8

        lever.on_page = become_slow
        yield opened


@pytest.fixture
async def replicas(busy: Workbench) -> AsyncIterator[list[Replica]]:
    async with AsyncExitStack() as stack:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        client = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        found = []
        for _ in range(2):
            process = await busy.start("run", "--config", str(busy.config), **ENVIRONMENT)
            daemon = RunningDaemon(process)
            stack.push_async_callback(daemon.stop)
            found.append(daemon)
        listening = [json.loads(await one.heard("http_listening", within=60)) for one in found]
        yield [
            Replica(daemon, line["port"], client)
            for daemon, line in zip(found, listening, strict=True)
        ]


def test_the_look_for_added_integrations_leaves_time_to_begin_them() -> None:
    assert 2 * LOOK_EVERY < PICKED_UP_WITHIN


@pytest.mark.slow
async def test_every_replica_takes_up_a_change_within_seconds_and_leaves_a_run_alone(
    busy: Workbench, other: Simulator, replicas: list[Replica]
) -> None:
    lever, runs = busy.simulators["lever"], busy.own["sync_runs"]
    one, two = replicas

    async def is_reading() -> bool:
        return lever.latency_s > 0

    await until(is_reading)
    before = await runs.find_one({"integration": "lever"})
    await one.ask("POST", json={"name": "new-one", **settings_of(other)})
    await all_say(replicas, "new-one", "integration_started")
    await until(lambda: _is(imported(busy, "new-one"), 12))
    await two.ask("PATCH", "/new-one", json={"poll": {"every": "30s"}})
    await all_say(replicas, "new-one", "integration_stopped", "integration_started")
    await one.ask("DELETE", "/new-one")
    await all_say(replicas, "new-one", "integration_stopped")
    meanwhile = await runs.find({"integration": "lever"}).to_list()
    lever.latency_s = 0.0
    people = len(lever.truth().candidates)
    await until(lambda: _is(imported(busy, "lever"), people), within=60)
    for replica in replicas:
        assert await replica.daemon.stop() == 0
    after = await runs.find_one({"integration": "lever"}, sort=[("started_at", 1)])

    assert [run["outcome"] for run in meanwhile] == ["running"]
    assert before is not None
    assert after is not None
    assert (after["_id"], after["outcome"]) == (before["_id"], "success")
    printed = [line for replica in replicas for line in replica.daemon.lines]
    begun = [line for line in printed if said_of("lever", "integration_started") in line]
    assert len(begun) == len(replicas), "no worker of another integration was replaced"
    assert not lever.violations


async def test_an_added_integration_leaves_the_alert_about_a_refused_file_open(
    bench: Workbench, other: Simulator
) -> None:
    good, alerts = bench.config.read_text(), bench.own["alerts"]

    async def refused() -> bool:
        found = await alerts.find_one({"kind": "config_refused", "resolved_at": None})
        return found is not None

    daemon = RunningDaemon(await bench.start("run", "--config", str(bench.config), **ENVIRONMENT))
    try:
        listening = json.loads(await daemon.heard("http_listening"))
        bench.config.write_text(good.replace('"connector"', '"connectr"'))
        await until(refused)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as client:
            replica = Replica(daemon, listening["port"], client)
            await replica.ask("POST", json={"name": "new-one", **settings_of(other)})
        await daemon.heard("stored_integrations_applied")
        await until(lambda: _is(imported(bench, "new-one"), 12))
        still = await refused()
        bench.config.write_text(good)
        await until(lambda: _is(refused(), False))
        await daemon.heard("config_applied")
    finally:
        await daemon.stop()

    assert still, "the file is as wrong as before"
    assert not [line for line in daemon.lines if said_of("new-one", "integration_stopped") in line]


async def test_keys_are_rotated_while_the_daemon_works_on_what_they_protect(
    bench: Workbench, other: Simulator, tmp_path: Path
) -> None:
    file, config = tmp_path / "new.yaml", ("--config", str(bench.config))
    file.write_text(json.dumps(settings_of(other)))
    both = ENVIRONMENT | {"ATS_SYNC_ENCRYPTION_KEY": f"{NEW_KEY},{KEY}"}
    new = ENVIRONMENT | {"ATS_SYNC_ENCRYPTION_KEY": NEW_KEY}
    add = ("integrations", "add", "new-one", "--from", str(file), *config)
    added = await bench.run(*add, **ENVIRONMENT)

    async def polls() -> int:
        of_it = {"integration": "new-one", "job": "import_poll", "outcome": "success"}
        return await bench.own["sync_runs"].count_documents(of_it)

    async def polled_again(before: int) -> bool:
        return await polls() > before

    daemon = RunningDaemon(await bench.start("run", *config, **both))
    try:
        await until(lambda: _is(imported(bench, "new-one"), 12))
        rotated = await bench.run("keys", "rotate", *config, **both)
        before = await polls()
        asked = await bench.run("poll", "new-one", *config, **both)
        await until(lambda: polled_again(before))
        looked = await bench.run("doctor", *config, **both)
        refused = await bench.own["alerts"].count_documents({"kind": "integration_refused"})
    finally:
        await daemon.stop()
    once = await bench.run("run", "--once", *config, **new)

    codes = [code for code, _ in (added, rotated, asked, looked, once)]
    assert codes == [0, 0, 0, 0, 0], (rotated, asked, looked, once)
    assert "new-one" in looked[1]
    assert refused == 0
    assert await polls() > before + 1, "the new key alone reads its credentials"


async def test_a_file_that_names_an_added_integration_wins_until_it_no_longer_does(
    bench: Workbench, other: Simulator
) -> None:
    good, settings = bench.config.read_text(), bench.own["ats_integration_settings"]

    async def managed_by(whom: str) -> bool:
        row = await settings.find_one({"name": "new-one"})
        return row is not None and (row["managed_by"], row["state"]) == (whom, "active")

    daemon = RunningDaemon(await bench.start("run", "--config", str(bench.config), **ENVIRONMENT))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        listening = json.loads(await daemon.heard("http_listening"))
        async with aiohttp.ClientSession(headers=headers) as client:
            replica = Replica(daemon, listening["port"], client)
            await replica.ask("POST", json={"name": "new-one", **settings_of(other)})
            await until(lambda: managed_by("database"))
            elsewhere = {"endpoint": "http://127.0.0.1:9", "poll": {"every": "40s"}}
            bench.others["new-one"] = settings_of(other) | elsewhere
            bench.write_config()
            await until(lambda: managed_by("file"))
            theirs = await settings.find_one({"name": "new-one"})
            with pytest.raises(AssertionError, match="the file wins"):
                await replica.ask("PATCH", "/new-one", json={"poll": {"every": "50s"}})
            bench.config.write_text(good)
            await until(lambda: managed_by("database"))
            ours = await settings.find_one({"name": "new-one"})
            await replica.ask("PATCH", "/new-one", json={"poll": {"every": "50s"}})
        row = await settings.find_one({"name": "new-one"})
    finally:
        await daemon.stop()

    assert row is not None
    assert row["stored"]["content"]["poll"] == {"every": "50s"}
    assert theirs is not None
    assert ours is not None
    assert (theirs["api_endpoint"], ours["api_endpoint"]) == ("http://127.0.0.1:9", other.url)
    assert "ref" in theirs["api_key"]
    assert ours["api_key"]["encrypted"]


async def test_one_that_is_removed_and_added_again_at_once_has_its_new_settings(
    bench: Workbench, other: Simulator
) -> None:
    daemon = RunningDaemon(await bench.start("run", "--config", str(bench.config), **ENVIRONMENT))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        listening = json.loads(await daemon.heard("http_listening"))
        async with aiohttp.ClientSession(headers=headers) as client:
            replica = Replica(daemon, listening["port"], client)
            await replica.ask("POST", json={"name": "new-one", **settings_of(other)})
            await replica.says("new-one", "integration_started")
            await replica.ask("DELETE", "/new-one")
            again = settings_of(other) | {"poll": {"every": "20s"}}
            await replica.ask("POST", json={"name": "new-one", **again})
            await replica.says("new-one", "integration_stopped", "integration_started")
    finally:
        await daemon.stop()
