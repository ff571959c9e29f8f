"""A person's request: everything is removed, once and for good."""

import base64
from typing import Any

import pytest
from gridfs.asynchronous import AsyncGridFSBucket

from daemon.core.webhooks import Received
from daemon.erasing.requests import PersonRequest, PersonRequests
from daemon.importing.preview import Preview
from daemon.importing.verify import Verification
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from daemon.store.webhook_events import MongoWebhookEventStore
from models.errors import UserError
from models.ids import candidate_id, integration_id
from tests.support.canary import (
    ACME,
    APPLICATION,
    EMAIL,
    FIELDS,
    FORMER,
    PERSON,
    documents,
    shows,
    traces,
    values_of,
)
from tests.support.erasing import erasing
from tests.support.importing import ImportBench, import_ports
from tests.support.mongo import stored_names
from tests.support.sample_rows import a_candidate, an_integration

pytestmark = pytest.mark.mongo
BY_ID = PersonRequest(candidate=PERSON)


def requests(bench: ImportBench) -> PersonRequests:
    """Another process."""
    its = erasing(bench.mongo, bench.clock)
    return its.requests()


def another_replica(bench: ImportBench) -> ImportBench:
    return ImportBench(bench.mongo, bench.connector, bench.clock, bench.rules, bench.fence + 1)


async def without_the_person(mongo: Mongo) -> list[Any]:
    """All documents but receipts and what shows the canary."""
    return [
        (name, row)
        for name, row in await documents(mongo)
        if name not in ("erasures", "data_keys", "checkpoints", "alerts", "notification_queue")
        and name != "sync_runs"
        and not any(shows(value) for _, value in values_of(row))
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        BY_ID,
        PersonRequest(candidate=str(candidate_id(ACME, PERSON))),
        PersonRequest(email=f" {EMAIL.upper()} "),
        PersonRequest(email=FORMER),
    ],
    ids=["by the id at the ATS", "by ClearView's id", "by an address", "by a former address"],
)
async def test_no_value_of_either_database_shows_anything_of_an_erased_person(
    bench: ImportBench, wanted: PersonRequest
) -> None:
    collections = {name for name, _, _ in await traces(bench.mongo)}
    others = await without_the_person(bench.mongo)

    receipt = await requests(bench).erase(wanted)

    assert len(collections) >= 14
    assert await traces(bench.mongo) == []
    assert receipt is not None
    assert receipt.state == "finished"
    left = await documents(bench.mongo)
    assert all(row in left for row in others)


async def test_a_receipt_counts_what_was_removed_and_holds_no_id(bench: ImportBench) -> None:
    planned = await requests(bench).plan(BY_ID)
    assert planned is not None
    receipt = await requests(bench).erase(BY_ID)
    row = await bench.mongo.own.erasures.find_one({})

    assert receipt is not None
    assert receipt.counts == planned.counts
    assert receipt.counts["candidates"] == receipt.counts["applications"] == 1
    assert receipt.counts["candidate_snapshots"] == 2
    assert row is not None
    assert row["subject"] is None
    assert {len(one) for one in row["hashes"]} == {16}


async def test_a_plan_removes_nothing(bench: ImportBench) -> None:
    before = await documents(bench.mongo)

    await requests(bench).plan(BY_ID)

    assert [row for row in await documents(bench.mongo) if row[0] != "data_keys"] == before


async def test_an_erased_person_is_not_imported_again_by_any_replica(bench: ImportBench) -> None:
    await requests(bench).erase(BY_ID)
    ats = bench.connector.ats

    for replica in (bench, another_replica(bench)):
        ats.tick()
        ats.put("candidates", PERSON, **{**FIELDS, "company": "Again"})
        ats.put("applications", APPLICATION, person=PERSON, status="offer")
        ats.put("applications", "7730003", person=PERSON, status="new")
        ats.put("candidates", "1", name="Grace again", email="grace@example.org")
        run = await replica.poll()
        assert run.details["records_of_erased_people"] >= 3
        await replica.poll(sweep=True)

    assert await traces(bench.mongo) == []
    assert [row["first_name"] for row in await bench.rows("candidates")] == ["Grace again"]


async def test_someone_else_with_the_erased_address_is_not_imported(bench: ImportBench) -> None:
    await requests(bench).erase(PersonRequest(email=EMAIL))
    bench.connector.ats.put("candidates", "3", name="Ada", email=EMAIL.lower())

    await bench.poll(sweep=True)

    assert await bench.count("candidates", external_id="3") == 0


async def test_an_address_that_others_have_as_well_does_not_keep_those_away(
    bench: ImportBench,
) -> None:
    bench.connector.ats.put("candidates", "3", name="Colleague", email=EMAIL)
    await bench.poll(sweep=True)

    await requests(bench).erase(BY_ID)
    bench.connector.ats.put("candidates", "3", name="Colleague", title="New", email=EMAIL)
    await bench.poll(sweep=True)

    assert [row["title"] for row in await bench.rows("candidates", external_id="3")] == ["New"]


async def test_an_address_erases_the_candidates_of_all_integrations(bench: ImportBench) -> None:
    other = a_candidate("globex", "77", emails=[{"value": EMAIL.lower(), "type": None}])
    await bench.mongo.clearview.candidates.insert_one(other)

    receipt = await requests(bench).erase(PersonRequest(email=EMAIL))

    assert receipt is not None
    assert receipt.candidates == 2
    assert await bench.count("candidates", _id=other["_id"]) == 0


async def test_a_webhook_event_about_an_erased_person_is_not_kept(bench: ImportBench) -> None:
    await requests(bench).erase(BY_ID)
    store = MongoWebhookEventStore(bench.mongo, erased=erasing(bench.mongo, bench.clock).erased)

    received = await store.receive(
        "acme", Received("e1", "changed", {"candidates": [PERSON]}), bench.clock.now()
    )
    await bench.poll(only_webhooks=True)

    assert received
    assert await traces(bench.mongo) == []


async def test_erasing_twice_gives_the_same_receipt_and_changes_nothing(bench: ImportBench) -> None:
    first = await requests(bench).erase(BY_ID)
    before = await documents(bench.mongo)

    again = [await requests(bench).erase(w) for w in (BY_ID, PersonRequest(email=EMAIL))]

    assert again == [first, first]
    assert await documents(bench.mongo) == before


async def test_a_person_of_whom_nothing_is_held_gets_no_receipt(bench: ImportBench) -> None:
    assert await requests(bench).erase(PersonRequest(email="unknown@example.org")) is None
    assert await bench.mongo.own.erasures.count_documents({}) == 0


async def test_an_id_of_several_integrations_has_to_be_made_clear(bench: ImportBench) -> None:
    await bench.mongo.own.ats_integration_settings.insert_one(an_integration("globex"))
    await bench.mongo.clearview.candidates.insert_one(a_candidate("globex", PERSON))

    with pytest.raises(UserError):
        await requests(bench).erase(BY_ID)
    wanted = PersonRequest(candidate=PERSON, integration=integration_id("acme"))
    await requests(bench).erase(wanted)

    assert await bench.count("candidates", external_id=PERSON) == 1


async def test_an_export_has_every_value_that_is_held_about_a_person(bench: ImportBench) -> None:
    held = {(name, value) for name, path, value in await traces(bench.mongo)}
    exported = await requests(bench).documents(BY_ID)
    shown = {
        (name, value)
        for name, rows in exported.items()
        for row in rows
        for _, value in values_of(row)
        if isinstance(value, str | bytes) or shows(value)
    }

    assert held
    assert {one for one in held if one not in shown} == set()


async def test_an_export_of_an_erased_person_is_empty(bench: ImportBench) -> None:
    await requests(bench).erase(BY_ID)

    assert await requests(bench).documents(BY_ID) == {}
    assert await requests(bench).documents(PersonRequest(email=EMAIL)) == {}


async def test_erased_people_are_no_drift_and_no_planned_change(bench: ImportBench) -> None:
    await requests(bench).erase(BY_ID)
    ports = import_ports(bench.mongo, bench.integration, bench.clock)
    verification = Verification(
        bench.connector,
        MongoSnapshots(bench.mongo, ACME),
        MongoClearViewReader(bench.mongo, ACME),
        erased=ports.erased,
    )

    assert [item async for item in verification.differences()] == []
    plan = Preview(bench.connector, ports, bench.rules, sweep=True)
    assert [item async for item in plan.changes()] == []


async def copied(mongo: Mongo) -> list[tuple[Any, list[Any]]]:
    """A backup of both databases."""
    return [
        (database[name], await database[name].find().to_list())
        for database in (mongo.own, mongo.clearview)
        for name in await stored_names(database)
    ]


async def restore(backup: list[tuple[Any, list[Any]]], *, without: set[str]) -> None:
    for collection, rows in backup:
        if collection.name not in without:
            await collection.delete_many({})
            if rows:
                await collection.insert_many(rows)


async def test_whom_a_restored_backup_brings_back_is_erased_again(
    bench: ImportBench, unrestricted: Mongo
) -> None:
    backup = await copied(unrestricted)
    first = await requests(bench).erase(PersonRequest(email=EMAIL))
    await restore(backup, without={"erasures", "data_keys"})
    assert await traces(bench.mongo)

    erased = [await requests(bench).replay(), await requests(bench).replay()]

    assert erased == [1, 0]
    assert await traces(bench.mongo) == []
    [row] = await bench.mongo.own.erasures.find().to_list()
    assert first is not None
    assert row["_id"] == first.id
    assert row["counts"]["candidates"] == 2
    assert [each["external_id"] for each in await bench.rows("candidates")] == ["1"]


async def test_receipts_that_were_saved_apart_erase_again_after_a_restore_of_everything(
    bench: ImportBench, unrestricted: Mongo
) -> None:
    backup = await copied(unrestricted)
    await requests(bench).erase(BY_ID)
    its = erasing(bench.mongo, bench.clock)
    saved = await its.archive.save()
    await unrestricted.own.data_keys.delete_many({})
    await unrestricted.own.erasures.delete_many({})
    await restore(backup, without=set())
    assert await requests(bench).replay() == 0

    added = [await its.archive.restore(saved), await its.archive.restore(saved)]

    assert added == [1, 0]
    assert PERSON.encode() not in saved
    assert await requests(bench).replay() == 1
    assert await traces(bench.mongo) == []
    await another_replica(bench).poll(sweep=True)
    assert await traces(bench.mongo) == []


async def test_receipts_of_another_key_are_refused(bench: ImportBench, unrestricted: Mongo) -> None:
    its = erasing(bench.mongo, bench.clock)
    saved = await its.archive.save()
    await unrestricted.own.data_keys.delete_many({})
    await requests(bench).erase(BY_ID)

    with pytest.raises(UserError, match="another key"):
        await its.archive.restore(saved)
    with pytest.raises(UserError, match="no receipts"):
        await its.archive.restore(b"{}")


async def with_a_file(bench: ImportBench) -> None:
    """A copy of the person's file in ClearView's bucket."""
    copy = candidate_id(ACME, "a copy")
    bucket = AsyncGridFSBucket(bench.mongo.clearview, bucket_name="attachments")
    await bucket.upload_from_stream_with_id(copy, "0f", f"the resume of {EMAIL}".encode())
    owner = {"candidate_id": candidate_id(ACME, PERSON), "candidate_external_id": PERSON}
    await bench.mongo.own.attachments_queue.insert_one(
        {"_id": candidate_id(ACME, "a row"), "ats_integration_id": ACME, **owner, "kind": "resume"}
        | {"external_id": "f1", "list": "candidates", "record_id": PERSON, "version": "1"}
        | {"state": "fetched", "attempts": 0, "queued_at": bench.clock.now(), "file_id": copy}
        | {"replaced": [], "fence": 0, "updated_at": bench.clock.now()}
    )


async def test_files_are_exported_and_erased(bench: ImportBench) -> None:
    await with_a_file(bench)
    exported = await requests(bench).documents(BY_ID)
    held = {name for name, _, _ in await traces(bench.mongo)}
    await requests(bench).erase(BY_ID)

    [file] = exported["attachments.files"]
    assert EMAIL.encode() in base64.b64decode(file["content"])
    assert {"attachments_queue", "attachments.chunks"} <= held
    assert await traces(bench.mongo) == []
