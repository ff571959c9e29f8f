"""Errors of no known kind, and what the operator sees of each: one integration's failure, and no more.

Every error here quotes a person in its text; no one may read of her anywhere.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import web

from tests.support.ats_sync import RunningDaemon
from tests.support.brittle import ERRORS, brittle_definition, installed_in
from tests.support.mongo import TestMongo
from tests.support.waiting import until
from tests.support.wild import HOSTILE, Sees, WildBench, wild_bench

pytestmark = [pytest.mark.mongo, pytest.mark.e2e, pytest.mark.fault]

PEOPLE = [{"id": "1", "name": "Ada"}]
SECRETS = ("Lovelace", "ada@example.org", "7946 0958")


class Row(NamedTuple):
    """Where an integration's connector breaks, and what is seen of it."""

    at: str
    error: str
    says: str


ROWS = [
    Row("pages", "KeyError", "KeyError at "),
    Row("pages", "ValueError", "ValueError at "),
    Row("pages", "RecursionError", "RecursionError at "),
    Row("pages", "UnicodeDecodeError", "UnicodeDecodeError at "),
    Row("pages", "MemoryError", "MemoryError at "),
    Row("pages", "AssertionError", "AssertionError at "),
    Row("pages", "ExceptionGroup", "TypeError at "),
    Row("prepare_mapping", "OSError", "OSError (code 5) at "),
    Row("prepare_mapping", "WriteError", "WriteError (code 121) at "),
    Row("prepare_mapping", "StopAsyncIteration", "StopAsyncIteration at "),
    Row("prepare_mapping", "CancelledError", "CancelledError at "),
]
OUTSIDE = [
    Row("create", "KeyError", "KeyError at "),
    Row("open", "ValueError", "ValueError at "),
    Row("map_records", "Panic", "Panic at "),
]
"""What breaks before a run has begun, or as no exception does."""


async def people(request: web.Request) -> web.StreamResponse:
    return web.json_response({"rows": PEOPLE})


@dataclass(frozen=True, slots=True)
class Brittle:
    """A bench with one hostile integration for each row."""

    wild: WildBench
    plugin: dict[str, str]

    def break_by(self, rows: dict[str, Row]) -> None:
        """Each integration breaks like its row from now on; the others work."""
        others = self.wild.bench.others
        for name in others:
            row = rows.get(name, Row("nowhere", "KeyError", ""))
            others[name] = others[name] | {"options": {"at": row.at, "error": row.error}}
        self.wild.bench.write_config(connector_paths=["connectors"])

    async def command(self, *arguments: str) -> tuple[int, str]:
        """The exit code and everything printed, which shows neither a traceback nor the person."""
        config = ("--config", str(self.wild.bench.config))
        code, printed = await self.wild.bench.run(*arguments, *config, **self.plugin)
        assert "Traceback" not in printed, printed[-3000:]
        assert not any(secret in printed for secret in SECRETS), printed[-3000:]
        return code, printed

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[RunningDaemon]:
        """A running daemon that finds the connector."""
        config = ("run", "--config", str(self.wild.bench.config))
        running = RunningDaemon(await self.wild.bench.start(*config, **self.plugin))
        try:
            yield running
        finally:
            await running.stop()

    async def assert_no_person_is_stored(self) -> None:
        """Alerts, runs and logs of the hostile ones name no one but who was imported."""
        own = self.wild.bench.own
        for collection in ("alerts", "sync_runs", "notification_queue", "failed_records"):
            stored = repr(await own[collection].find().to_list())
            assert not any(secret in stored for secret in SECRETS), (collection, stored)


@asynccontextmanager
async def brittle(
    mongo: TestMongo, folder: Path, rows: list[Row]
) -> AsyncIterator[tuple[Brittle, dict[str, Row]]]:
    async with wild_bench(mongo, folder, people, definition=brittle_definition()) as wild:
        (folder / "connectors" / "tiny.yaml").rename(folder / "connectors" / "brittle.yaml")
        one = wild.bench.others.pop(HOSTILE) | {"connector": "brittle"}
        named = {f"hostile-{row.at}-{row.error}".lower().replace("_", "-"): row for row in rows}
        wild.bench.others.update(dict.fromkeys(named, one))
        bench = Brittle(wild, installed_in(folder))
        bench.break_by(named)
        yield bench, named


async def test_what_breaks_in_a_run_is_that_integrations_failure_and_over_with_its_next_good_run(
    mongo: TestMongo, tmp_path: Path
) -> None:
    assert {row.error for row in (*ROWS, *OUTSIDE)} == set(ERRORS)
    async with brittle(mongo, tmp_path, ROWS) as (bench, rows):
        code, printed = await bench.command("run", "--once")

        assert code == 1, printed[-3000:]
        for name, row in rows.items():
            seen = await bench.wild.sees(code, name)
            expected = Sees(1, "failed", ("unexpected_error",), says=seen.says)
            assert seen == expected, (row, printed[-3000:])
            assert row.says in seen.says
            assert f"ats-sync: {name}: the poll failed: unexpected {row.says}" in printed
            await assert_the_alert_names_the_run(bench, name, row)
        await bench.wild.assert_neighbour_is_whole()
        await bench.assert_no_person_is_stored()

        bench.break_by({})
        code, printed = await bench.command("run", "--once")

        for name in rows:
            assert await bench.wild.sees(code, name) == Sees(0, "success"), printed[-3000:]


async def assert_the_alert_names_the_run(bench: Brittle, name: str, row: Row) -> None:
    own = bench.wild.bench.own
    [run] = await own["sync_runs"].find({"integration": name}).to_list()
    [alert] = await own["alerts"].find({"integration": name}).to_list()
    module, line = alert["details"]["location"].rsplit(":", 1)

    assert alert["details"]["run_id"] == str(run["_id"])
    assert str(run["_id"]) in alert["message"]
    assert row.says in alert["message"]
    assert module.split(".")[0] in {"connectors", "daemon"}
    assert int(line) > 0


async def test_what_breaks_outside_a_run_is_that_integrations_failure_too(
    mongo: TestMongo, tmp_path: Path
) -> None:
    async with brittle(mongo, tmp_path, OUTSIDE) as (bench, rows):
        code, printed = await bench.command("run", "--once")

        assert code == 1
        for name, row in rows.items():
            [alert] = await bench.wild.bench.own["alerts"].find({"integration": name}).to_list()
            assert (alert["kind"], alert["resolved_at"]) == ("unexpected_error", None)
            assert row.says in alert["message"]
            assert f"ats-sync: {name}: unexpected {row.says}" in printed
        await bench.wild.assert_neighbour_is_whole()

        bench.break_by({})
        code, printed = await bench.command("run", "--once")

        assert code == 0, printed[-3000:]
        assert await bench.wild.bench.own["alerts"].find({"resolved_at": None}).to_list() == []


async def test_commands_say_in_one_line_what_broke_and_look_at_the_others_all_the_same(
    mongo: TestMongo, tmp_path: Path
) -> None:
    rows = [Row("pages", "KeyError", ""), Row("check", "Panic", ""), Row("create", "OSError", "")]
    async with brittle(mongo, tmp_path, rows) as (bench, named):
        pages, check, create = named
        doctor, looked = await bench.command("doctor", "--json")
        plan, planned = await bench.command("plan")
        verify, verified = await bench.command("verify", pages)
        poll, polled = await bench.command("poll", pages)

        found = {(one["subject"], one["verdict"]) for one in json.loads(looked)}
        assert (doctor, plan, verify, poll) == (1, 1, 1, 1)
        assert {(check, "bad"), (create, "bad"), (pages, "ok"), ("lever", "ok")} <= found
        assert f"ats-sync: {pages}: unexpected KeyError at " in planned
        assert f"ats-sync: {create}: unexpected OSError (code 5) at " in planned
        assert "lever: 5 created. Nothing was written." in planned
        assert f"{check}: 1 created. Nothing was written." in planned
        assert "ats-sync: unexpected KeyError at " in verified
        assert "failed: unexpected KeyError at " in polled
        [alert] = await bench.wild.bench.own["alerts"].find().to_list()
        assert (alert["kind"], alert["integration"]) == ("unexpected_error", pages)


async def test_a_credential_that_ends_in_a_line_break_stops_no_neighbour(
    mongo: TestMongo, tmp_path: Path
) -> None:
    secret = {"key": "secret-key\n"}
    async with wild_bench(mongo, tmp_path, people, credentials=secret) as wild:
        code, printed = await wild.run_once()

        assert code in (0, 1), printed[-3000:]
        assert (await wild.sees(code)).outcome in ("success", "failed")
        assert "secret-key" not in printed
        await wild.assert_neighbour_is_whole()


async def test_a_running_daemon_names_what_keeps_failing_and_goes_on_with_everything_else(
    mongo: TestMongo, tmp_path: Path
) -> None:
    rows = [Row("create", "KeyError", ""), Row("pages", "RecursionError", "")]
    async with brittle(mongo, tmp_path, rows) as (bench, named):
        create, pages = named
        async with bench.daemon() as daemon:
            port = json.loads(await daemon.heard("http_listening"))["port"]

            async def alerts() -> dict[str, bool]:
                found = await bench.wild.bench.own["alerts"].find().to_list()
                return {alert["key"]: alert["resolved_at"] is None for alert in found}

            async def reported() -> bool:
                status, reasons = await ready(port)
                return (
                    status == 503
                    and f"{create}: worker keeps failing: KeyError at " in reasons
                    and await alerts()
                    == {
                        f"unexpected_error:{create}:worker": True,
                        f"unexpected_error:{pages}:import_poll": True,
                    }
                )

            await until(reported, within=60)
            await bench.wild.assert_neighbour_is_whole()
            assert pages not in (await ready(port))[1]

            bench.break_by({})

            async def well() -> bool:
                return (await ready(port))[0] == 200 and not any((await alerts()).values())

            await until(well, within=90)
            runs = await bench.wild.bench.own["sync_runs"].find().to_list()
            code = await daemon.stop()

        assert code == 0
        said = "\n".join(daemon.lines)
        assert "Traceback" not in said
        assert not any(secret in said for secret in SECRETS)
        # A busy machine may renew a lease too late: its run is interrupted, and says so.
        ended = [run for run in runs if run["error_message"] != "shutdown or lease lost"]
        assert {run["outcome"] for run in ended} <= {"success", "failed", "running"}


async def ready(port: int) -> tuple[int, str]:
    """What `/readyz` says."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/readyz") as answer,
    ):
        return answer.status, await answer.text()
