"""Pushes that the ATS confirmed and did not make are found by the next poll."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from daemon.core.integrations import IntegrationRef
from daemon.core.pushes import AtsMove, OutboxRow, PushEnded
from daemon.core.runs import RunRequest
from daemon.core.status_events import StatusEvent
from daemon.jobs.import_poll import ImportPoll
from daemon.store.connection import Mongo
from daemon.store.outbox import MongoOutbox
from daemon.store.outbox_rows import open_push
from daemon.store.push_results import PushResults
from models.candidate import AtsRef
from models.ids import NAMESPACE, application_id, derived_id
from models.status import ApplicationStatus as Status
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench, import_ports
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


class PushedBench(ImportBench):
    """An import after which single status changes are pushed, and confirmed."""

    async def imported(self) -> None:
        for external_id in ids(4):
            self.connector.ats.tick()
            self.connector.ats.put("candidates", external_id, name="P", company="Old")
            self.connector.ats.put("applications", external_id, person=external_id, status="new")
        await self.poll()
        # Whatever was changed so far is out of the overlap of the next poll.
        self.connector.ats.tick(3600)
        self.connector.ats.put("candidates", "4", name="P", company="New")
        self.connector.ats.put("applications", "4", person="4", source="web")
        self.clock.advance(timedelta(hours=1))
        await self.poll()

    async def push(self, external_id: str, status: Status, *, number: int = 1) -> UUID:
        """Stores the results of a push that the ATS has confirmed."""
        event_id = f"e{number}"
        event = StatusEvent(
            event_id=event_id,
            sequence=f"000001:{number}",
            application_id=application_id(self.integration, external_id),
            at=self.clock.now(),
            status=status,
            integration_id=self.integration,
            external_id=external_id,
        )
        row = OutboxRow(derived_id(NAMESPACE, "push", event_id), event, "pending", status)
        await MongoOutbox(self.mongo).add([row], at=self.clock.now())
        await self.mongo.clearview["applications"].update_one(
            {"_id": event.application_id}, {"$set": {"status": status}}
        )
        await self.confirm(row.id, Status.NEW, status)
        return row.id

    async def confirm(self, push_id: UUID, before: Status, status: Status) -> None:
        rows = self.mongo.own["status_outbox"]
        found = await rows.find_one({"_id": push_id})
        assert found is not None
        moved = AtsMove(
            before_status=before,
            before_stage=AtsRef(external_id=None, name=before.value),
            before_rejection_reason=None,
            status=status,
            stage=AtsRef(external_id=None, name=status.value),
            rejection_reason=None,
            candidate_external_id=found["external_id"],
        )
        done = PushEnded(
            push=open_push(found),
            state="delivered",
            base=before,
            at=self.clock.now(),
            attempts=1,
            moved=moved,
        )
        await PushResults(self.mongo, IntegrationRef("acme", self.integration)).apply([done])
        await rows.update_one({"_id": push_id}, {"$set": {"state": "delivered"}})
        self.clock.advance(timedelta(minutes=1))

    async def status_of(self, external_id: str) -> tuple[str, str]:
        """In the snapshot, and in ClearView."""
        [snapshot] = await self.rows(
            "candidate_snapshots", list="applications", external_id=external_id
        )
        [held] = await self.rows("applications", external_id=external_id)
        return snapshot["applications"][0]["status"], held["status"]

    async def pushes(self) -> list[tuple[str, str, str | None]]:
        rows = await self.mongo.own["status_outbox"].find().sort("sequence", 1).to_list()
        return [(row["event_id"], row["state"], row["reason"]) for row in rows]


SHAPES = [
    {"incremental": True, "reads_by_id": True},
    {"incremental": False, "reads_by_id": True},
    {"incremental": False, "reads_by_id": False},
]


@pytest.fixture(params=SHAPES, ids=["shows changes", "shows all", "cannot be read by id"])
async def bench(request: pytest.FixtureRequest, opened: Mongo) -> PushedBench:
    connector = FakeConnector(FakeAts(), **request.param)
    bench = PushedBench(opened, connector, MovingClock(START))
    await bench.imported()
    return bench


async def test_a_push_that_was_made_is_confirmed_and_compared_no_more(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    bench.connector.ats.put("applications", "2", person="2", status="interview")
    await bench.poll()
    after_one = await bench.contents()
    await bench.poll()

    assert await bench.status_of("2") == ("interview", "interview")
    assert await bench.pushes() == [("e1", "delivered", None)]
    assert await bench.contents() == after_one


async def test_a_push_that_was_not_made_is_sent_once_more_and_clearview_keeps_its_status(
    bench: PushedBench,
) -> None:
    await bench.push("2", Status.INTERVIEW)
    await bench.poll()
    after_one = await bench.contents()
    await bench.poll()

    assert await bench.status_of("2") == ("new", "interview")
    assert await bench.pushes() == [("e1", "delivered", None), ("lost:e1", "pending", None)]
    assert await bench.contents() == after_one
    [again] = await bench.mongo.own["status_outbox"].find({"state": "pending"}).to_list()
    assert (again["expected_status"], again["sent_at"] is not None) == ("new", True)


async def test_a_push_that_is_lost_twice_is_a_dead_letter_with_an_alert(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    await bench.poll()
    [again] = await bench.mongo.own["status_outbox"].find({"state": "pending"}).to_list()
    await bench.confirm(again["_id"], Status.NEW, Status.INTERVIEW)
    for _ in range(3):
        await bench.poll()

    assert await bench.status_of("2") == ("new", "interview")
    [*_, last] = await bench.pushes()
    assert last == ("lost:lost:e1", "dead", "not_made")
    [log] = (
        await bench.mongo.own["application_status_update_log"].find({"outcome": "Failed"}).to_list()
    )
    assert "accepted this change twice and still has new" in log["error_message"]
    [alert] = await bench.mongo.own["alerts"].find({"resolved_at": None}).to_list()
    assert alert["kind"] == "dead_letters"
    changes = await bench.rows("candidate_changes", path="applications.2.status")
    assert [(row["old"], row["new"]) for row in changes] == [("new", "interview")]


async def test_a_move_back_at_the_ats_wins(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    bench.connector.ats.tick(60)
    bench.connector.ats.put("applications", "2", person="2", status="new")
    await bench.poll()

    assert await bench.status_of("2") == ("new", "new")
    assert await bench.pushes() == [("e1", "delivered", None)]


async def test_a_later_change_in_clearview_needs_no_repetition(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    identity = application_id(bench.integration, "2")
    await bench.mongo.clearview["applications"].update_one(
        {"_id": identity}, {"$set": {"status": "offer"}}
    )
    await bench.poll()

    assert await bench.status_of("2") == ("new", "offer")
    assert await bench.pushes() == [("e1", "delivered", None)]


async def test_several_pushes_between_two_polls_are_one_lost_change(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    await bench.push("2", Status.OFFER, number=2)
    await bench.push("3", Status.INTERVIEW, number=3)
    await bench.poll()

    assert await bench.status_of("2") == ("new", "offer")
    assert [event for event, state, _ in await bench.pushes() if state == "pending"] == [
        "lost:e2",
        "lost:e3",
    ]


class Killed(BaseException):
    """The process ended here."""


class KilledBefore(MongoOutbox):
    async def repeat(self, *_: Any, **__: Any) -> int:
        raise Killed


async def test_a_kill_before_the_repetition_is_queued_loses_nothing(bench: PushedBench) -> None:
    await bench.push("2", Status.INTERVIEW)
    ports = import_ports(bench.mongo, bench.integration, bench.clock)
    dying = ImportPoll(
        bench.connector,
        bench.integration,
        replace(ports, pushes=KilledBefore(bench.mongo)),
        bench.rules,
    )
    with pytest.raises(Killed):
        await dying.run(RunRequest(fence=1))
    between = await bench.pushes()
    await bench.poll()
    await bench.poll()

    assert between == [("e1", "delivered", None)]
    assert await bench.pushes() == [("e1", "delivered", None), ("lost:e1", "pending", None)]
    assert await bench.status_of("2") == ("new", "interview")
