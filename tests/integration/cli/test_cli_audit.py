"""`audit_log`: each action of a command leaves a row with who, what, before and after."""

from typing import Any

import pytest

from daemon.store.connection import Mongo
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import (
    a_candidate,
    a_dead_push,
    an_alert,
    an_integration,
)

pytestmark = pytest.mark.mongo
PUSHES = [a_dead_push("acme", name) for name in ("a1", "a2")]
ADA = a_candidate("acme", "c7730001", first_name="Canary", emails=[{"value": "canary@example.org"}])


async def seed(mongo: Mongo) -> None:
    await mongo.own.ats_integration_settings.insert_one(an_integration("acme"))
    await mongo.own.status_outbox.insert_many(PUSHES)
    await mongo.own.alerts.insert_one(an_alert("acme"))
    await mongo.clearview.candidates.insert_one(ADA)


async def rows(mongo: Mongo) -> list[dict[str, Any]]:
    return await mongo.own.audit_log.find().sort("at", 1).to_list()


REPLAYED, DROPPED = (str(push["_id"]) for push in PUSHES)
ACTIONS: list[tuple[tuple[str, ...], str, str, Any, Any]] = [
    (
        ("integrations", "pause", "acme", "--reason", "Canary left"),
        "integration.pause",
        "acme",
        {"state": "active"},
        {"state": "paused"},
    ),
    (
        ("integrations", "resume", "acme"),
        "integration.resume",
        "acme",
        {"state": "paused"},
        {"state": "active"},
    ),
    (
        ("outbox", "replay", REPLAYED),
        "outbox.replay",
        REPLAYED,
        {"state": "dead"},
        {"state": "retrying"},
    ),
    (
        ("outbox", "drop", DROPPED, "--yes"),
        "outbox.drop",
        DROPPED,
        {"state": "dead"},
        {"state": "skipped"},
    ),
    (("alerts", "unmute", "acme"), "alert.unmute", "acme", None, None),
]


def test_every_action_leaves_a_row_and_what_only_looks_leaves_none(world: CommandWorld) -> None:
    world.store(seed)
    for words, *_ in ACTIONS:
        world.ats_sync(*words)
    looking = (("status",), ("outbox", "list"), ("alerts", "list"), ("integrations", "list"))
    for words in looking:
        assert world.ats_sync(*words).code == 0
    found = world.store(rows)

    expected = [(action, subject, b, a) for _, action, subject, b, a in ACTIONS]
    assert [(r["action"], r["subject"], r["before"], r["after"]) for r in found] == expected
    assert {row["via"] for row in found} == {"cli"}
    assert all("@" in row["actor"] for row in found)


def test_a_mute_is_written_down_with_its_end(world: CommandWorld) -> None:
    world.store(seed)

    world.ats_sync("alerts", "mute", "acme", "--for", "1h")
    [row] = world.store(rows)

    assert (row["action"], row["before"]) == ("alert.mute", None)
    assert row["after"]["until"] > row["at"]


def test_an_action_that_is_refused_leaves_no_row(world: CommandWorld) -> None:
    world.store(seed)

    world.ats_sync("integrations", "pause", "nothing")
    world.ats_sync("outbox", "drop", str(ADA["_id"]), "--yes")

    assert world.store(rows) == []


def test_an_erasure_and_an_export_are_written_down_without_the_person(world: CommandWorld) -> None:
    world.store(seed)

    world.ats_sync("export-person", "--candidate", "c7730001")
    receipt = world.ats_sync("erase", "--candidate", "c7730001", "--json").json["receipt"]
    world.ats_sync("erase", "--candidate", "c7730001")
    found = world.store(rows)

    assert [row["action"] for row in found] == ["person.export", "person.erase"]
    assert {row["subject"] for row in found} == {receipt}
    assert found[1]["after"] == {"reason": "request", "candidates": 1, "counts": {"candidates": 1}}
    assert "7730001" not in repr(found)
    assert str(ADA["_id"]) not in repr(found)
