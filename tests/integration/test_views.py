"""Views answer the questions that operators ask, and stop nothing where they cannot be made."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from daemon.store.preparation import prepare_views, targets, view_problems
from models.documents import IntegrationSettings
from models.documents.views import CANDIDATE_TIMELINE, VIEWS
from models.ids import integration_id
from models.times import utc_now
from tests.support.mongo import TestMongo

pytestmark = pytest.mark.mongo

ACME = integration_id("acme")
CANDIDATE, APPLICATION, RUN = (UUID(int=n) for n in (1, 2, 3))
NOW = utc_now()
LONG_AGO = NOW - timedelta(days=8)


@pytest.fixture
async def acme(opened: Mongo) -> Mongo:
    """One integration, without runs."""
    settings = IntegrationSettings(
        id=ACME,
        name="acme",
        ats_name="Lever",
        connector="lever",
        api_endpoint="https://lever.example",
        api_key=None,
        created_at=NOW,
        updated_at=NOW,
    )
    await opened.own.ats_integration_settings.insert_one(
        settings.model_dump(by_alias=True, exclude={"revision_id"})
    )
    return opened


def of_acme(**fields: Any) -> dict[str, Any]:
    return {"_id": uuid4(), "ats_integration_id": ACME, **fields}


def a_run(outcome: str, started_at: Any = NOW, job: str = "import_poll") -> dict[str, Any]:
    return of_acme(job=job, outcome=outcome, started_at=started_at, finished_at=started_at)


def a_push(state: str, created_at: Any = NOW) -> dict[str, Any]:
    wanted = {"application_id": APPLICATION, "target_status": "offer", "last_error": "away"}
    return of_acme(event_id="e", sequence="1", state=state, created_at=created_at, **wanted)


async def rows(mongo: Mongo, view: str) -> list[dict[str, Any]]:
    return await mongo.own[view].find().sort("at", 1).to_list()


async def test_an_account_that_never_ran_has_a_row_of_health(acme: Mongo) -> None:
    [row] = await rows(acme, "v_integration_health")

    assert (row["name"], row["state"], row["waiting_pushes"]) == ("acme", "active", 0)
    assert "last_import" not in row
    assert row["open_alerts"] == []


async def test_health_has_the_last_run_the_last_success_and_what_waits(acme: Mongo) -> None:
    await acme.own.sync_runs.insert_many([a_run("success", LONG_AGO), a_run("failed")])
    await acme.own.status_outbox.insert_many([a_push("retrying"), a_push("dead"), a_push("dead")])
    alert = {"key": "a:acme", "kind": "a", "severity": "error", "title": "A", "message": "Act."}
    times = {"opened_at": NOW, "last_seen_at": NOW}
    await acme.own.alerts.insert_many(
        [of_acme(**alert, **times, resolved_at=end) for end in (None, NOW)]
    )

    [row] = await rows(acme, "v_integration_health")

    assert row["last_import"]["outcome"] == "failed"
    assert row["last_success_at"] == LONG_AGO
    assert (row["waiting_pushes"], row["dead_pushes"]) == (1, 2)
    assert [one["title"] for one in row["open_alerts"]] == ["A"]


async def test_failures_of_the_last_week_are_in_one_list(acme: Mongo) -> None:
    imported = {"candidate_id": CANDIDATE, "external_id": "1", "change": "created", "run_id": RUN}
    await acme.own.candidates_import_log.insert_many(
        of_acme(**imported, status=status, imported_at=at, error_message=status)
        for status, at in (("Failed", NOW), ("Success", NOW), ("Failed", LONG_AGO))
    )
    pushed = {"candidate_id": CANDIDATE, "application_id": APPLICATION, "event_id": "e"}
    await acme.own.application_status_update_log.insert_one(
        of_acme(**pushed, status="offer", outcome="Failed", attempts=1, updated_at=NOW)
    )
    period = {"period_start": LONG_AGO, "period_end": NOW, "exported_at": NOW}
    await acme.own.analytics_export_log.insert_one(of_acme(**period, status="Failed"))
    await acme.own.sync_runs.insert_many([a_run("partial"), a_run("success")])

    found = await rows(acme, "v_recent_failures")

    assert sorted(row["kind"] for row in found) == ["export", "import", "push", "run"]
    assert {row["integration"] for row in found} == {"acme"}


async def test_a_push_is_stuck_if_it_is_retried_given_up_or_a_minute_old(acme: Mongo) -> None:
    new = utc_now()
    old = new - timedelta(minutes=2)
    pushes = [("pending", new), ("retrying", new), ("dead", new), ("delivered", old)]
    pushes += [("pending", old), ("in_flight", old)]
    await acme.own.status_outbox.insert_many(a_push(*push) for push in pushes)

    found = await rows(acme, "v_stuck_pushes")

    states = sorted(row["state"] for row in found)
    assert states == ["dead", "in_flight", "pending", "retrying"]
    assert {row["last_error"] for row in found} == {"away"}
    assert max(row["age_seconds"] for row in found) >= 120


async def test_the_timeline_has_both_sides_and_reads_by_indexes_alone(acme: Mongo) -> None:
    change = {"candidate_id": CANDIDATE, "changed_at": NOW, "run_id": RUN, "origin": "ats"}
    await acme.own.candidate_changes.insert_one(of_acme(**change, path="title", old="a", new="b"))
    logged = {"candidate_id": CANDIDATE, "external_id": "1", "status": "Success", "run_id": RUN}
    await acme.own.candidates_import_log.insert_one(
        of_acme(**logged, change="updated", imported_at=LONG_AGO)
    )

    of_one = {"candidate_id": CANDIDATE}
    found = await acme.own.v_candidate_timeline.find(of_one).sort("at", 1).to_list()
    plan = await acme.own.command(
        "explain",
        {"find": CANDIDATE_TIMELINE.name, "filter": of_one},
        verbosity="queryPlanner",
        codec_options=acme.own.codec_options,
    )

    assert [(row["kind"], row["integration"]) for row in found] == [
        ("import", "acme"),
        ("change", "acme"),
    ]
    assert "COLLSCAN" not in str(plan)


async def test_a_view_of_another_version_is_brought_up_to_date(acme: Mongo) -> None:
    own, _ = targets(acme)
    changed = {"viewOn": "alerts", "pipeline": [{"$match": {"kind": "x"}}]}
    await acme.own.command({"collMod": "v_stuck_pushes", **changed})

    await prepare_views(own)

    options = {row["name"]: row["options"] async for row in await acme.own.list_collections()}
    assert list(view_problems(options)) == []
    assert {view.name for view in VIEWS} <= set(options)


async def test_a_collection_of_a_views_name_is_kept_and_reported(mongo: TestMongo) -> None:
    await mongo.db["v_stuck_pushes"].insert_one({"theirs": True})

    with capture_logs() as logged:
        opened = await open_mongo(
            mongo.uri, database=mongo.database, clearview_database=mongo.clearview
        )
        await opened.close()

    assert await mongo.db["v_stuck_pushes"].count_documents({"theirs": True}) == 1
    [event] = [one for one in logged if one["event"] == "view_not_made"]
    assert event["collection"] == "v_stuck_pushes"
