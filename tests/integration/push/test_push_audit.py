"""Every status that was sent to an ATS is found from the audit log, which names no one."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from connectors.errors import Rejected
from daemon.core.pushes import PushEnded
from daemon.store.outbox_rows import open_push
from daemon.store.push_results import PushResults
from models.status import ApplicationStatus
from tests.support.mongo import TestMongo
from tests.support.push_world import PushWorld, push_world

S = ApplicationStatus
pytestmark = pytest.mark.mongo


async def test_a_status_that_was_written_leads_to_its_row_in_the_log(world: PushWorld) -> None:
    await world.set_status("a1", "interview")

    await world.settle()

    [row], [log] = await world.audited(), await world.log()
    assert UUID(row["subject"]) == log["_id"]
    assert (row["at"], row["actor"], row["via"]) == (log["updated_at"], "clearview", "daemon")
    assert row["before"] == {"status": "new"}
    assert row["after"] == {
        "status": "interview",
        "integration": "acme",
        "outcome": "Success",
        "reason": None,
    }
    assert log["application_id"] == world.id_of("a1")
    for known in (world.id_of("a1"), log["candidate_id"], log["event_id"]):
        assert str(known) not in repr(row)


async def test_a_request_that_the_ats_refused_is_there_with_its_outcome(world: PushWorld) -> None:
    world.ats.faults.append(Rejected("422", status=422))
    await world.set_status("a1", "interview")

    await world.settle()

    [row] = await world.audited()
    assert (row["after"]["outcome"], row["after"]["reason"]) == ("Failed", "refused")


async def test_what_sent_nothing_is_not_in_it(mongo: TestMongo) -> None:
    async with push_world(mongo.uri, mongo.database, mongo.clearview, guarded=False) as world:
        await world.add("a1", "a2")
        await world.settle()
        world.ats.move("a1", S.INTERVIEW)
        await world.set_status("a1", "interview")
        await world.set_status("a2", "not a status")

        await world.settle()

        assert {log["outcome"] for log in await world.log()} == {"Skipped", "Failed"}
        assert await world.audited() == []


async def test_a_result_that_is_written_again_after_a_crash_is_one_row(world: PushWorld) -> None:
    await world.set_status("a1", "interview")
    await world.settle()
    [push], before = await world.outbox(), await world.audited()
    later = world.clock.now() + timedelta(minutes=1)
    end = PushEnded(open_push(push), "delivered", S.NEW, later, attempts=1)

    await PushResults(world.mongo, world.integration).apply([end, replace(end, at=later)])

    assert await world.audited() == before
