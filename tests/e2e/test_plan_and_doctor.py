"""`plan` and `doctor`: what would be done and what is wrong, shown by commands that do nothing."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import TestMongo

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]
ODD = "Coffee with the founder"
"""A stage that no rule knows."""


@pytest.fixture
async def bench(mongo: TestMongo, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, names=["lever"]) as opened:
        stages = opened.simulators["lever"].world.stages
        renamed = {n: replace(s, name=ODD) for n, s in stages.items() if s.name == "Assessment"}
        stages.update(renamed)
        code, said = await opened.run_once()
        assert code == 0, said
        yield opened


async def answer_of(bench: Workbench, *words: str) -> Any:
    code, said = await bench.run(*words, "--json", "--config", str(bench.config))
    assert code == 0, said
    return json.loads(said)


async def test_doctor_names_stages_without_a_status_and_statuses_without_a_stage(
    bench: Workbench,
) -> None:
    query = {"stage.name": ODD, "deleted_at": None}
    applications = await bench.clearview["applications"].count_documents(query)

    words = [
        each["words"] for each in await answer_of(bench, "doctor") if each["subject"] == "lever"
    ]

    assert applications > 0
    assert (
        f"1 stages unmapped, {applications} applications: {ODD}; "
        "add them under integrations.lever.statuses"
    ) in words
    assert any(w.startswith("no stage for ") and "assessment" in w for w in words)


async def test_plan_shows_the_exact_request_of_a_change_that_no_one_has_read_yet(
    bench: Workbench,
) -> None:
    applications = bench.clearview["applications"]
    row = await applications.find_one({"status": "screening", "deleted_at": None})
    assert row is not None
    await applications.update_one({"_id": row["_id"]}, {"$set": {"status": "offer"}})
    before = await bench.own["status_outbox"].find().to_list()

    [push] = (await answer_of(bench, "plan", "lever"))["pushes"]
    _, said = await bench.run("plan", "lever", "--config", str(bench.config))
    await bench.run_once()

    [request] = push["requests"]
    assert (push["application"], push["status"]) == (row["external_id"], "offer")
    assert request["method"] == "PUT"
    assert request["url"].endswith(f"/opportunities/{row['external_id']}/stage")
    assert f"{request['url']}?perform_as=" in said
    assert '{"stage":"offer"}' in said
    assert before == []
    ats = bench.simulators["lever"].truth().applications[row["external_id"]]
    assert ats["status"] == "offer"


async def test_plan_shows_what_waits_in_the_outbox_once(bench: Workbench) -> None:
    applications = bench.clearview["applications"]
    await bench.run("integrations", "pause", "lever", "--config", str(bench.config))
    row = await applications.find_one({"status": "screening", "deleted_at": None})
    assert row is not None
    await applications.update_one({"_id": row["_id"]}, {"$set": {"status": "offer"}})
    await bench.run_once()

    [push] = (await answer_of(bench, "plan", "lever"))["pushes"]
    [waiting] = await bench.own["status_outbox"].find().to_list()

    assert push["state"] == waiting["state"] == "pending"
    assert push["application"] == row["external_id"]
