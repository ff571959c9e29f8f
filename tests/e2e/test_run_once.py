"""`ats-sync run --once` as a process against simulated ATSs: what they hold is what ClearView holds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.commands import run_command
from tests.support.ats_sync import THREE, Workbench, workbench
from tests.support.mongo import TestMongo, stored_names

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

PERSON = ("first_name", "last_name", "company", "title", "is_private")


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path) as opened:
        yield opened


async def applications_of(bench: Workbench, name: str) -> dict[str, dict[str, Any]]:
    rows = await bench.documents("applications", name)
    return {row["external_id"]: row for row in rows if row["deleted_at"] is None}


async def assert_equal_to_truth(bench: Workbench, name: str) -> None:
    truth = bench.simulators[name].truth()
    people = {row["external_id"]: row for row in await bench.documents("candidates", name)}
    applications = await applications_of(bench, name)

    assert set(people) == set(truth.candidates)
    assert set(applications) == set(truth.applications)
    for key, wanted in truth.applications.items():
        found = applications[key]
        assert found["status"] == wanted["status"]
        assert found["job"]["external_id"] == wanted["job"]["external_id"]
        assert found["stage"]["name"] == wanted["stage"]["name"]
    for key, wanted in truth.candidates.items():
        assert {f: people[key][f] for f in ("first_name", "last_name")} == {
            f: wanted[f] for f in ("first_name", "last_name")
        }
        assert [e["value"] for e in people[key]["emails"]] == [e["value"] for e in wanted["emails"]]


async def everything(bench: Workbench) -> dict[str, Any]:
    """All that is stored but runs and leases."""
    found = {}
    for database in (bench.own, bench.clearview):
        for name in await stored_names(database):
            if name not in ("sync_runs", "leases"):
                found[name] = await database[name].find().sort("_id", 1).to_list()
    found["checkpoints"] = [
        row for row in found["checkpoints"] if not row["_id"].startswith("stream:")
    ]
    return found


async def test_three_runs_import_everything_then_nothing_then_exactly_what_changed(
    bench: Workbench,
) -> None:
    first, said = await bench.run_once()

    assert first == 0, said
    for name in THREE:
        await assert_equal_to_truth(bench, name)
        log = await bench.documents("candidates_import_log", name)
        assert {row["status"] for row in log} == {"Success"}
        created = [row for row in log if row["change"] == "created"]
        assert len(created) == len(bench.simulators[name].truth().candidates)

    before = await everything(bench)
    second, said = await bench.run_once()

    assert second == 0, said
    assert await everything(bench) == before
    runs = await bench.documents("sync_runs")
    assert len([run for run in runs if run["job"] == "import_poll"]) == 6

    for name, simulator in bench.simulators.items():
        run_command(simulator, {"kind": "move"})
        run_command(simulator, {"kind": "new_applicant"})
        run_command(simulator, {"kind": "edit_person", "changes": {"title": "Astronaut"}})
        assert name in THREE
    logged = len(await bench.documents("candidates_import_log"))
    third, said = await bench.run_once()

    assert third == 0, said
    for name in THREE:
        await assert_equal_to_truth(bench, name)
        assert bench.simulators[name].violations == []
    # Details of a changed record are another version of it.
    assert len(await bench.documents("candidates_import_log")) - logged <= 9 + 3


async def test_a_wrong_key_fails_one_integration_and_leaves_the_others_alone(
    bench: Workbench,
) -> None:
    bench.extra["lever"] = {"credentials": {"api_key": "wrong-key-value"}}
    bench.write_config()

    code, said = await bench.run_once()

    assert code == 1
    assert "lever" in said
    assert "wrong-key-value" not in said
    await assert_equal_to_truth(bench, "ashby")
    await assert_equal_to_truth(bench, "greenhouse")
    [alert] = [a for a in await bench.documents("alerts") if a["kind"] == "auth_refused"]
    assert alert["integration"] == "lever"
    states = {
        row["name"]: row["state"] for row in await bench.documents("ats_integration_settings")
    }
    assert states == {"greenhouse": "active", "lever": "auth_failed", "ashby": "active"}


async def test_the_settings_documents_hold_no_secret(bench: Workbench) -> None:
    await bench.run_once()

    rows = await bench.documents("ats_integration_settings")
    secrets = {v for s in bench.simulators.values() for v in s.credentials.values()}
    assert {row["name"] for row in rows} == set(THREE)
    assert not any(secret in repr(row) for row in rows for secret in secrets)


async def test_an_ats_that_is_down_fails_alone_and_loses_nothing(bench: Workbench) -> None:
    port = int(bench.simulators["ashby"].url.rsplit(":", 1)[1].split("/")[0])
    await bench.simulators["ashby"].stop()

    code, said = await bench.run_once()

    assert code == 1
    assert "ashby" in said
    await assert_equal_to_truth(bench, "lever")

    await bench.simulators["ashby"].start(port=port)
    code, said = await bench.run_once()

    assert code == 0, said
    await assert_equal_to_truth(bench, "ashby")


async def test_a_mistake_in_the_yaml_is_shown_at_its_place_and_exits_with_2(
    bench: Workbench,
) -> None:
    bench.config.write_text("version: 1\nintegrations:\n  acme:\n    conector: lever\n")

    code, said = await bench.run_once()

    assert code == 2
    assert f"{bench.config}:4:5  integrations.acme.conector" in said
    assert 'did you mean "connector"?' in said
