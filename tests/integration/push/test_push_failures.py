"""Failures of the ATS, and the end of the push after each."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from connectors.errors import (
    AuthRefused,
    Forbidden,
    GuardRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TokenUnavailable,
    Unavailable,
)
from daemon.core.push_decision import PushRules
from models.status import ApplicationStatus
from models.times import utc_now
from tests.support.mongo import TestMongo
from tests.support.push_ats import lost_answer
from tests.support.push_world import PushWorld, push_world

S = ApplicationStatus
pytestmark = pytest.mark.mongo
DOWN = Unavailable("connection refused")


@pytest.fixture
async def world(prepared_mongo: TestMongo) -> AsyncIterator[PushWorld]:
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview, jitter=lambda: 0.99
    ) as world:
        await world.add("a1", "a2", "a3")
        await world.settle()
        yield world


async def settle_until_quiet(world: PushWorld, *, step: timedelta = timedelta(minutes=31)) -> None:
    """Let time pass until nothing waits any more."""
    for _ in range(400):
        await world.settle()
        if not {"pending", "retrying", "in_flight"} & set(await world.states()):
            return
        world.clock.ahead += step
    raise AssertionError("pushes wait for ever")


async def test_a_failed_try_waits_on_the_stored_schedule(world: PushWorld) -> None:
    world.ats.faults.append(Unavailable("503", status=503))
    await world.set_status("a1", "interview")

    await world.settle()
    [waiting] = await world.outbox()
    await world.settle()
    before_its_time = world.ats.writes
    world.clock.ahead += timedelta(seconds=3)
    await world.settle()

    assert (waiting["state"], waiting["attempts"]) == ("retrying", 1)
    assert before_its_time == 1
    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert (await world.log())[0]["attempts"] == 2


async def test_after_a_lost_answer_the_application_is_read_before_it_is_sent_again(
    world: PushWorld,
) -> None:
    world.ats.faults_after_effect.append(lost_answer())
    await world.set_status("a1", "interview")

    await settle_until_quiet(world)

    assert world.ats.writes == 1
    [log] = await world.log()
    assert log["outcome"] == "Success"


async def test_an_hour_of_outage_ends_with_the_latest_only(world: PushWorld) -> None:
    world.ats.down = DOWN
    for status in ("screening", "interview", "offer"):
        await world.set_status("a1", status)
    await world.settle()
    world.clock.ahead += timedelta(hours=1)
    await world.settle()
    world.ats.down = None

    await settle_until_quiet(world)

    assert world.ats.order_of("a1") == [S.OFFER]
    assert sorted(await world.states()) == ["delivered", "superseded", "superseded"]
    assert len(await world.log()) == 3


async def test_an_outage_with_every_sends_them_all_in_order(prepared_mongo: TestMongo) -> None:
    rules = PushRules(coalesce="every")
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview, rules=rules
    ) as world:
        await world.add("a1")
        await world.settle()
        world.ats.down = DOWN
        for status in ("screening", "interview", "offer"):
            await world.set_status("a1", status)
        await world.settle()
        world.ats.down = None
        await settle_until_quiet(world)

        assert world.ats.order_of("a1") == [S.SCREENING, S.INTERVIEW, S.OFFER]


async def test_after_a_week_of_failures_it_is_a_dead_letter_with_an_alert(world: PushWorld) -> None:
    world.ats.down = DOWN
    await world.set_status("a1", "interview")

    await settle_until_quiet(world, step=timedelta(hours=12))

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Failed", "horizon")
    assert "dead_letters" in world.alerts.kinds


async def test_a_refusal_is_a_dead_letter_after_one_fresh_read(world: PushWorld) -> None:
    world.ats.faults.append(Rejected("422", status=422))
    await world.set_status("a1", "interview")

    await world.settle()

    assert await world.states() == ["dead"]
    assert world.ats.reads == 1
    assert (await world.log())[0]["reason"] == "refused"


async def test_a_refusal_names_an_acting_user_who_was_deactivated_meanwhile(
    world: PushWorld,
) -> None:
    world.ats.user_problem = "is deactivated at the ATS"
    world.ats.faults.append(Rejected("422", status=422))
    await world.set_status("a1", "interview")

    await world.settle()

    [log] = await world.log()
    assert log["error_message"].endswith("`acting_user` is deactivated at the ATS")


async def test_a_guard_that_refuses_an_application_that_did_not_move_is_a_refusal(
    world: PushWorld,
) -> None:
    error = GuardRefused("move: it is elsewhere", status=422, operation="move")
    error.words = "Ada Lovelace has no such reason"
    world.ats.faults.append(error)
    await world.mongo.own["candidate_snapshots"].update_one(
        {"external_id": "a1"},
        {
            "$set": {
                "candidate": {"external_id": "c-a1", "first_name": "Ada", "last_name": "Lovelace"}
            }
        },
    )
    await world.set_status("a1", "interview")

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Failed", "refused")
    assert log["error_message"].endswith("has not moved there: … … has no such reason")
    assert (world.ats.writes, world.ats.reads) == (1, 1)


async def test_404_for_a_write_is_not_gone_while_the_application_is_there(
    world: PushWorld,
) -> None:
    world.ats.faults.append(NotFound("no such stage", status=404, operation="move"))
    await world.set_status("a1", "interview")

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Failed", "refused")
    assert "answered 404 although it still has the application" in log["error_message"]


def web_page() -> OutcomeUnknown:
    return OutcomeUnknown("answered 200 with a web page", status=200)


async def test_an_answer_that_shows_no_success_is_read_back_at_once(world: PushWorld) -> None:
    world.ats.faults_after_effect.append(web_page())
    await world.set_status("a1", "interview")

    await world.settle()

    assert await world.states() == ["delivered"]
    assert (world.ats.writes, world.ats.reads) == (1, 1)


async def test_answers_that_show_no_success_open_an_alert_until_a_write_is_made(
    world: PushWorld,
) -> None:
    world.ats.faults.extend(web_page() for _ in range(3))
    for external_id in ("a1", "a2", "a3"):
        await world.set_status(external_id, "interview")

    await world.settle()
    during = (world.alerts.kinds, await world.states())
    before = world.alerts.resolved.count("integration_failing:acme:push")
    await settle_until_quiet(world)

    assert during == (["integration_failing"], ["retrying"] * 3)
    assert world.alerts.resolved.count("integration_failing:acme:push") == before + 1
    assert await world.states() == ["delivered"] * 3
    assert len(world.ats.effects) == 3


async def test_a_refusal_of_one_application_does_not_stop_the_others(world: PushWorld) -> None:
    world.ats.faults.append(Rejected("422", status=422))
    for external_id in ("a1", "a2", "a3"):
        await world.set_status(external_id, "interview")

    await world.settle()

    assert sorted(await world.states()) == ["dead", "delivered", "delivered"]


async def test_an_application_gone_at_the_ats_is_a_visible_outcome(world: PushWorld) -> None:
    del world.ats.applications["a1"]
    await world.set_status("a1", "interview")

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Failed", "gone_at_ats")


async def test_a_rate_limit_is_obeyed_and_is_no_attempt(world: PushWorld) -> None:
    until = utc_now() + timedelta(minutes=5)
    world.ats.faults.append(RateLimited("429", until=until))
    for external_id in ("a1", "a2"):
        await world.set_status(external_id, "interview")

    await world.settle()
    await world.settle()
    during = world.ats.writes
    world.clock.ahead += timedelta(minutes=6)
    await settle_until_quiet(world)

    assert during <= 2  # the second may have left before the first was refused
    assert len(world.ats.effects) == 2
    assert {row["attempts"] for row in await world.log()} == {1}


@pytest.mark.parametrize("error", [AuthRefused("401", status=401), Forbidden("403", status=403)])
async def test_a_refused_credential_pauses_and_resumes_by_itself(
    world: PushWorld, error: Exception
) -> None:
    settings = world.mongo.own["ats_integration_settings"]
    await settings.insert_one(world.settings_row())
    world.ats.down = error
    await world.set_status("a1", "interview")
    await world.settle()
    paused = await settings.find_one({})
    await world.set_status("a1", "offer")
    world.ats.down = None

    await settle_until_quiet(world)

    assert paused is not None
    assert paused["state"] == "auth_failed"
    [refused] = [c for c in world.alerts.raised if c.kind == "auth_refused"]
    assert ("lacks a permission" in refused.title) == isinstance(error, Forbidden)
    assert "auth_refused:acme" in world.alerts.resolved
    assert world.ats.order_of("a1") == [S.OFFER]
    after = await settings.find_one({})
    assert after is not None
    assert after["state"] == "active"


async def test_a_token_that_cannot_be_had_costs_no_push(world: PushWorld) -> None:
    settings = world.mongo.own["ats_integration_settings"]
    await settings.insert_one(world.settings_row())
    world.ats.down = TokenUnavailable("the token address answered 404", status=404)
    await world.set_status("a1", "interview")
    await world.settle()
    during = (await world.states(), world.alerts.kinds)
    world.ats.down = None

    await settle_until_quiet(world)

    assert during == (["retrying"], [])
    assert world.ats.order_of("a1") == [S.INTERVIEW]
    after = await settings.find_one({})
    assert after is not None
    assert after["state"] == "active"


@pytest.mark.parametrize("passed", [timedelta(hours=-1), timedelta(0), None])
async def test_a_rate_limit_without_a_moment_to_come_is_still_a_pause(
    world: PushWorld, passed: timedelta | None
) -> None:
    until = None if passed is None else utc_now() + passed
    world.ats.faults.extend(RateLimited("429", until=until) for _ in range(20))
    await world.set_status("a1", "interview")

    for _ in range(5):
        await world.settle()

    assert world.ats.writes <= 5


async def test_an_outage_that_says_how_long_gets_no_request_before(world: PushWorld) -> None:
    until = utc_now() + timedelta(minutes=20)
    world.ats.faults.append(Unavailable("503", status=503, until=until))
    await world.set_status("a1", "interview")

    await world.settle()
    [waiting] = await world.outbox()

    assert waiting["next_attempt_at"] >= until


async def test_a_paused_integration_keeps_its_pushes(world: PushWorld) -> None:
    settings = world.mongo.own["ats_integration_settings"]
    await settings.insert_one(world.settings_row() | {"state": "paused"})
    world.clock.ahead += timedelta(seconds=2)
    await world.set_status("a1", "interview")

    await world.settle()
    during = (await world.states(), world.ats.writes)
    await settings.update_one({}, {"$set": {"state": "active"}})
    world.clock.ahead += timedelta(seconds=2)
    await world.settle()

    assert during == (["pending"], 0)
    assert world.ats.order_of("a1") == [S.INTERVIEW]


async def test_an_ats_that_is_down_gets_fewer_and_fewer_requests(world: PushWorld) -> None:
    names = [f"b{i}" for i in range(30)]
    await world.add(*names)
    world.ats.down = DOWN
    for name in names:
        await world.set_status(name, "interview")
    for _ in range(20):
        await world.settle()
        world.clock.ahead += timedelta(minutes=1)
    asked = world.ats.writes
    world.ats.down = None

    await settle_until_quiet(world)

    assert asked < 20 + 16
    assert "integration_failing" in world.alerts.kinds
    assert "integration_failing:acme:push" in world.alerts.resolved
    assert len(world.ats.effects) == 30


async def test_the_first_answer_ends_what_an_earlier_process_left_open(world: PushWorld) -> None:
    await world.set_status("a1", "interview")

    await world.settle()

    assert "integration_failing:acme:push" in world.alerts.resolved


async def test_a_moved_application_is_a_conflict_that_the_ats_wins(world: PushWorld) -> None:
    world.ats.move("a1", S.OFFER)
    await world.set_status("a1", "interview")

    await world.settle()

    assert world.ats.effects == []
    [conflict] = await world.mongo.own["conflicts"].find().to_list()
    assert (conflict["base"], conflict["ats"], conflict["clearview"], conflict["winner"]) == (
        "new",
        "offer",
        "interview",
        "ats",
    )
    assert (await world.log())[0]["reason"] == "conflict"


async def test_with_clearview_wins_the_push_overrules_and_says_so(
    prepared_mongo: TestMongo,
) -> None:
    rules = PushRules(conflicts="clearview_wins")
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview, rules=rules
    ) as world:
        await world.add("a1")
        await world.settle()
        world.ats.move("a1", S.OFFER)
        await world.set_status("a1", "interview")
        await world.settle()

        assert world.ats.order_of("a1") == [S.INTERVIEW]
        [conflict] = await world.mongo.own["conflicts"].find().to_list()
        assert (conflict["ats"], conflict["winner"]) == ("offer", "clearview")


async def test_hired_against_rejected_stays_open_until_a_person_decides(world: PushWorld) -> None:
    world.ats.move("a1", S.HIRED)
    await world.set_status("a1", "rejected")
    await world.settle()
    [conflict] = await world.mongo.own["conflicts"].find().to_list()
    untouched = list(world.ats.effects)
    await world.set_status("a1", "hired")
    await world.settle()

    assert (conflict["state"], conflict["winner"]) == ("open", None)
    assert untouched == []
    assert "conflicts_open" in world.alerts.kinds
    [decided] = await world.mongo.own["conflicts"].find().to_list()
    assert decided["state"] == "resolved"


async def test_a_guard_that_refuses_leads_to_a_fresh_read(world: PushWorld) -> None:
    """The same status in another stage: no one disagrees, so the push goes on from there."""
    world.ats.applications["a1"]["stage"] = {"external_id": "st-elsewhere", "name": "Elsewhere"}
    await world.set_status("a1", "interview")

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert world.ats.reads == 1
