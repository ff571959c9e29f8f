"""`ats-sync alerts` on real documents."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.store.connection import Mongo
from models.times import utc_now
from tests.support.command_line import CommandWorld
from tests.support.sample_rows import NOW, an_alert, an_integration

pytestmark = pytest.mark.mongo
ACME = an_alert("acme")
BETA = an_alert("beta", resolved_at=NOW)


async def seed(mongo: Mongo) -> None:
    await mongo.own.ats_integration_settings.insert_many(
        [an_integration("acme"), an_integration("beta")]
    )
    await mongo.own.alerts.insert_many([ACME, BETA])


async def muted(mongo: Mongo) -> dict[str, Any]:
    return {row["key"]: row["muted_until"] for row in await mongo.own.alerts.find().to_list()}


@pytest.fixture
def seeded(world: CommandWorld) -> CommandWorld:
    world.store(seed)
    return world


def test_open_alerts_are_listed_and_with_all_the_resolved_ones_too(seeded: CommandWorld) -> None:
    shown = seeded.ats_sync("alerts", "list").out
    everything = seeded.ats_sync("alerts", "list", "--all").out
    found = seeded.ats_sync("alerts", "list", "--all", "--json").json

    assert "auth_refused:acme" in shown
    assert "Renew the key." in shown
    assert "beta" not in shown
    assert "auth_refused:beta" in everything
    assert [alert["key"] for alert in found["alerts"]] == ["auth_refused:acme", "auth_refused:beta"]
    assert found["mutes"] == []


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("acme", "acme"),
        ("auth_refused", "auth_refused"),
        ("auth_refused:acme", "auth_refused:acme"),
        (ACME["_id"], "auth_refused:acme"),
    ],
)
def test_an_integration_a_kind_a_key_or_an_id_is_muted_and_unmuted(
    seeded: CommandWorld, what: object, named: str
) -> None:
    mute = seeded.ats_sync("alerts", "mute", what, "--for", "2h")
    during = seeded.store(muted)
    found = seeded.ats_sync("alerts", "list", "--json").json
    status = seeded.ats_sync("status").out
    unmute = seeded.ats_sync("alerts", "unmute", what)
    after = seeded.store(muted)
    again = seeded.ats_sync("alerts", "unmute", what)

    assert mute.code == 0
    assert mute.out.startswith(f"{named} is muted until ")
    assert mute.out.endswith(" UTC; 1 open.\n")
    assert timedelta(hours=1) < during["auth_refused:acme"] - utc_now() <= timedelta(hours=2)
    assert during["auth_refused:beta"] is None
    assert [mute["what"] for mute in found["mutes"]] == [named]
    assert "muted until" in status
    assert (unmute.code, unmute.out) == (0, f"{named} is not muted any more.\n")
    assert after["auth_refused:acme"] is None
    assert (again.code, "is not muted" in again.err) == (1, True)


def test_what_is_not_open_is_muted_before_a_planned_maintenance(seeded: CommandWorld) -> None:
    moment = f"{utc_now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    answers = [
        seeded.ats_sync("alerts", "mute", what, "--until", moment)
        for what in ("beta", "integration_failing:acme", "stream_position_lost")
    ]
    listed = seeded.ats_sync("alerts", "list")

    assert [answer.code for answer in answers] == [0, 0, 0]
    assert [answer.out.endswith("0 open.\n") for answer in answers] == [True] * 3
    assert "beta" in listed.out
    assert max(map(len, listed.out.splitlines())) <= 100


def test_a_wider_mute_that_goes_on_is_named_when_a_narrower_one_ends(seeded: CommandWorld) -> None:
    for what in ("acme", "auth_refused:acme"):
        seeded.ats_sync("alerts", "mute", what, "--for", "2h")
    answer = seeded.ats_sync("alerts", "unmute", "auth_refused:acme")

    assert "a wider mute covers it until" in answer.out
    assert seeded.store(muted)["auth_refused:acme"] is not None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["acne", "--for", "2h"], 'did you mean "acme"?'),
        (["auth_refusd", "--for", "2h"], 'did you mean "auth_refused"?'),
        (["auth_refused:acne", "--for", "2h"], 'did you mean "acme"?'),
        (["acme"], "give one of"),
        (["acme", "--for", "2h", "--until", "2099-01-01T00:00:00Z"], "give one of"),
        (["acme", "--for", "2"], "the unit is missing"),
        (["acme", "--until", "2020-01-01T00:00:00Z"], "in the future"),
    ],
)
def test_a_typing_error_mutes_nothing(seeded: CommandWorld, words: list[str], reason: str) -> None:
    answer = seeded.ats_sync("alerts", "mute", *words)
    found = seeded.ats_sync("alerts", "list", "--json").json

    assert (answer.code, reason in answer.err) == (2, True)
    assert found["mutes"] == []
