"""`candidates: {mode: http}`: imports go through the Candidate Management Service, pushes as ever."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.simulator import Fault
from connectors.simulator.clearview_services import ClearViewServices
from connectors.simulator.clearview_store import InMemoryCandidates
from connectors.simulator.commands import run_command
from daemon.store.opening import open_mongo
from models.ids import application_id, candidate_id, integration_id
from tests.support.ats_sync import Workbench, workbench
from tests.support.mongo import MongoServer, TestMongo
from tests.support.mongo_candidates import MongoCandidates

pytestmark = [pytest.mark.mongo, pytest.mark.e2e]

TOKEN = "service-token-for-tests"


@pytest.fixture
def mongo(mongo: TestMongo, mongo_server: MongoServer) -> TestMongo:
    """The databases with the role of this mode: it writes no candidate and makes no collection."""
    uri = mongo_server.uri_for(mongo.database, mongo.clearview, writes_candidates=False)
    return replace(mongo, uri=uri)


@pytest.fixture
async def services(mongo: TestMongo, mongo_uri: str) -> AsyncIterator[ClearViewServices]:
    opened = await open_mongo(
        mongo_uri, database=mongo.database, clearview_database=mongo.clearview
    )
    async with ClearViewServices(token=TOKEN, store=MongoCandidates(opened)) as running:
        yield running
    await opened.close()


@pytest.fixture
async def bench(
    mongo: TestMongo, tmp_path: Path, services: ClearViewServices
) -> AsyncIterator[Workbench]:
    async with workbench(mongo, tmp_path, ["ashby", "lever"]) as opened:
        opened.write_config(
            clearview={
                "mongodb": {"database": mongo.clearview},
                "candidates": {"mode": "http", "url": services.url, "token": TOKEN},
            }
        )
        yield opened


async def statuses(bench: Workbench, name: str) -> dict[str, str]:
    rows = await bench.documents("applications", name)
    return {row["external_id"]: row["status"] for row in rows if row["deleted_at"] is None}


async def test_imports_arrive_through_the_service_and_nothing_is_sent_twice(
    bench: Workbench, services: ClearViewServices
) -> None:
    code, said = await bench.run_once()
    assert code == 0, said
    sent = len(services.requests)
    again, said = await bench.run_once()

    assert again == 0, said
    assert len(services.requests) == sent
    for name, simulator in bench.simulators.items():
        truth = simulator.truth().applications
        assert await statuses(bench, name) == {key: a["status"] for key, a in truth.items()}


async def test_a_service_that_keeps_candidates_elsewhere_follows_every_change(
    mongo: TestMongo, tmp_path: Path
) -> None:
    """Nothing of what the service holds is in the MongoDB that the daemon watches."""
    store = InMemoryCandidates()
    async with (
        ClearViewServices(token=TOKEN, store=store) as apart,
        workbench(mongo, tmp_path, ["ashby", "lever"]) as bench,
    ):
        candidates = {"mode": "http", "url": apart.url, "token": TOKEN}
        clearview = {"mongodb": {"database": mongo.clearview}, "candidates": candidates}
        bench.write_config(clearview=clearview)
        first = await bench.run_once()
        for simulator in bench.simulators.values():
            for kind in ("move", "reject", "hire", "edit_person", "new_applicant"):
                run_command(simulator, {"kind": kind})
        second = await bench.run_once()
        failed = await bench.documents("failed_records")

    assert (first[0], second[0], failed) == (0, 0, [])
    held = {row["external_id"]: row["status"] for row in store.applications.values()}
    for simulator in bench.simulators.values():
        truth = simulator.truth().applications
        assert {key: held[key] for key in truth} == {k: a["status"] for k, a in truth.items()}


async def test_a_service_that_is_down_pauses_imports_and_loses_nothing(
    bench: Workbench, services: ClearViewServices
) -> None:
    services.faults.add(Fault("error", operation="candidates", count=500, status=503))
    failed, _ = await bench.run_once()
    imported = await bench.documents("candidates")
    services.faults.clear()
    code, said = await bench.run_once()

    assert failed == 1
    assert imported == []
    assert code == 0, said
    for name, simulator in bench.simulators.items():
        truth = simulator.truth().applications
        assert await statuses(bench, name) == {key: a["status"] for key, a in truth.items()}
        log = await bench.documents("candidates_import_log", name)
        created = [row["change"] for row in log].count("created")
        assert created == len(simulator.truth().candidates)


async def test_a_status_changed_in_clearview_is_pushed_and_an_imported_one_is_not(
    bench: Workbench,
) -> None:
    code, said = await bench.run_once()
    assert code == 0, said
    simulator = bench.simulators["lever"]
    key, wanted = next(
        (k, a) for k, a in simulator.truth().applications.items() if a["status"] == "screening"
    )
    async with bench.daemon() as daemon:
        await daemon.heard("import_poll_finished")
        run_command(simulator, {"kind": "new_applicant"})
        await bench.clearview["applications"].update_one(
            {"_id": application_id(bench.id_of("lever"), key)}, {"$set": {"status": "interview"}}
        )
        await daemon.heard("status_push_ended", within=60)
        await asyncio.sleep(0)

    assert wanted["status"] == "screening"
    assert simulator.truth().applications[key]["status"] == "interview"
    assert [write.application for write in simulator.writes if write.effect] == [key]


async def test_an_erased_person_is_deleted_at_the_service_and_not_sent_again(
    mongo: TestMongo, tmp_path: Path
) -> None:
    store = InMemoryCandidates()
    async with (
        ClearViewServices(token=TOKEN, store=store) as apart,
        workbench(mongo, tmp_path, ["ashby"]) as bench,
    ):
        candidates = {"mode": "http", "url": apart.url, "token": TOKEN}
        clearview = {"mongodb": {"database": mongo.clearview}, "candidates": candidates}
        bench.write_config(clearview=clearview)
        await bench.run_once()
        person = next(iter(bench.simulators["ashby"].truth().candidates))
        config = ("--config", str(bench.config))

        erased = await bench.run("erase", "--candidate", person, *config)
        sent = len(apart.requests)
        again = await bench.run("poll", "ashby", "--sweep", *config)

        held = store.candidates[candidate_id(integration_id("ashby"), person)]
        assert (erased[0], again[0]) == (0, 0), (erased, again)
        assert held["deleted_at"] is not None
        assert len(apart.requests) == sent
