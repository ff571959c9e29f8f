"""What lists lack is read in the background; statuses never wait for it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import Forbidden, Rejected, Unavailable
from daemon.core.runs import Run, RunRequest
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.store.connection import Mongo
from models.ids import candidate_id
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    connector = FakeConnector(FakeAts(), shape="joined", page_size=50).with_details()
    return ImportBench(opened, connector, MovingClock(START))


def populate(ats: FakeAts, people: int) -> None:
    for external_id in ids(people):
        ats.tick()
        ats.put(
            "opportunities",
            external_id,
            name=f"P{external_id}",
            status="new",
            tags=["cook"],
            answers={"Shifts?": True},
            files=[f"f{external_id}"],
        )


async def details(bench: ImportBench) -> Run:
    return await bench.poll(only_details=True)


async def one(bench: ImportBench, external_id: str) -> dict[str, Any]:
    [row] = await bench.rows("candidates", external_id=external_id)
    return row


async def test_a_first_import_is_usable_at_once_and_completed_in_the_background(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 40)

    poll = await bench.poll()
    at_once = await one(bench, "7")
    run = await details(bench)

    assert (poll.counts.created, poll.counts.details_pending) == (40, 40)
    assert (at_once["first_name"], at_once["tags"], at_once["attachments"]) == ("P7", [], [])
    assert await bench.count("applications", status="new") == 40
    assert (run.counts.updated, run.counts.details_pending) == (40, 0)
    complete = await one(bench, "7")
    assert complete["tags"] == ["cook"]
    assert complete["custom_fields"] == {"Shifts?": True}
    assert [each["external_id"] for each in complete["attachments"]] == ["f7"]
    [application] = await bench.rows("applications", external_id="7")
    assert application["custom_fields"] == {"Shifts?": True}
    assert sorted(bench.connector.details_read, key=int) == list(ids(40))
    rows = await bench.rows("sync_runs")
    assert [(row["job"], row["details_pending"]) for row in rows] == [
        ("import_poll", 40),
        ("detail_import", 0),
    ]


async def test_details_are_logged_like_any_other_change(bench: ImportBench) -> None:
    populate(bench.connector.ats, 2)
    await bench.poll()

    await details(bench)

    log = await bench.rows("candidates_import_log", external_id="1")
    assert [row["change"] for row in log] == ["created", "updated"]
    assert set(log[1]["changed_fields"]) == {
        "tags",
        "custom_fields.Shifts?",
        "attachments",
        "applications.1.custom_fields.Shifts?",
    }
    owner = candidate_id(bench.integration, "1")
    changes = await bench.rows("candidate_changes", candidate_id=owner)
    assert len(changes) == 4


async def test_what_is_complete_is_read_by_no_later_poll_nor_sweep(bench: ImportBench) -> None:
    populate(bench.connector.ats, 5)
    await bench.poll()
    await details(bench)
    before = await bench.contents()
    bench.connector.details_read.clear()

    await bench.poll()
    sweep = await bench.poll(sweep=True)
    await details(bench)

    assert bench.connector.details_read == []
    assert sweep.counts.details_pending == 0
    after = await bench.contents()
    assert after["candidate_snapshots"] == before["candidate_snapshots"]


async def test_a_status_change_is_imported_while_details_are_pending(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 6)
    await bench.poll()
    ats.tick()
    ats.put("opportunities", "3", status="interview")

    run = await bench.poll()

    assert await bench.count("applications", external_id="3", status="interview") == 1
    assert run.counts.details_pending == 6
    await details(bench)
    assert (await one(bench, "3"))["tags"] == ["cook"]


async def test_an_import_without_details_takes_none_of_them_away(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 3)
    await bench.poll()
    await details(bench)
    ats.tick()
    ats.put("opportunities", "2", name="Renamed", status="screening")

    run = await bench.poll()

    person = await one(bench, "2")
    assert (person["first_name"], person["tags"]) == ("Renamed", ["cook"])
    assert person["custom_fields"] == {"Shifts?": True}
    assert len(person["attachments"]) == 1
    assert run.counts.details_pending == 1
    [line] = await bench.rows("candidates_import_log", run_id=run.id)
    assert line["changed_fields"] == ["first_name", "applications.2.status", "applications.2.stage"]


async def test_the_change_time_of_the_ats_decides_if_a_detail_is_stale(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 3)
    await bench.poll()
    await details(bench)
    ats.put("opportunities", "1", tags=["baker"], stamp=ats.rows["opportunities"]["1"].updated_at)
    ats.rows["opportunities"]["1"].noise += 1
    ats.tick()
    ats.put("opportunities", "2", tags=["waiter"], files=[], answers={"Nights?": False})
    bench.connector.details_read.clear()

    await bench.poll(sweep=True)
    await details(bench)

    assert bench.connector.details_read == ["2"]
    person = await one(bench, "2")
    assert (person["tags"], person["attachments"]) == (["waiter"], [])
    assert person["custom_fields"] == {"Nights?": False}


async def test_without_a_change_time_the_content_of_the_row_decides(opened: Mongo) -> None:
    connector = FakeConnector(FakeAts(), shape="joined", incremental=False).with_details()
    bench = ImportBench(opened, connector, MovingClock(START))
    populate(connector.ats, 3)
    for row in connector.ats.rows["opportunities"].values():
        row.updated_at = None
    await bench.poll()
    await details(bench)
    connector.ats.rows["opportunities"]["2"].noise += 1
    connector.details_read.clear()

    await bench.poll()
    await details(bench)

    assert connector.details_read == ["2"]


async def test_where_the_list_hides_changes_every_sweep_reads_all_details(opened: Mongo) -> None:
    connector = FakeConnector(FakeAts(), shape="joined").with_details(swept=True)
    bench = ImportBench(opened, connector, MovingClock(START))
    populate(connector.ats, 3)
    await bench.poll()
    await details(bench)
    connector.ats.rows["opportunities"]["2"].fields["tags"] = ["waiter"]

    poll = await bench.poll()
    sweep = await bench.poll(sweep=True)
    run = await details(bench)

    assert (poll.counts.details_pending, sweep.counts.details_pending) == (0, 3)
    assert (run.counts.updated, run.counts.unchanged) == (1, 2)
    assert (await one(bench, "2"))["tags"] == ["waiter"]


async def test_another_version_of_the_definition_reads_all_details_again(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 3)
    await bench.poll()
    await details(bench)
    bench.connector.details_read.clear()
    bench.connector.with_details(version="2").mapping_version = "2"

    run = await bench.poll()
    await details(bench)

    assert run.counts.details_pending == 3
    assert sorted(bench.connector.details_read) == ["1", "2", "3"]


async def test_a_detail_that_cannot_be_read_holds_up_no_other_and_is_tried_again_later(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 12)
    bench.connector.unreadable["2"] = Rejected("no such thing", status=400)
    await bench.poll()

    run = await details(bench)
    again = await details(bench)
    bench.connector.unreadable.clear()
    bench.clock.advance(timedelta(minutes=2))
    later = await details(bench)

    assert (run.counts.updated, run.counts.failed, run.counts.details_pending) == (11, 1, 1)
    assert (again.counts.seen, again.counts.details_pending) == (0, 1)
    assert (later.counts.updated, later.counts.details_pending) == (1, 0)
    assert bench.connector.details_read.count("2") == 2
    [snapshot] = await bench.rows("candidate_snapshots", external_id="2")
    assert snapshot.keys().isdisjoint({"detail_due_at", "detail_attempts", "detail_error"})


async def test_a_batch_that_fails_as_a_whole_ends_the_run_and_lets_others_go_first(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 20)
    await bench.poll()
    errors = [Unavailable("broken", status=500)]

    def fail(_: Sequence[str]) -> None:
        if errors:
            raise errors.pop()

    bench.connector.on_details = fail
    with pytest.raises(ImportFailed):
        await details(bench)
    first = set(bench.connector.details_read)
    run = await details(bench)

    assert run.counts.details_pending == len(first)
    assert set(bench.connector.details_read) == set(ids(20))


async def test_details_that_may_not_be_read_wait_and_end_the_run(bench: ImportBench) -> None:
    populate(bench.connector.ats, 3)
    await bench.poll()

    def refuse(_: Sequence[str]) -> None:
        raise Forbidden("no right to read answers", status=403)

    bench.connector.on_details = refuse
    with pytest.raises(ImportFailed):
        await details(bench)

    rows = await bench.rows("sync_runs", job="detail_import")
    assert [(row["outcome"], row["details_pending"]) for row in rows] == [("failed", 3)]
    assert (await one(bench, "1"))["tags"] == []


async def test_a_record_that_is_gone_meanwhile_is_believed_so_after_some_minutes(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 3)
    await bench.poll()
    bench.connector.ats.drop("opportunities", "2")

    runs = []
    for _ in range(4):
        runs.append(await details(bench))
        bench.clock.advance(timedelta(minutes=5))

    assert [run.counts.details_pending for run in runs] == [1, 1, 0, 0]
    assert [run.counts.failed for run in runs] == [0, 0, 0, 0]
    assert runs[0].counts.updated == 2
    assert bench.connector.details_read.count("2") == 3


async def test_the_details_of_a_record_that_the_ats_shows_only_later_are_not_lost(
    bench: ImportBench,
) -> None:
    """A list may show a new record before it can be read by its id."""
    populate(bench.connector.ats, 3)
    await bench.poll()
    rows = bench.connector.ats.rows["opportunities"]
    hidden = rows.pop("2")
    await details(bench)
    rows["2"] = hidden
    bench.clock.advance(timedelta(minutes=2))

    run = await details(bench)

    assert run.counts.details_pending == 0
    assert (await one(bench, "2"))["tags"] == ["cook"]


async def test_a_deleted_record_is_not_read(bench: ImportBench) -> None:
    populate(bench.connector.ats, 12)
    await bench.poll()
    bench.connector.ats.drop("opportunities", "2")
    await bench.poll(sweep=True)

    run = await details(bench)

    assert "2" not in bench.connector.details_read
    assert run.counts.details_pending == 0


async def test_details_yield_to_what_is_more_urgent_after_a_batch(bench: ImportBench) -> None:
    populate(bench.connector.ats, 30)
    await bench.poll()

    run = await bench.poll(only_details=True, must_yield=lambda: True)

    assert 0 < run.counts.updated < 30
    assert run.counts.details_pending == 30 - run.counts.updated


async def test_the_first_batch_of_a_slow_ats_is_one_record(bench: ImportBench) -> None:
    populate(bench.connector.ats, 30)
    await bench.poll()
    bench.connector.on_details = lambda read: bench.clock.advance(timedelta(seconds=2 * len(read)))
    began = bench.clock.monotonic()

    run = await bench.poll(only_details=True, must_yield=lambda: True)

    assert run.counts.updated == 1
    assert bench.clock.monotonic() - began <= 2.0


async def test_a_run_goes_on_with_batches_as_large_as_the_last_ones(bench: ImportBench) -> None:
    populate(bench.connector.ats, 30)
    await bench.poll()
    job = ImportPoll(bench.connector, bench.integration, bench.ports(), bench.rules)
    request = RunRequest(fence=1, only_details=True, must_yield=lambda: True)

    runs = [await job.run(request) for _ in range(4)]

    assert [run.counts.updated for run in runs] == [1, 2, 4, 8]


async def test_details_that_wait_for_their_rate_budget_give_way_to_a_poll_or_an_event(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 3)
    await bench.poll()
    job = ImportPoll(bench.connector, bench.integration, bench.ports(), bench.rules)
    request = RunRequest(fence=1, only_details=True, must_yield=lambda: True)

    async def used_up() -> None:
        bench.clock.advance(timedelta(seconds=2))
        await asyncio.Event().wait()

    bench.connector.details_wait = used_up
    given_way = await asyncio.wait_for(job.run(request), 10)
    bench.connector.details_wait = None
    later = [await job.run(request) for _ in range(3)]

    assert (given_way.outcome, given_way.counts.details_pending) == ("success", 3)
    assert [run.counts.details_pending for run in later] == [2, 0, 0]


async def test_a_status_that_is_pushed_while_a_detail_is_read_stays(bench: ImportBench) -> None:
    populate(bench.connector.ats, 2)
    await bench.poll()
    snapshots = bench.mongo.own["candidate_snapshots"]
    before = await bench.rows("candidate_snapshots", external_id="1")

    class Raced:
        """Writes, as a push does, between the reading of a snapshot and its writing."""

        async def load(self, list_name: str, external_ids: Sequence[str]) -> Any:
            found = await bench_snapshots.load(list_name, external_ids)
            await snapshots.update_one(
                {"external_id": "1"}, {"$set": {"applications.0.status": "offer"}}
            )
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(bench_snapshots, name)

    bench_snapshots = bench.ports().snapshots
    await bench.poll(only_details=True, snapshots=Raced())

    [after] = await bench.rows("candidate_snapshots", external_id="1")
    assert before[0]["applications"][0]["status"] == "new"
    assert after["applications"][0]["status"] == "offer"
    assert after["applications"][0]["custom_fields"] == {"Shifts?": True}


async def test_records_of_one_person_add_their_files_to_one_candidate(bench: ImportBench) -> None:
    ats = bench.connector.ats
    ats.put("opportunities", "1", person="p", files=["a", "b"], answers={"One?": 1})
    ats.tick()
    ats.put("opportunities", "2", person="p", files=["c"], answers={"Two?": 2})
    bench.connector.on_details = lambda _: bench.clock.advance(timedelta(seconds=1))
    await bench.poll()
    await details(bench)

    async def files() -> set[str]:
        return {each["external_id"] for each in (await one(bench, "p"))["attachments"]}

    both = await files()
    ats.tick()
    ats.put("opportunities", "1", files=["b"], answers={})
    await bench.poll()
    kept = await files()
    await details(bench)

    assert both == kept == {"a", "b", "c"}
    assert await files() == {"b", "c"}
    assert (await one(bench, "p"))["custom_fields"] == {"Two?": 2}


async def test_a_new_record_of_a_known_person_takes_no_detail_away(bench: ImportBench) -> None:
    ats = bench.connector.ats
    ats.put("opportunities", "1", person="p", files=["a"], answers={"One?": 1}, tags=["cook"])
    await bench.poll()
    await details(bench)
    ats.tick()
    ats.put("opportunities", "2", person="p")

    await bench.poll()

    person = await one(bench, "p")
    assert [each["external_id"] for each in person["attachments"]] == ["a"]
    assert (person["custom_fields"], person["tags"]) == ({"One?": 1}, ["cook"])
