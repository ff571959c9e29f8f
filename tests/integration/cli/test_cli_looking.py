"""Commands that look into MongoDB, on real documents."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from daemon.store.connection import Mongo
from models.ids import integration_id
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import (
    NOW,
    a_candidate,
    a_dead_push,
    a_log_row,
    a_queued_file,
    a_run,
    an_alert,
    an_application,
    an_integration,
)

pytestmark = pytest.mark.mongo
ADA = a_candidate("acme", "c1")


def a_change(**changes: Any) -> dict[str, Any]:
    return {
        "_id": uuid4(),
        "ats_integration_id": integration_id("acme"),
        "candidate_id": ADA["_id"],
        "application_id": None,
        "changed_at": NOW,
        "run_id": uuid4(),
        "path": "title",
        "old": "Engineer",
        "new": "Staff Engineer",
        "origin": "ats",
    } | changes


async def seed(mongo: Mongo) -> None:
    dead = a_dead_push("acme", "a1")
    await mongo.own.ats_integration_settings.insert_many(
        [an_integration("acme"), an_integration("beta", state="paused", state_reason="audit")]
    )
    await mongo.own.sync_runs.insert_one(
        a_run("acme", outcome="failed", error_message="Unavailable: 503")
    )
    health = {"polled_at": NOW, "gap_at": NOW, "healthy": False}
    await mongo.own.checkpoints.insert_one(
        {"_id": "poll:acme", "value": {"webhooks": health}, "fence": 1, "updated_at": NOW}
    )
    await mongo.own.checkpoints.insert_one(
        {"_id": "events:http:https://h.example", "value": {"at": NOW}, "updated_at": NOW}
    )
    await mongo.own.alerts.insert_one(an_alert("acme"))
    await mongo.own.status_outbox.insert_one(dead)
    await mongo.own.application_status_update_log.insert_one(a_log_row(dead))
    await mongo.own.candidate_changes.insert_one(a_change())
    await mongo.own.candidates_import_log.insert_one(
        {
            "_id": uuid4(),
            "ats_integration_id": integration_id("acme"),
            "candidate_id": ADA["_id"],
            "external_id": "c1",
            "imported_at": NOW - timedelta(days=1),
            "status": "Success",
            "change": "created",
            "changed_fields": [],
            "run_id": uuid4(),
        }
    )
    await mongo.clearview.candidates.insert_many([ADA, a_candidate("beta", "c1")])
    await mongo.clearview.applications.insert_one(an_application("acme", "a1", ADA["_id"]))


def test_looking_at_what_is_stored(world: CommandWorld) -> None:
    """One world for all that only reads: status, integrations, history and the outbox."""
    world.store(seed)

    status = world.ats_sync("status")
    assert status.code == 0
    for shown in ("acme", "paused: audit", "Unavailable: 503", "1 dead", "acme: login refused"):
        assert shown in status.out
    assert "acme: webhooks are not relied on (a gap was found" in status.out
    assert "Events to http:https://h.example: confirmed until" in status.out
    assert max(map(len, status.out.splitlines())) <= 100
    assert "Ada" not in status.out

    picture = world.ats_sync("status", "--json").json
    assert [one["name"] for one in picture["integrations"]] == ["acme", "beta"]
    assert picture["outbox"] == {"dead": 1}
    assert picture["at"].endswith("Z")

    listed = world.ats_sync("integrations", "list")
    assert "beta" in listed.out
    assert "audit" in listed.out

    by_id = world.ats_sync("history", ADA["_id"]).out
    by_external_id = world.ats_sync("history", "c1", "--integration", "acme").out
    assert by_id == by_external_id
    for shown in (
        "Ada Byron",
        "Engineer: interview (Onsite)",
        "import Success: created",
        "title: Engineer -> Staff Engineer",
        "push Failed: screening -> interview",
    ):
        assert shown in by_id
    assert by_id.index("import Success") < by_id.index("title: Engineer")

    events = world.ats_sync("history", ADA["_id"], "--json").json["events"]
    assert [event["kind"] for event in events] == ["import", "change", "status_update"]

    ambiguous = world.ats_sync("history", "c1")
    assert ambiguous.code == 1
    assert "acme, beta" in ambiguous.err
    assert "--integration" in ambiguous.err

    unknown = world.ats_sync("history", "nobody")
    assert unknown.code == 1
    assert "nothing is recorded" in unknown.err

    outbox = world.ats_sync("outbox", "list", "--state", "dead")
    assert "screening -> interview" in outbox.out
    assert "1 of 1 pushes" in outbox.out
    assert world.ats_sync("outbox", "list", "--older-than", "3650d").out.endswith(
        "0 of 0 pushes.\n"
    )


def test_for_an_empty_database_it_is_said_what_to_do(world: CommandWorld) -> None:
    status = world.ats_sync("status")
    listed = world.ats_sync("integrations", "list")

    assert status.code == listed.code == 0
    assert "ats-sync run" in status.out
    assert "ats-sync run" in listed.out
    assert world.ats_sync("outbox", "list").out.endswith("0 of 0 pushes.\n")


def test_pause_and_resume(world: CommandWorld) -> None:
    async def states(mongo: Mongo) -> dict[str, tuple[str, str | None]]:
        rows = await mongo.own.ats_integration_settings.find().to_list()
        return {row["name"]: (row["state"], row["state_reason"]) for row in rows}

    world.store(seed)

    paused = world.ats_sync("integrations", "pause", "acme", "--reason", "vendor maintenance")
    after_pause = world.store(states)
    resumed = world.ats_sync("integrations", "resume", "acme")
    after_resume = world.store(states)
    misspelt = world.ats_sync("integrations", "pause", "acm")
    assert (paused.code, resumed.code) == (0, 0)
    assert after_pause["acme"] == ("paused", "vendor maintenance")
    assert after_resume["acme"] == ("active", None)
    assert misspelt.code == 2
    assert 'did you mean "acme"?' in misspelt.err


@pytest.mark.parametrize(
    "command",
    [
        "outbox list",
        "outbox replay --all --yes",
        "outbox drop --all --yes",
        "alerts list",
        "attachments list",
        "attachments retry",
        "history c1",
    ],
)
def test_a_misspelt_integration_is_wrong_usage_and_no_empty_answer(
    world: CommandWorld, command: str
) -> None:
    world.store(seed)

    said = world.ats_sync(*command.split(), "--integration", "acm")

    assert (said.code, said.out) == (2, "")
    assert 'no integration is named "acm" (did you mean "acme"?)' in said.err


def test_replay_and_drop(world: CommandWorld) -> None:
    dead = [a_dead_push("acme", f"a{n}") for n in range(3)]
    sent = a_dead_push("acme", "a9", state="delivered")

    async def insert(mongo: Mongo) -> None:
        await mongo.own.status_outbox.insert_many([*dead, sent])

    async def states(mongo: Mongo) -> list[str]:
        rows = await mongo.own.status_outbox.find({}, sort=[("event_id", 1)]).to_list()
        return [row["state"] for row in rows]

    async def outcomes(mongo: Mongo) -> list[tuple[str, str]]:
        rows = await mongo.own.application_status_update_log.find().to_list()
        return [(row["outcome"], row["reason"]) for row in rows]

    world.store(insert)

    shown = world.ats_sync("outbox", "replay", "--all")
    assert (shown.code, "Nothing was changed" in shown.out) == (0, True)
    assert world.store(states) == ["dead", "dead", "dead", "delivered"]

    one = world.ats_sync("outbox", "replay", dead[0]["_id"])
    assert (one.code, world.store(states)[0]) == (0, "retrying")

    dry = world.ats_sync("outbox", "drop", dead[1]["_id"])
    assert "would be dropped" in dry.out
    assert world.store(states)[1] == "dead"

    dropped = world.ats_sync("outbox", "drop", dead[1]["_id"], "--yes")
    assert dropped.code == 0
    assert world.store(states) == ["retrying", "skipped", "dead", "delivered"]
    assert world.store(outcomes) == [("Skipped", "dropped")]

    refused = world.ats_sync("outbox", "drop", sent["_id"], dead[2]["_id"], "--yes")
    assert refused.code == 1
    assert "has ended already" in refused.err
    assert world.store(states) == ["retrying", "skipped", "skipped", "delivered"]

    rest = world.ats_sync("outbox", "replay", "--all", "--yes")
    assert (rest.code, "0 due again" in rest.out) == (0, True)


def test_one_push_is_shown_as_json(world: CommandWorld) -> None:
    world.store(seed)
    entry = world.ats_sync("outbox", "list", "--json").json[0]["_id"]

    found = world.ats_sync("outbox", "show", entry).json
    missing = world.ats_sync("outbox", "show", uuid4())
    assert found["push"]["state"] == "dead"
    assert [row["outcome"] for row in found["log"]] == ["Failed"]
    assert (missing.code, "no push has this id" in missing.err) == (1, True)


async def seed_files(mongo: Mongo) -> None:
    await mongo.own.ats_integration_settings.insert_one(an_integration("beta"))
    await mongo.own.attachments_queue.insert_many(
        [
            a_queued_file("acme", "f1", state="dead", last_error="Misdirected: elsewhere"),
            a_queued_file("acme", "f2", state="fetched", size=2048),
            a_queued_file("beta", "f3", state="retrying", attempts=3),
        ]
    )


def test_files_are_listed_without_their_names_and_are_due_again(world: CommandWorld) -> None:
    world.store(seed_files)
    listed = world.ats_sync("attachments", "list", "--state", "dead")
    every = world.ats_sync("attachments", "list", "--json").json
    refused = world.ats_sync("attachments", "list", "--state", "deaf")
    nothing = world.ats_sync("attachments", "retry")
    retried = world.ats_sync("attachments", "retry", "--dead")
    unknown = world.ats_sync("attachments", "retry", str(uuid4()))
    others = world.ats_sync("attachments", "retry", "--integration", "beta")
    after = {
        row["external_id"]: row for row in world.ats_sync("attachments", "list", "--json").json
    }

    assert "Misdirected: elsewhere" in listed.out
    assert "1 of 1 files." in listed.out
    assert len(every) == 3
    assert (refused.code, nothing.code, unknown.code) == (2, 2, 1)
    assert 'did you mean "dead"?' in refused.err
    assert "1 files are due again." in retried.out
    assert "1 files are due again." in others.out
    assert {key: row["state"] for key, row in after.items()} == {
        "f1": "pending",
        "f2": "fetched",
        "f3": "pending",
    }
    assert (after["f1"]["last_error"], after["f3"]["attempts"]) == (None, 0)
