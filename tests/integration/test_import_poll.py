"""The import against a real MongoDB and an ATS in memory."""

from datetime import timedelta

import pytest

from daemon.jobs.import_poll import ImportFailed
from daemon.store.connection import Mongo
from models.ids import application_id, candidate_id
from models.status import ApplicationStatus
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    return ImportBench(opened, FakeConnector(FakeAts()), MovingClock(START))


def populate(ats: FakeAts, people: int) -> None:
    for external_id in ids(people):
        ats.tick()
        ats.put("candidates", external_id, name=f"P{external_id}", company="Old")
        ats.put("applications", external_id, person=external_id, status="new")


async def test_a_first_poll_imports_every_candidate_and_logs_each_once(bench: ImportBench) -> None:
    populate(bench.connector.ats, 10)

    run = await bench.poll()

    assert await bench.count("candidates") == 10
    assert await bench.count("applications") == 10
    log = await bench.rows("candidates_import_log")
    assert [(row["status"], row["change"]) for row in log] == [("Success", "created")] * 10
    assert run.counts.seen == 20


async def test_a_second_poll_leaves_nothing_but_its_run_document(bench: ImportBench) -> None:
    populate(bench.connector.ats, 7)
    await bench.poll()
    before = await bench.contents()

    run = await bench.poll()

    assert await bench.contents() == before
    assert run.counts.created == run.counts.updated == 0
    assert await bench.count("sync_runs") == 2


async def test_an_edit_is_imported_with_its_fields_and_only_those(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 7)
    await bench.poll()
    person = candidate_id(bench.integration, "3")
    await bench.mongo.clearview["candidates"].update_one(
        {"_id": person}, {"$set": {"title": "by hand", "first_name": "by hand"}}
    )
    ats.tick()
    ats.put("candidates", "3", company="New")

    await bench.poll()

    [row] = await bench.rows("candidates", external_id="3")
    assert (row["company"], row["title"], row["first_name"]) == ("New", "by hand", "by hand")
    [change] = await bench.rows("candidate_changes")
    assert (change["path"], change["old"], change["new"]) == ("company", "Old", "New")
    updated = await bench.rows("candidates_import_log", change="updated")
    assert [row["changed_fields"] for row in updated] == [["company"]]


async def test_a_new_applicant_is_one_version_although_two_lists_report_them(
    bench: ImportBench,
) -> None:
    ats = bench.connector.ats
    populate(ats, 4)
    await bench.poll()
    ats.tick()
    ats.put("candidates", "9", name="P9")
    ats.put("applications", "9", person="9", status="screening")

    await bench.poll()

    assert await bench.count("candidates_import_log") == 5
    [application] = await bench.rows("applications", external_id="9")
    assert application["status"] == "screening"
    assert application["candidate_id"] == candidate_id(bench.integration, "9")


async def test_a_status_moved_at_the_ats_arrives_and_its_change_is_kept(
    bench: ImportBench,
) -> None:
    ats = bench.connector.ats
    populate(ats, 4)
    await bench.poll()
    ats.tick()
    ats.put("applications", "2", status="interview")

    await bench.poll()

    [application] = await bench.rows("applications", external_id="2")
    assert application["status"] == "interview"
    changes = {c["path"]: (c["old"], c["new"]) for c in await bench.rows("candidate_changes")}
    assert changes["applications.2.status"] == ("new", "interview")
    assert await bench.count("candidates_import_log", change="updated") == 1


async def test_a_status_that_both_sides_moved_is_a_recorded_conflict(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 2)
    await bench.poll()
    application = application_id(bench.integration, "1")
    await bench.mongo.clearview["applications"].update_one(
        {"_id": application}, {"$set": {"status": "offer"}}
    )
    ats.tick()
    ats.put("applications", "1", status="interview")

    await bench.poll()

    [conflict] = await bench.rows("conflicts")
    assert (conflict["base"], conflict["ats"], conflict["clearview"]) == (
        "new",
        "interview",
        "offer",
    )
    assert conflict["winner"] == "ats"
    [row] = await bench.rows("applications", external_id="1")
    assert row["status"] == "interview"


async def test_hired_here_and_rejected_there_waits_for_a_person(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 2)
    await bench.poll()
    await bench.mongo.clearview["applications"].update_one(
        {"_id": application_id(bench.integration, "1")}, {"$set": {"status": "hired"}}
    )
    ats.tick()
    ats.put("applications", "1", status="rejected")

    await bench.poll()

    [conflict] = await bench.rows("conflicts")
    assert (conflict["state"], conflict["winner"]) == ("open", None)
    [row] = await bench.rows("applications", external_id="1")
    assert row["status"] == ApplicationStatus.HIRED
    [alert] = await bench.rows("alerts", kind="conflicts_open")
    assert alert["details"]["count"] == 1

    ats.tick()
    ats.put("applications", "1", status="hired")
    await bench.poll()

    [settled] = await bench.rows("conflicts")
    assert settled["state"] == "resolved"
    assert await bench.count("alerts", resolved_at=None) == 0


async def test_one_record_that_cannot_be_mapped_stops_no_other_and_is_tried_again(
    bench: ImportBench,
) -> None:
    ats = bench.connector.ats
    populate(ats, 6)
    ats.broken.add("4")

    run = await bench.poll()

    assert run.counts.failed == 2
    assert await bench.count("candidates") == 5
    [failed, *_] = await bench.rows("candidates_import_log", status="Failed")
    assert failed["error_message"] == "id 7: not an object"
    assert await bench.count("failed_records") == 2

    ats.broken.clear()
    bench.clock.advance(timedelta(seconds=120))
    await bench.poll()

    assert await bench.count("candidates") == 6
    assert await bench.count("failed_records") == 0


async def test_a_failing_record_that_is_listed_before_its_time_is_no_further_try(
    bench: ImportBench,
) -> None:
    ats = bench.connector.ats
    populate(ats, 3)
    ats.broken.add("1")
    await bench.poll()
    before = await bench.contents()

    again = await bench.poll(sweep=True)

    assert again.counts.failed == 2
    after = await bench.contents()
    unmoved = ("failed_records", "candidates_import_log", "alerts")
    assert {name: after[name] for name in unmoved} == {name: before[name] for name in unmoved}

    bench.clock.advance(timedelta(minutes=2))
    await bench.poll()

    assert {row["attempts"] for row in await bench.rows("failed_records")} == {2}


async def test_a_failed_page_keeps_what_was_imported_and_the_next_run_goes_on_there(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 12)
    bench.connector.fail_at.add(("candidates", 2))

    with pytest.raises(ImportFailed):
        await bench.poll()
    imported = await bench.count("candidates")
    requests = bench.connector.requests_sent
    await bench.poll()

    assert imported == 6
    assert await bench.count("candidates") == 12
    assert await bench.count("candidates_import_log") == 12
    assert bench.connector.requests_sent - requests < 4 + 4 + 2


async def test_a_refused_position_restarts_the_listing_without_writing_anything_twice(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 12)
    bench.connector.fail_at.add(("candidates", 2))
    with pytest.raises(ImportFailed):
        await bench.poll()
    bench.connector.refuse_positions = True

    await bench.poll()

    assert await bench.count("candidates") == 12
    assert await bench.count("candidates_import_log") == 12


async def test_a_deletion_is_proved_by_id_and_marked(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 12)
    await bench.poll()
    ats.drop("candidates", "5")
    ats.drop("applications", "5")

    run = await bench.poll(sweep=True)

    assert run.counts.deleted == 2
    [gone] = await bench.rows("candidates", external_id="5")
    assert gone["deleted_at"] is not None
    assert await bench.count("candidates", deleted_at=None) == 11
    deleted = await bench.rows("candidates_import_log", change="deleted")
    assert [row["external_id"] for row in deleted] == ["5"]


async def test_without_reading_by_id_two_complete_listings_are_asked(bench: ImportBench) -> None:
    ats = bench.connector.ats
    bench.connector.reads_by_id = False
    populate(ats, 12)
    await bench.poll()
    ats.drop("candidates", "5")
    ats.drop("applications", "5")

    await bench.poll(sweep=True)
    still_there = await bench.count("candidates", deleted_at=None)
    await bench.poll(sweep=True)

    assert still_there == 12
    assert await bench.count("candidates", deleted_at=None) == 11


async def test_many_missing_records_stop_with_an_alert_and_touch_nothing(
    bench: ImportBench,
) -> None:
    ats = bench.connector.ats
    populate(ats, 12)
    await bench.poll()
    for external_id in ids(4):
        ats.drop("candidates", external_id)

    await bench.poll(sweep=True)

    assert await bench.count("candidates", deleted_at=None) == 12
    [alert] = await bench.rows("alerts", kind="deletion_brake", resolved_at=None)
    assert alert["details"]["missing"] == 4

    await bench.poll(sweep=True, accept_deletions=True)

    assert await bench.count("candidates", deleted_at=None) == 8
    assert await bench.count("alerts", kind="deletion_brake", resolved_at=None) == 0


async def test_an_emptied_listing_deletes_no_one(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 5)
    await bench.poll()
    bench.ruled(max_percent=100.0)
    ats.rows.clear()

    await bench.poll(sweep=True)

    assert await bench.count("candidates", deleted_at=None) == 5
    assert await bench.count("alerts", kind="zero_candidates") == 2


async def test_a_deleted_candidate_that_comes_back_is_alive_again(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 12)
    await bench.poll()
    row = ats.rows["candidates"]["5"]
    ats.drop("candidates", "5")
    await bench.poll(sweep=True)
    ats.rows["candidates"]["5"] = row

    await bench.poll(sweep=True)

    [back] = await bench.rows("candidates", external_id="5")
    assert back["deleted_at"] is None


async def test_one_person_in_several_records_is_one_candidate(bench: ImportBench) -> None:
    ats = bench.connector.ats
    bench.connector.shape = "joined"
    for external_id in ids(6):
        ats.tick()
        ats.put("opportunities", external_id, person=str(int(external_id) % 2), name="N")

    await bench.poll()

    assert await bench.count("candidates") == 2
    assert await bench.count("applications") == 6
    assert await bench.count("candidates_import_log") == 2

    ats.tick()
    for external_id in ("1", "3", "5"):
        ats.put("opportunities", external_id, name="M")
    await bench.poll()

    assert await bench.count("candidate_changes") == 1
    assert await bench.count("candidates_import_log", change="updated") == 1


async def test_a_changed_mapping_maps_everything_again(bench: ImportBench) -> None:
    populate(bench.connector.ats, 6)
    await bench.poll()
    bench.connector.mapping_version = "2"
    before = bench.connector.decoded

    run = await bench.poll()

    assert bench.connector.decoded - before == 12
    assert run.counts.updated == 0
    versions = {row["mapping_version"] for row in await bench.rows("candidate_snapshots")}
    assert versions == {"2"}


async def test_clearview_documents_that_were_there_before_are_brought_in_line(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 4)
    await bench.poll()
    for name in ("candidate_snapshots", "checkpoints", "candidates_import_log"):
        await bench.mongo.own[name].delete_many({})
    bench.connector.ats.put("candidates", "2", company="Other")

    await bench.poll()

    [row] = await bench.rows("candidates", external_id="2")
    assert row["company"] == "Other"
    assert await bench.count("candidates") == 4


async def test_a_listing_from_before_a_push_does_not_undo_it(bench: ImportBench) -> None:
    ats = bench.connector.ats
    populate(ats, 2)
    await bench.poll()
    snapshots = bench.mongo.own["candidate_snapshots"]
    application = application_id(bench.integration, "1")

    await bench.mongo.clearview["applications"].update_one(
        {"_id": application}, {"$set": {"status": "offer"}}
    )
    await snapshots.update_one(
        {"list": "applications", "external_id": "1"},
        {
            "$set": {
                "applications.0.status": "offer",
                "applications.0.pushed": {
                    "sequence": "1",
                    "at": START + timedelta(seconds=5),
                },
            }
        },
    )
    ats.tick()
    ats.put("applications", "1", status="screening")
    await bench.poll()

    [held] = await bench.rows("applications", external_id="1")
    assert held["status"] == "offer"

    bench.clock.advance(timedelta(minutes=1))
    await bench.poll()

    [row] = await bench.rows("applications", external_id="1")
    assert row["status"] == "screening"


async def test_a_stage_that_is_renamed_reaches_equal_records_by_the_next_sweep(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 4)
    await bench.poll()
    bench.connector.stage_names, bench.connector.lookups = {"new": "Fresh"}, "renamed"

    soon = await bench.poll()
    later = await bench.poll(sweep=True)

    assert soon.counts.updated == 0
    assert later.counts.updated == 4
    assert {row["stage"]["name"] for row in await bench.rows("applications")} == {"Fresh"}
    assert {row["path"].split(".", 2)[2] for row in await bench.rows("candidate_changes")} == {
        "stage"
    }


async def test_lookups_that_change_nothing_for_the_records_write_nothing_about_them(
    bench: ImportBench,
) -> None:
    populate(bench.connector.ats, 4)
    await bench.poll()
    bench.connector.lookups = "one more stage"
    before = await bench.contents()

    run = await bench.poll(sweep=True)
    after = await bench.contents()
    again = await bench.poll(sweep=True)

    assert run.counts.updated == again.counts.updated == 0
    assert before.pop("checkpoints") != after.pop("checkpoints")
    assert after == before


async def test_what_changed_is_mapped_again_once(bench: ImportBench) -> None:
    populate(bench.connector.ats, 4)
    await bench.poll()
    bench.connector.lookups = "renamed"
    await bench.poll(sweep=True)
    decoded = bench.connector.decoded

    await bench.poll(sweep=True)

    assert bench.connector.decoded == decoded
