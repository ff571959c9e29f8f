"""`verify` and `plan` against a real MongoDB and an ATS in memory: they report, and write nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from daemon.core.preview import PreviewedChange
from daemon.core.verification import Drift
from daemon.importing.preview import Preview
from daemon.importing.verify import Verification
from daemon.jobs.import_poll import ImportFailed
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from models.ids import application_id, candidate_id
from models.times import utc_now
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench, import_ports
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo

PEOPLE = 7


@pytest.fixture(params=["split", "joined"])
async def bench(request: pytest.FixtureRequest, opened: Mongo) -> ImportBench:
    """Seven people, imported."""
    connector = FakeConnector(FakeAts(), shape=request.param)
    bench = ImportBench(opened, connector, MovingClock(START))
    for person in ids(PEOPLE):
        edit(bench, person, name=f"P{person}", company="Old")
        move(bench, person, "new")
    await bench.poll()
    return bench


def edit(bench: ImportBench, person: str, **fields: Any) -> None:
    bench.connector.ats.tick()
    bench.connector.ats.put(bench.connector.lists[0].name, person, person=person, **fields)


def move(bench: ImportBench, person: str, status: str) -> None:
    bench.connector.ats.tick()
    bench.connector.ats.put(bench.connector.lists[-1].name, person, person=person, status=status)


def drop(bench: ImportBench, person: str) -> None:
    for facts in bench.connector.lists:
        bench.connector.ats.drop(facts.name, person)


def verification(bench: ImportBench, **options: Any) -> Verification:
    return Verification(
        connector=bench.connector,
        snapshots=MongoSnapshots(bench.mongo, bench.integration),
        clearview=MongoClearViewReader(bench.mongo, bench.integration),
        **options,
    )


async def verify(bench: ImportBench, **options: Any) -> list[Drift]:
    return [item async for item in verification(bench, **options).differences()]


async def preview(bench: ImportBench, **options: Any) -> tuple[Preview, list[PreviewedChange]]:
    ports = import_ports(bench.mongo, bench.integration, bench.clock)
    look = Preview(bench.connector, ports, bench.rules, **options)
    return look, [item async for item in look.changes()]


async def in_clearview(bench: ImportBench, name: str, external_id: str, **fields: Any) -> None:
    make_id = candidate_id if name == "candidates" else application_id
    await bench.mongo.clearview[name].update_one(
        {"_id": make_id(bench.integration, external_id)}, {"$set": fields}
    )


def briefly(items: list[Drift]) -> set[tuple[str, str, str, str | None]]:
    return {(item.kind, item.subject, item.external_id, item.path) for item in items}


async def test_after_an_import_all_three_sides_agree(bench: ImportBench) -> None:
    look = verification(bench)

    found = [item async for item in look.differences()]

    assert found == []
    assert look.counts.drift == 0
    assert look.counts.applications == PEOPLE


async def test_a_field_that_no_import_has_brought_yet_is_drift_with_all_three_values(
    bench: ImportBench,
) -> None:
    edit(bench, "3", company="New")

    found = await verify(bench)

    assert briefly(found) == {("field differs", "candidate", "3", "company")}
    assert (found[0].ats, found[0].snapshot, found[0].clearview) == ("New", "Old", "Old")


async def test_what_people_edited_in_clearview_is_no_drift(bench: ImportBench) -> None:
    await in_clearview(bench, "candidates", "2", title="Engineer")

    found = await verify(bench)

    assert briefly(found) == {("local edit", "candidate", "2", "title")}
    assert not found[0].is_drift


async def test_a_status_that_differs_is_drift_unless_a_push_is_pending(bench: ImportBench) -> None:
    await in_clearview(bench, "applications", "2", status="offer")
    await in_clearview(bench, "applications", "4", status="offer")
    await push_waits(bench, "4", "retrying")
    await push_waits(bench, "2", "delivered")

    found = await verify(bench)

    assert briefly(found) == {
        ("field differs", "application", "2", "status"),
        ("pending push", "application", "4", "status"),
    }
    assert sum(item.is_drift for item in found) == 1


async def push_waits(bench: ImportBench, external_id: str, state: str) -> None:
    await bench.mongo.own["status_outbox"].insert_one(
        {
            "_id": uuid4(),
            "event_id": external_id,
            "ats_integration_id": bench.integration,
            "application_id": application_id(bench.integration, external_id),
            "sequence": external_id,
            "target_status": "offer",
            "state": state,
            "created_at": utc_now(),
        }
    )


async def test_records_no_one_has_imported_are_missing_on_both_of_our_sides(
    bench: ImportBench,
) -> None:
    edit(bench, "90", name="New")
    move(bench, "90", "new")

    found = await verify(bench)

    kinds = {(item.kind, item.subject) for item in found}
    assert ("missing in snapshots", "record") in kinds
    assert ("missing in ClearView", "candidate") in kinds
    assert {item.external_id for item in found} == {"90"}


async def test_a_document_that_clearview_lost_is_drift(bench: ImportBench) -> None:
    await bench.mongo.clearview["applications"].delete_one(
        {"_id": application_id(bench.integration, "6")}
    )

    found = await verify(bench)

    assert briefly(found) == {("missing in ClearView", "application", "6", None)}


async def test_deleted_in_clearview_alone_is_drift(bench: ImportBench) -> None:
    await in_clearview(bench, "candidates", "6", deleted_at=utc_now())

    found = await verify(bench)

    assert briefly(found) == {("deleted here, present there", "candidate", "6", None)}


async def test_a_record_that_is_gone_at_the_ats_is_reported_once_per_record(
    bench: ImportBench,
) -> None:
    drop(bench, "5")

    found = await verify(bench)

    expected = {
        ("present here, gone there", "record", "5", None),
    }
    assert briefly(found) == expected
    assert len(found) == len(bench.connector.lists)


async def test_deletions_that_the_operator_ignores_are_no_drift(bench: ImportBench) -> None:
    drop(bench, "5")

    found = await verify(bench, deletions="ignore")

    assert {item.kind for item in found} == {"kept by policy"}
    assert not any(item.is_drift for item in found)


async def test_a_clearview_document_that_no_one_else_knows_is_drift(bench: ImportBench) -> None:
    stray = dict((await bench.rows("candidates", external_id="1"))[0])
    stray |= {"_id": uuid4(), "external_id": "77"}
    await bench.mongo.clearview["candidates"].insert_one(stray)

    found = await verify(bench)

    assert briefly(found) == {("present here, gone there", "candidate", "77", None)}


async def test_a_record_that_cannot_be_mapped_is_reported(bench: ImportBench) -> None:
    bench.connector.ats.broken.add("3")

    found = await verify(bench)

    assert {item.kind for item in found if item.subject == "record"} == {"cannot be mapped"}


async def test_neither_verify_nor_plan_writes_anything(bench: ImportBench) -> None:
    edit(bench, "3", company="New")
    move(bench, "4", "interview")
    drop(bench, "5")
    await in_clearview(bench, "applications", "4", status="offer")
    before = await bench.contents()

    await verify(bench)
    await preview(bench, sweep=True)

    assert await bench.contents() == before


async def test_a_plan_is_what_the_next_poll_does(bench: ImportBench) -> None:
    edit(bench, "3", company="New")
    move(bench, "4", "interview")
    edit(bench, "91", name="Ada")
    move(bench, "91", "new")
    drop(bench, "5")
    bench.ruled(max_percent=50.0)

    look, planned = await preview(bench, sweep=True)
    run = await bench.poll(sweep=True)

    counts = run.counts
    assert look.counts.deleted == counts.deleted
    assert look.counts.created + look.counts.updated == counts.created + counts.updated
    logged = {
        (row["path"], row["new"] if isinstance(row["new"], str) else None)
        for row in await bench.rows("candidate_changes")
    }
    changes = [c for c in planned if c.change == "updated" and c.candidate_external_id != "91"]
    fields = {
        (f.path, f.new if isinstance(f.new, str) else None) for c in changes for f in c.fields
    }
    assert fields == logged


async def test_a_plan_after_everything_is_imported_is_empty(bench: ImportBench) -> None:
    look, planned = await preview(bench)

    assert planned == []
    assert look.counts.seen > 0


async def test_a_plan_names_conflicts_and_who_would_win(bench: ImportBench) -> None:
    move(bench, "4", "interview")
    await in_clearview(bench, "applications", "4", status="offer")

    _, planned = await preview(bench)

    [conflict] = [c for item in planned for c in item.conflicts]
    assert (conflict.ats, conflict.clearview, conflict.winner) == ("interview", "offer", "ats")


async def test_a_plan_says_when_deletions_would_be_refused(bench: ImportBench) -> None:
    for person in ids(3):
        drop(bench, person)

    look, planned = await preview(bench, sweep=True)

    assert planned == []
    assert len(look.counts.brakes) == len(bench.connector.lists)


async def test_a_plan_names_records_that_would_fail_or_be_tried_again(
    bench: ImportBench,
) -> None:
    bench.connector.ats.broken.add("3")
    edit(bench, "3", company="New")
    _, failing = await preview(bench)
    await bench.poll()
    bench.connector.ats.broken.clear()
    bench.connector.ats.tick(7200)
    bench.clock.advance(timedelta(hours=1))

    _, repaired = await preview(bench)

    assert {item.change for item in failing} == {"failed"}
    assert [f.path for item in repaired for f in item.fields] == ["company"]


async def test_a_plan_goes_on_where_an_interrupted_poll_stopped(bench: ImportBench) -> None:
    first = bench.connector.lists[0].name
    for person in ids(PEOPLE):
        edit(bench, person, company="New")
    bench.connector.fail_at.add((first, 1))
    with pytest.raises(ImportFailed):
        await bench.poll(sweep=True)

    _, planned = await preview(bench)

    assert len(planned) == PEOPLE - bench.connector.page_size


async def test_a_position_that_expired_makes_the_plan_begin_again(bench: ImportBench) -> None:
    first = bench.connector.lists[0].name
    for person in ids(PEOPLE):
        edit(bench, person, company="New")
    bench.connector.fail_at.add((first, 1))
    with pytest.raises(ImportFailed):
        await bench.poll(sweep=True)
    bench.connector.refuse_positions = True

    look, planned = await preview(bench)

    assert len(planned) == PEOPLE - bench.connector.page_size
    assert look.counts.unchanged >= bench.connector.page_size
