"""A status changed in ClearView arrives at the ATS: once, in order, logged, and without an echo."""

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.pushing import delivery_report
from daemon.store.outbox_admin import MongoOutboxAdmin
from models.status import ApplicationStatus
from tests.support import push_ats
from tests.support.push_world import PushWorld
from tests.support.waiting import until

S = ApplicationStatus
pytestmark = pytest.mark.mongo


async def test_a_plain_update_is_enough(world: PushWorld) -> None:
    await world.set_status("a1", "interview")

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    [log] = await world.log()
    assert (log["outcome"], log["status"], log["previous_status"]) == (
        "Success",
        "interview",
        "new",
    )
    assert (await world.snapshot("a1"))["status"] == "interview"
    assert (await world.clearview("a1"))["stage"] == {
        "external_id": "st-interview",
        "name": "Interview",
    }


async def test_a_running_daemon_sends_it_at_once(world: PushWorld) -> None:
    async with world.daemon.running():
        await world.set_status("a1", "offer")
        await world.ats.until(lambda: world.ats.order_of("a1") == [S.OFFER])

        async def logged() -> bool:
            return len(await world.log()) == 1

        await until(logged)

    assert await world.states() == ["delivered"]


async def test_of_very_many_pushes_the_log_has_numbers(
    world: PushWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_report, "FEW_AT_ONCE", 0)
    await world.set_status("a1", "interview")
    await world.set_status("a2", "offer")

    with capture_logs() as lines:
        await world.settle()

    ended = [line for line in lines if str(line["event"]).startswith("status_push")]
    assert {line["event"] for line in ended} == {"status_pushes_ended"}
    assert sum(int(line["delivered"]) for line in ended) == 2


async def test_applications_that_end_alike_are_written_alike_and_others_apart(
    world: PushWorld,
) -> None:
    await world.add("a3", "a4")
    for external_id, status in (("a1", "offer"), ("a2", "offer"), ("a3", "interview")):
        await world.set_status(external_id, status)

    await world.settle()

    for external_id, status in (("a1", "offer"), ("a2", "offer"), ("a3", "interview")):
        shown, known = await world.clearview(external_id), await world.snapshot(external_id)
        assert shown["stage"]["external_id"] == known["stage"]["external_id"] == f"st-{status}"
        assert known["status"] == status
        assert known["pushed"]["sequence"]
    assert (await world.clearview("a4"))["stage"]["external_id"] == "st-new"
    assert await world.states() == ["delivered"] * 3
    assert {row["outcome"] for row in await world.log()} == {"Success"}


async def test_a_push_is_not_pushed_again(world: PushWorld) -> None:
    await world.set_status("a1", "interview")
    await world.settle()
    await world.settle()
    world.restart()
    await world.settle()

    assert world.ats.writes == 1
    assert len(await world.log()) == 1


async def test_every_change_is_sent_in_order_while_the_ats_answers(world: PushWorld) -> None:
    for status in ("screening", "interview", "offer"):
        await world.set_status("a1", status)

    await world.settle()

    assert world.ats.order_of("a1") == [S.SCREENING, S.INTERVIEW, S.OFFER]
    assert [row["previous_status"] for row in await world.log()] == [
        "new",
        "screening",
        "interview",
    ]


async def test_there_and_back_is_two_pushes(world: PushWorld) -> None:
    await world.set_status("a1", "offer")
    await world.set_status("a1", "new")

    await world.settle()

    assert world.ats.order_of("a1") == [S.OFFER, S.NEW]


async def test_a_named_stage_is_the_target_itself(world: PushWorld) -> None:
    await world.set_status("a1", "interview", stage__name="Onsite")

    await world.settle()

    assert [effect.stage for effect in world.ats.effects] == ["st-onsite"]
    assert (await world.clearview("a1"))["stage"] == {"external_id": "st-onsite", "name": "Onsite"}
    assert len(await world.log()) == 1


async def test_the_status_follows_a_stage_named_alone(world: PushWorld) -> None:
    row = {"stage.name": "Interview"}
    await world.mongo.clearview["applications"].update_one(
        {"_id": world.id_of("a1")}, {"$set": row}
    )

    await world.settle()
    await world.settle()

    assert [effect.stage for effect in world.ats.effects] == ["st-interview"]
    shown, snapshot = await world.clearview("a1"), await world.snapshot("a1")
    assert shown["status"] == snapshot["status"] == "interview"
    assert shown["stage"] == {"external_id": "st-interview", "name": "Interview"}


async def test_the_reason_goes_when_the_rejection_is_taken_back(world: PushWorld) -> None:
    await world.set_status("a1", "rejected", rejection_reason="Not a fit")
    await world.settle()
    await world.set_status("a1", "interview")

    await world.settle()
    await world.settle()

    assert (await world.clearview("a1"))["rejection_reason"] is None
    assert world.ats.order_of("a1") == [S.REJECTED, S.INTERVIEW]
    assert len(await world.log()) == 2


async def test_a_replace_without_an_update_description_counts(world: PushWorld) -> None:
    row: dict[str, Any] = dict(await world.clearview("a1"))
    row["status"] = "assessment"
    await world.mongo.clearview["applications"].replace_one({"_id": row["_id"]}, row)

    await world.settle()

    assert world.ats.order_of("a1") == [S.ASSESSMENT]


async def test_an_import_is_no_event(world: PushWorld) -> None:
    world.ats.move("a1", S.OFFER)
    await world.imported("a1", S.OFFER)

    await world.settle()

    assert await world.outbox() == []
    assert world.ats.writes == 0


async def test_a_status_that_the_ats_cannot_hold_is_a_visible_outcome(world: PushWorld) -> None:
    await world.set_status("a1", "background_check")

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Skipped", "impossible")


async def test_an_impossible_push_is_made_once_its_cause_is_corrected_and_it_is_replayed(
    world: PushWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.set_status("a1", "background_check")
    await world.settle()
    [row] = await world.outbox()
    checks = {"external_id": "st-checks", "name": "Checks"}
    monkeypatch.setattr(push_ats, "STAGES", {**push_ats.STAGES, S.BACKGROUND_CHECK: checks})

    ruling = await MongoOutboxAdmin(world.mongo, world.clock).replay(row["_id"])
    await world.settle()

    assert ruling.refusal is None
    assert world.ats.order_of("a1") == [S.BACKGROUND_CHECK]
    assert sorted(log["outcome"] for log in await world.log()) == ["Skipped", "Success"]


async def test_a_word_that_is_no_status_is_a_dead_letter(world: PushWorld) -> None:
    await world.set_status("a1", "bogus")

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"], log["status"]) == ("Failed", "not_canonical", "bogus")


async def test_one_fault_of_each_kind_ends_in_one_effect(world: PushWorld) -> None:
    from tests.support.push_ats import lost_answer

    world.ats.faults_after_effect.append(lost_answer())
    await world.set_status("a1", "interview")

    await world.settle()
    world.clock.ahead += timedelta(seconds=1)
    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert await world.states() == ["delivered"]
    assert world.ats.writes == 1
