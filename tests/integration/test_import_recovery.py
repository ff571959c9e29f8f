"""What an import must not lose or double around failures, in the words of one promise each."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.core.clearview_batch import ClearViewBatch, ClearViewOutcome
from daemon.core.runs import RunRequest
from daemon.core.snapshot import Snapshot
from daemon.jobs.import_poll import ImportPoll
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from models.ids import application_id, candidate_id
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench, import_ports
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


class Killed(BaseException):
    """The end of the process: nothing that comes later happens."""


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    bench = ImportBench(opened, FakeConnector(FakeAts()), MovingClock(START))
    for person in ids(3):
        put(bench, person, status="new", name=f"P{person}", company="Old")
    return bench


def put(bench: ImportBench, person: str, *, status: str | None = None, **fields: Any) -> None:
    bench.connector.ats.tick()
    if fields:
        bench.connector.ats.put("candidates", person, **fields)
    if status is not None:
        bench.connector.ats.put("applications", person, person=person, status=status)


class DyingClearView(MongoCandidateManagement):
    """Dies before or after its first write of one kind."""

    def __init__(self, bench: ImportBench, *, after: bool) -> None:
        super().__init__(bench.mongo, bench.integration)
        self.after = after

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        if batch.application_patches or batch.candidate_patches:
            if self.after:
                await super().apply(batch)
            raise Killed
        return await super().apply(batch)


class DyingSnapshots(MongoSnapshots):
    """Dies before it marks a record deleted."""

    async def mark_deleted(self, *_: Any) -> None:
        raise Killed


class RefusingClearView(MongoCandidateManagement):
    """Refuses one candidate."""

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        refused = [c for c in batch.new_candidates if c["external_id"] == "2"]
        batch.new_candidates = [c for c in batch.new_candidates if c not in refused]
        outcome = await super().apply(batch)
        return replace(outcome, failed_candidates={"2": "no"} if refused else {})


async def poll_with(bench: ImportBench, *, sweep: bool = False, **ports: Any) -> None:
    job = ImportPoll(
        bench.connector,
        bench.integration,
        replace(import_ports(bench.mongo, bench.integration, bench.clock), **ports),
        bench.rules,
    )
    await job.run(RunRequest(fence=1, sweep=sweep))


async def recruiter_sets(bench: ImportBench, person: str, status: str) -> None:
    await bench.mongo.clearview["applications"].update_one(
        {"_id": application_id(bench.integration, person)}, {"$set": {"status": status}}
    )


async def test_a_status_set_back_after_the_import_wrote_it_is_not_written_over(
    bench: ImportBench,
) -> None:
    """To the comparison it looks untouched: only the stamp shows that ClearView was written."""
    await bench.poll()
    put(bench, "2", status="interview")
    with pytest.raises(Killed):
        await poll_with(bench, clearview=DyingClearView(bench, after=True))
    await recruiter_sets(bench, "2", "new")

    await bench.poll()

    [row] = await bench.rows("applications", external_id="2")
    assert row["status"] == "new"
    changes = await bench.rows("candidate_changes", path="applications.2.status")
    assert [(c["old"], c["new"]) for c in changes] == [("new", "interview")]


async def test_a_conflict_is_on_record_although_the_import_died_when_it_had_settled_it(
    bench: ImportBench,
) -> None:
    await bench.poll()
    put(bench, "2", status="interview")
    await recruiter_sets(bench, "2", "offer")
    with pytest.raises(Killed):
        await poll_with(bench, clearview=DyingClearView(bench, after=True))

    await bench.poll()

    [conflict] = await bench.rows("conflicts")
    assert (conflict["ats"], conflict["clearview"]) == ("interview", "offer")


async def test_a_returned_candidate_is_alive_although_the_import_died_on_the_way(
    bench: ImportBench,
) -> None:
    bench.ruled(max_percent=100.0)
    await bench.poll()
    row = bench.connector.ats.rows["candidates"].pop("2")
    await bench.poll(sweep=True)
    bench.connector.ats.rows["candidates"]["2"] = row
    with pytest.raises(Killed):
        await poll_with(bench, sweep=True, clearview=DyingClearView(bench, after=False))

    await bench.poll()

    [back] = await bench.rows("candidates", external_id="2")
    assert back["deleted_at"] is None


async def test_a_deletion_that_is_repeated_after_a_kill_is_logged_once(bench: ImportBench) -> None:
    bench.ruled(max_percent=100.0)
    await bench.poll()
    bench.connector.ats.rows["candidates"].pop("2")
    dying = DyingSnapshots(bench.mongo, bench.integration)
    with pytest.raises(Killed):
        await poll_with(bench, sweep=True, snapshots=dying)

    await bench.poll(sweep=True)

    assert await bench.count("candidates_import_log", change="deleted") == 1
    assert await bench.count("candidate_snapshots", external_id="2", deleted_at=None) == 1


async def test_a_sweep_walked_by_two_runs_is_followed_by_a_complete_one(
    bench: ImportBench,
) -> None:
    for person in ids(4, 4):
        put(bench, person, status="new", name="N")
    await bench.poll()
    bench.connector.ats.rows["candidates"].pop("7")
    bench.ruled(max_percent=50.0)
    put(bench, "6", name="M")
    put(bench, "1", name="M")
    bench.connector.fail_at.add(("candidates", 1))
    with pytest.raises(Exception, match="page failed"):
        await bench.poll(sweep=True)
    await bench.poll()
    still_there = await bench.count("candidates", deleted_at=None)

    await bench.poll()

    assert still_there == 7
    assert await bench.count("candidates", deleted_at=None) == 6


async def test_documents_clearview_had_before_are_brought_in_line_after_a_kill_too(
    bench: ImportBench,
) -> None:
    await bench.poll()
    for name in ("candidate_snapshots", "checkpoints", "candidates_import_log"):
        await bench.mongo.own[name].delete_many({})
    put(bench, "2", status="offer", company="New")
    with pytest.raises(Killed):
        await poll_with(bench, clearview=DyingClearView(bench, after=False))

    await bench.poll()

    [row] = await bench.rows("candidates", external_id="2")
    assert row["company"] == "New"
    assert await bench.count("candidates") == 3


async def test_a_record_that_is_refused_again_and_again_stays_on_the_list(
    bench: ImportBench,
) -> None:
    refusing = RefusingClearView(bench.mongo, bench.integration)
    for _ in range(3):
        await poll_with(bench, clearview=refusing)
        bench.clock.advance(timedelta(hours=1))

    [waiting] = await bench.rows("failed_records")

    assert waiting["external_id"] == "2"
    assert waiting["attempts"] >= 3


async def test_a_record_that_fails_and_becomes_what_it_was_is_no_failure_any_more(
    bench: ImportBench,
) -> None:
    await bench.poll()
    bench.connector.ats.broken.add("2")
    put(bench, "2", company="Odd")
    await bench.poll()
    failed = await bench.count("failed_records")
    bench.connector.ats.broken.clear()
    bench.connector.ats.rows["candidates"]["2"].fields["company"] = "Old"
    bench.clock.advance(timedelta(hours=1))

    await bench.poll()

    assert failed > 0
    assert await bench.count("failed_records") == 0


async def test_every_status_that_an_import_sets_carries_its_stamp_in_the_same_write(
    bench: ImportBench,
) -> None:
    """A second write with an equal stamp would look like a person's to an observer."""
    await bench.poll()
    put(bench, "2", status="interview")
    seen: list[Mapping[str, Any]] = []
    async with await bench.mongo.clearview["applications"].watch() as stream:
        await bench.poll()
        await bench.mongo.clearview["applications"].update_one(
            {"_id": application_id(bench.integration, "1")}, {"$set": {"status": "end"}}
        )
        async for event in stream:
            fields = event["updateDescription"]["updatedFields"]
            if fields.get("status") == "end":
                break
            seen.append(fields)

    assert [fields["status"] for fields in seen] == ["interview"]
    assert "import_id" in seen[0]


async def test_two_records_of_one_new_person_on_one_page_end_as_the_later_one_says(
    bench: ImportBench,
) -> None:
    bench.connector = FakeConnector(FakeAts(), shape="joined", newest_first=False)
    for record, name in (("1", "Ada"), ("2", "Bo")):
        bench.connector.ats.tick()
        bench.connector.ats.put("opportunities", record, person="9", name=name)

    await bench.poll()

    [row] = await bench.rows("candidates")
    assert row["_id"] == candidate_id(bench.integration, "9")
    assert row["first_name"] == "Bo"


class WatchedSnapshots(MongoSnapshots):
    """Reports when each page of a list is stored."""

    def __init__(self, bench: ImportBench) -> None:
        super().__init__(bench.mongo, bench.integration)
        self.stored: list[frozenset[str]] = []
        self.second_page = asyncio.Event()

    async def write(
        self, list_name: str, created: Sequence[Snapshot], replaced: Sequence[Snapshot]
    ) -> Mapping[str, str]:
        refused = await super().write(list_name, created, replaced)
        self.stored.append(frozenset(s.external_id for s in (*created, *replaced)))
        if len(self.stored) == 2:
            self.second_page.set()
        return refused


class WaitingClearView(MongoCandidateManagement):
    """Takes its first page only when the snapshots of the second one are stored, or dies then."""

    def __init__(self, bench: ImportBench, snapshots: WatchedSnapshots, *, dies: bool) -> None:
        super().__init__(bench.mongo, bench.integration)
        self.snapshots = snapshots
        self.dies = dies
        self.batches: list[frozenset[str]] = []

    async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
        await self.snapshots.second_page.wait()
        if self.dies:
            raise Killed
        outcome = await super().apply(batch)
        self.batches.append(frozenset(str(c["external_id"]) for c in batch.new_candidates))
        return outcome


async def test_a_page_is_kept_while_clearview_still_takes_the_one_before_and_takes_them_in_order(
    bench: ImportBench,
) -> None:
    for person in ids(9):
        put(bench, person, name=f"P{person}")
    snapshots = WatchedSnapshots(bench)
    clearview = WaitingClearView(bench, snapshots, dies=False)

    await poll_with(bench, snapshots=snapshots, clearview=clearview)

    assert clearview.batches[:3] == snapshots.stored[:3]
    assert len(await bench.rows("candidates")) == 9
    assert len(await bench.rows("candidates_import_log")) == 9


async def test_two_pages_that_clearview_did_not_take_before_a_kill_are_finished_by_the_next_run(
    bench: ImportBench,
) -> None:
    for person in ids(9):
        put(bench, person, status="new", name=f"P{person}")
    snapshots = WatchedSnapshots(bench)
    with pytest.raises(Killed):
        await poll_with(
            bench,
            snapshots=snapshots,
            clearview=WaitingClearView(bench, snapshots, dies=True),
        )
    assert len(snapshots.stored) == 2
    assert await bench.rows("candidates") == []

    await bench.poll()

    assert len(await bench.rows("candidates")) == len(await bench.rows("applications")) == 9
    assert len(await bench.rows("candidates_import_log")) == 9


async def test_a_page_about_a_candidate_of_the_page_before_waits_until_clearview_has_that_one(
    bench: ImportBench,
) -> None:
    """Otherwise the second record would be compared with what ClearView may yet refuse."""
    bench.connector = FakeConnector(FakeAts(), shape="joined", newest_first=False, page_size=1)
    for record, name in (("1", "Ada"), ("2", "Bo"), ("3", "Cy")):
        bench.connector.ats.tick()
        bench.connector.ats.put("opportunities", record, person="9", name=name)
    order: list[str] = []

    class Kept(MongoSnapshots):
        async def write(self, *args: Any) -> Mapping[str, str]:
            order.append("kept")
            return await super().write(*args)

    class Taken(MongoCandidateManagement):
        async def apply(self, batch: ClearViewBatch) -> ClearViewOutcome:
            outcome = await super().apply(batch)
            order.append("taken")
            return outcome

    of = (bench.mongo, bench.integration)
    await poll_with(bench, snapshots=Kept(*of), clearview=Taken(*of))

    assert order == ["kept", "taken"] * 3
    [row] = await bench.rows("candidates")
    assert row["first_name"] == "Cy"
