"""The stream's position: kept while idle, checked when it opens, repaired loudly when it is lost."""

import asyncio
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from connectors.errors import Unavailable
from daemon.core.push_decision import PushRules
from daemon.core.status_events import EventBatch, PositionLost, StatusEvent
from daemon.core.stream_recovery import RecoveryRule
from daemon.jobs.status_intake import IntakeTimes
from daemon.ports.streams import OpenStream
from daemon.pushing.stream_checkpoint import STREAM_KEY
from daemon.store.connection import Mongo
from models.status import ApplicationStatus
from tests.support.mongo import TestMongo
from tests.support.push_world import PushWorld, push_world
from tests.support.waiting import until

S = ApplicationStatus
pytestmark = pytest.mark.mongo


async def stored_checkpoint(world: PushWorld) -> dict[str, Any]:
    row = await world.mongo.own["checkpoints"].find_one({"_id": STREAM_KEY})
    assert row is not None
    return dict(row["value"])


async def spoil_checkpoint(world: PushWorld, **fields: Any) -> None:
    changes = {f"value.{key}": value for key, value in fields.items()}
    await world.mongo.own["checkpoints"].update_one({"_id": STREAM_KEY}, {"$set": changes})
    world.restart()


async def test_a_change_before_the_very_first_start_is_sent(prepared_mongo: TestMongo) -> None:
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview
    ) as world:
        await world.add("a1")
        await world.set_status("a1", "interview")

        await world.settle()

        assert world.ats.order_of("a1") == [S.INTERVIEW]
        assert world.alerts.kinds == []


async def test_the_position_moves_on_while_nothing_happens(world: PushWorld) -> None:
    before = await stored_checkpoint(world)
    async with world.daemon.running():
        await world.mongo.clearview["candidates"].insert_one({"first_name": "x"})

        async def moved() -> bool:
            world.clock.ahead += world.daemon.intake._times.reopen_after * 200
            return bool((await stored_checkpoint(world))["token"] != before["token"])

        await until(moved)

    assert await world.outbox() == []


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param({"token": {"_data": "garbage"}}, id="garbage"),
        pytest.param({"token": {"_data": 12}}, id="not-a-token"),
        pytest.param({"token": {"_data": "82" + "7FFFFFFF" + "0" * 40}}, id="from-the-future"),
        pytest.param({"origin": "of another cluster"}, id="another-collection"),
        pytest.param({"pipeline": "older"}, id="another-pipeline"),
    ],
)
async def test_a_position_that_cannot_be_used_is_repaired_loudly(
    world: PushWorld, spoiled: dict[str, Any]
) -> None:
    await world.set_status("a1", "interview")
    await spoil_checkpoint(world, **spoiled)

    await world.settle()
    await world.set_status("a2", "offer")
    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert world.ats.order_of("a2") == [S.OFFER]
    [alert] = world.alerts.raised
    assert alert.kind.value == "stream_position_lost"
    assert alert.details["repaired"] == 1
    assert (await stored_checkpoint(world))["repair"] is None


def losing_its_position(world: PushWorld, opened: list[float]) -> None:
    """From now on each stream that is opened loses its position with the first read."""
    source = world.daemon.intake._ports.source
    open_stream = source.open

    async def open_and_lose(token: Any, *, epoch: int) -> OpenStream[StatusEvent]:
        stream = await open_stream(token, epoch=epoch)
        opened.append(asyncio.get_running_loop().time())

        async def lose() -> EventBatch[StatusEvent]:
            raise PositionLost("its history is gone")

        stream.next_batch = lose  # type: ignore[method-assign]
        return stream

    source.open = open_and_lose  # type: ignore[method-assign]


def is_last(world: PushWorld, status: S) -> bool:
    return world.ats.order_of("a1")[-1:] == [status]


async def test_a_position_that_is_lost_again_and_again_is_compared_less_and_less_often(
    world: PushWorld,
) -> None:
    rule = RecoveryRule(timedelta(milliseconds=10), timedelta(milliseconds=400))
    world.daemon.intake._times = IntakeTimes(recoveries=rule)
    opened: list[float] = []
    losing_its_position(world, opened)
    async with world.daemon.running():
        for status in ("screening", "interview", "offer"):
            await world.set_status("a1", status)
            await world.ats.until(partial(is_last, world, S(status)))
        await until(lambda: _have(len(opened) >= 6))
    pauses = [later - earlier for earlier, later in pairwise(opened)]

    assert world.ats.order_of("a1") == [S.SCREENING, S.INTERVIEW, S.OFFER]
    assert pauses[2] >= 0.16
    assert all(pause >= 0.4 for pause in pauses[3:])
    assert (await stored_checkpoint(world))["losses"] >= 5
    assert world.alerts.raised[-1].severity == "critical"
    assert "times in a row" in world.alerts.raised[-1].message


async def test_a_minute_of_reading_makes_earlier_losses_history(world: PushWorld) -> None:
    await spoil_checkpoint(world, losses=7)
    async with world.daemon.running():

        async def forgotten() -> bool:
            world.clock.ahead += timedelta(seconds=61)
            return (await stored_checkpoint(world))["losses"] == 0

        await until(forgotten)

    assert {"stream_position_lost", "stream_position_lost:again"} <= set(world.alerts.resolved)


async def _have(reached: bool) -> bool:
    return reached


async def test_a_repair_that_was_cut_off_is_done_again(world: PushWorld) -> None:
    await world.set_status("a1", "interview")
    place = await stored_checkpoint(world)
    await world.settle()
    await spoil_checkpoint(world, repair="cut off", epoch=place["epoch"] + 1)

    await world.settle()
    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]


async def test_events_read_twice_are_one_push_and_one_log_document(world: PushWorld) -> None:
    before = await stored_checkpoint(world)
    await world.set_status("a1", "interview")
    await world.set_status("a2", "bogus")
    await world.settle()
    await spoil_checkpoint(world, token=before["token"])

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]
    assert len(await world.outbox()) == 2
    assert len(await world.log()) == 2


async def test_a_dropped_and_a_replaced_collection_are_compared_again(
    world: PushWorld, unrestricted: Mongo
) -> None:
    applications = unrestricted.clearview["applications"]
    rows = await applications.find().to_list()
    async with world.daemon.running():
        staged = unrestricted.clearview["staged"]
        for row in rows:
            row["status"] = "interview"
        await staged.insert_many(rows)
        await applications.drop()
        await staged.rename("applications")
        await world.ats.until(lambda: len(world.ats.effects) == 2)

    assert "stream_position_lost" in world.alerts.kinds


async def test_a_dropped_database_does_not_stop_the_intake(
    world: PushWorld, unrestricted: Mongo
) -> None:
    rows = await world.mongo.clearview["applications"].find().to_list()
    async with world.daemon.running():
        await unrestricted.client.drop_database(unrestricted.clearview_database)
        await world.mongo.clearview["applications"].insert_many(rows)
        await world.set_status("a1", "offer")
        await world.ats.until(lambda: world.ats.order_of("a1") == [S.OFFER])


async def test_a_transaction_of_several_changes_is_pushed_in_its_order(world: PushWorld) -> None:
    applications = world.mongo.clearview["applications"]
    async with (
        world.mongo.clearview_client.start_session() as session,
        await session.start_transaction(),
    ):
        for status in ("screening", "interview"):
            await applications.update_one(
                {"_id": world.id_of("a1")}, {"$set": {"status": status}}, session=session
            )

    await world.settle()

    assert world.ats.order_of("a1") == [S.SCREENING, S.INTERVIEW]


async def test_a_write_that_changes_nothing_is_no_event(world: PushWorld) -> None:
    await world.set_status("a1", "new")

    await world.settle()

    assert await world.outbox() == []


async def test_a_huge_document_does_not_poison_the_stream(world: PushWorld) -> None:
    await world.mongo.clearview["applications"].update_one(
        {"_id": world.id_of("a1")},
        {"$set": {"status": "interview", "custom_fields.blob": "x" * 12_000_000}},
    )

    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]


async def test_deleted_in_clearview_before_it_was_read_is_a_visible_outcome(
    world: PushWorld,
) -> None:
    await world.set_status("a1", "interview")
    await world.mongo.clearview["applications"].delete_one({"_id": world.id_of("a1")})

    await world.settle()

    [log] = await world.log()
    assert (log["outcome"], log["reason"]) == ("Skipped", "unknown_integration")


async def test_an_application_that_the_ats_does_not_know_is_a_visible_outcome(
    world: PushWorld,
) -> None:
    await world.mongo.own["candidate_snapshots"].delete_one({"external_id": "a1"})
    await world.set_status("a1", "interview")
    await world.settle()

    assert [(log["outcome"], log["reason"]) for log in await world.log()] == [
        ("Skipped", "not_at_ats")
    ]
    assert world.ats.writes == 0


async def test_an_application_that_is_inserted_with_another_status_is_a_change(
    world: PushWorld,
) -> None:
    row = await world.mongo.clearview["applications"].find_one_and_delete(
        {"_id": world.id_of("a1")}
    )
    fresh = {**(row or {}), "status": "interview", "import_id": None}
    await world.mongo.clearview["applications"].insert_one(fresh)
    await world.settle()

    assert world.ats.order_of("a1") == [S.INTERVIEW]


async def test_every_event_ends_as_delivered_skipped_superseded_or_dead(world: PushWorld) -> None:
    world.ats.down = Unavailable("503", status=503)
    for status in ("screening", "interview", "offer"):
        await world.set_status("a1", status)
    await world.set_status("a2", "bogus")
    await world.settle()
    world.ats.down = None
    world.clock.ahead += timedelta(hours=1)
    await world.settle()
    await world.set_status("a2", "new")
    await world.settle()

    states = sorted(row["state"] for row in await world.outbox())
    assert states == ["dead", "delivered", "skipped", "superseded", "superseded"]
    assert len(await world.log()) == len(states)


async def test_a_disabled_push_is_a_visible_outcome(prepared_mongo: TestMongo) -> None:
    rules = PushRules(enabled=False)
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview, rules=rules
    ) as world:
        await world.add("a1")
        await world.settle()
        await world.set_status("a1", "interview")
        await world.settle()

        assert [log["reason"] for log in await world.log()] == ["push_disabled"]
        assert world.ats.writes == 0


async def test_the_hourly_comparison_finds_what_no_event_reported(world: PushWorld) -> None:
    world.daemon.intake._times = IntakeTimes(repair_every=IntakeTimes().reopen_after)
    async with world.daemon.running():
        await world.mongo.clearview["applications"].update_one(
            {"_id": world.id_of("a1")}, {"$set": {"status": "offer", "import_id": uuid4()}}
        )
        await world.ats.until(lambda: world.ats.order_of("a1") == [S.OFFER])

    assert world.daemon.intake.counts.repaired == 1


async def test_catching_up_reads_everything_that_was_written_before(world: PushWorld) -> None:
    names = [f"many{i}" for i in range(1_200)]
    await world.add(*names)
    await world.mongo.clearview["applications"].update_many({}, {"$set": {"status": "interview"}})

    await world.settle()

    assert len(world.ats.effects) == 1_202
