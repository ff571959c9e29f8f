"""How long rows are kept: TTL indexes that follow the file, and candidates that are deleted for long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from config.operator_retention import Retention
from daemon.core.erasure import PersonIds
from daemon.erasing.deleted_candidates import DeletedCandidatesRetention
from daemon.erasing.requests import HeldPeople, PersonRequest
from daemon.store.connection import Mongo
from daemon.store.leases import MongoLeases
from daemon.store.people import MongoDeletedCandidates
from daemon.store.person_queries import OWN_QUERIES
from daemon.store.retention import HOLDABLE, RETAINED, MongoRetention
from models.documents.base import collection_name
from models.ids import candidate_id
from tests.support.canary import (
    ACME,
    APPLICATION,
    FIELDS,
    PERSON,
    CanaryConnector,
    an_ats,
    fill,
    traces,
)
from tests.support.erasing import erasing
from tests.support.importing import ImportBench
from tests.support.mongo import TestMongo, stored_names
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import NOW, a_run
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
MONTH = timedelta(days=30)


async def periods(mongo: Mongo) -> dict[str, Any]:
    """The time to live of each collection, in seconds."""
    found = {}
    for name in await stored_names(mongo.own):
        for index in (await mongo.own[name].index_information()).values():
            if "expireAfterSeconds" in index:
                found[name] = index["expireAfterSeconds"]
    return found


async def test_rows_are_kept_as_long_as_the_file_says(opened: Mongo) -> None:
    retention = MongoRetention(opened)

    await retention.apply(Retention())
    first = await periods(opened)
    await retention.apply(Retention(runs=timedelta(days=2)))
    edited = await periods(opened)

    assert first == {
        document.Settings.name: getattr(Retention(), setting).total_seconds()
        for document, (setting, _) in RETAINED.items()
    }
    assert edited == {**first, "sync_runs": 2 * 24 * 3600}


async def test_the_index_of_an_earlier_release_is_used(opened: Mongo) -> None:
    await opened.own.sync_runs.create_index("started_at", name="kept", expireAfterSeconds=9)

    await MongoRetention(opened).apply(Retention())

    indexes = await opened.own.sync_runs.index_information()
    assert indexes["kept"]["expireAfterSeconds"] == 30 * 24 * 3600
    assert "retention" not in indexes


async def test_one_of_an_earlier_release_that_knows_no_legal_hold_is_replaced(
    opened: Mongo,
) -> None:
    await opened.own.webhook_events.create_index("received_at", name="old", expireAfterSeconds=9)

    await MongoRetention(opened).apply(Retention())
    await MongoRetention(opened).apply(Retention(webhooks=timedelta(days=8)))

    indexes = await opened.own.webhook_events.index_information()
    assert "old" not in indexes
    assert indexes["retention"]["expireAfterSeconds"] == 8 * 24 * 3600
    assert indexes["retention"]["partialFilterExpression"] == {"held": None}


def test_every_row_about_a_person_that_would_expire_can_be_held() -> None:
    assert set(HOLDABLE) == RETAINED.keys() & OWN_QUERIES.keys()
    assert all("held" in document.model_fields for document in HOLDABLE)


async def test_what_is_in_force_and_what_waits_is_shown(opened: Mongo) -> None:
    retention = MongoRetention(opened)
    await opened.own.sync_runs.insert_many(
        [a_run("acme", minutes_ago=each) for each in (1, 60 * 24 * 29, 60 * 24 * 31)]
    )
    before = {one.collection: one for one in await retention.inspect(Retention(), NOW)}
    await retention.apply(Retention())
    after = {one.collection: one for one in await retention.inspect(Retention(), NOW)}

    assert not any(one.is_in_force for one in before.values())
    assert before["sync_runs"].expired == 1
    assert all(one.is_in_force for one in after.values())


@pytest.fixture
async def bench(opened: Mongo) -> ImportBench:
    bench = ImportBench(opened, CanaryConnector(an_ats()), MovingClock())
    bench.ruled(max_percent=100.0)
    await fill(bench)
    return bench


async def erase_deleted(bench: ImportBench) -> int:
    its = erasing(bench.mongo, bench.clock)
    leases = MongoLeases(bench.mongo, bench.clock)
    return await DeletedCandidatesRetention(
        MongoDeletedCandidates(bench.mongo), its.holds, its.erasures, leases, bench.clock
    ).run(MONTH)


async def leave(bench: ImportBench) -> None:
    bench.connector.ats.drop("candidates", PERSON)
    bench.connector.ats.drop("applications", APPLICATION)
    await bench.poll(sweep=True)


async def test_a_candidate_that_the_ats_no_longer_has_is_erased_after_a_while(
    bench: ImportBench, prepared_mongo: TestMongo
) -> None:
    await leave(bench)
    bench.clock.advance(MONTH - timedelta(hours=1))
    early = await erase_deleted(bench)
    bench.clock.advance(timedelta(hours=2))
    erased = [await erase_deleted(bench), await erase_deleted(bench)]
    [receipt] = await bench.mongo.own.erasures.find().to_list()

    assert early == 0
    assert erased == [1, 0]
    assert await traces(bench.mongo) == []
    assert (receipt["reason"], receipt["hashes"]) == ("retention", [])
    assert [row["external_id"] for row in await bench.rows("candidates")] == ["1"]


async def test_a_candidate_that_the_ats_has_again_stays_and_may_come_back(
    bench: ImportBench,
) -> None:
    await leave(bench)
    bench.clock.advance(2 * MONTH)
    bench.connector.ats.put("candidates", PERSON, **FIELDS)
    await bench.poll(sweep=True)
    assert await erase_deleted(bench) == 0

    await leave(bench)
    bench.clock.advance(2 * MONTH)
    assert await erase_deleted(bench) == 1
    bench.connector.ats.put("candidates", PERSON, **FIELDS)
    await bench.poll(sweep=True)

    assert await bench.count("candidates", external_id=PERSON) == 1


async def test_one_replica_erases_at_a_time(bench: ImportBench) -> None:
    await leave(bench)
    bench.clock.advance(2 * MONTH)
    other = MongoLeases(bench.mongo, bench.clock)
    lease = await other.acquire("retention")
    assert lease is not None

    while_held = await erase_deleted(bench)
    await other.release(lease)

    assert (while_held, await erase_deleted(bench)) == (0, 1)


async def test_a_candidate_under_a_legal_hold_is_kept_until_it_is_released(
    bench: ImportBench,
) -> None:
    await leave(bench)
    bench.clock.advance(2 * MONTH)
    requests = erasing(bench.mongo, bench.clock).requests()
    await requests.hold(PersonRequest(candidate=PERSON), "file 12")

    held = await erase_deleted(bench)
    await requests.release(PersonRequest(candidate=PERSON))

    assert (held, await erase_deleted(bench)) == (0, 1)


@asynccontextmanager
async def expiring(unrestricted: Mongo) -> AsyncIterator[None]:
    """MongoDB deletes what has expired, as outside of tests."""
    admin = unrestricted.client.admin
    await admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
    try:
        yield
    finally:
        await admin.command({"setParameter": 1, "ttlMonitorEnabled": False})


async def rows_of(bench: ImportBench, person: str) -> dict[str, int]:
    """The rows that a retention may delete, by collection."""
    data = erasing(bench.mongo, bench.clock).data
    complete = await data.complete(PersonIds(ACME, candidates=frozenset({person})))
    found = {}
    for document in HOLDABLE:
        rows = bench.mongo.collection(document)
        found[rows.name] = await rows.count_documents(OWN_QUERIES[document](complete))
    return found


async def grow_old(bench: ImportBench) -> None:
    for document in HOLDABLE:
        field, long_ago = RETAINED[document][1], NOW - timedelta(days=2_000)
        await bench.mongo.collection(document).update_many({}, {"$set": {field: long_ago}})


async def test_rows_of_a_held_candidate_outlive_their_retention(
    bench: ImportBench, unrestricted: Mongo
) -> None:
    its, gone = erasing(bench.mongo, bench.clock), dict.fromkeys(map(collection_name, HOLDABLE), 0)
    await MongoRetention(bench.mongo).apply(Retention())
    before = await rows_of(bench, PERSON)

    async def others_expired() -> bool:
        return await rows_of(bench, "1") == gone

    async def all_expired() -> bool:
        return await rows_of(bench, PERSON) == gone

    await its.requests().hold(PersonRequest(candidate=PERSON), "file 12")
    await grow_old(bench)
    async with expiring(unrestricted):
        await until(others_expired, within=90, every=0.2)
    held = await rows_of(bench, PERSON)
    await its.requests().release(PersonRequest(candidate=PERSON))
    async with expiring(unrestricted):
        await until(all_expired, within=90, every=0.2)

    assert held == before
    assert all(before.values())


async def test_what_is_written_about_a_held_candidate_later_is_kept_as_well(
    bench: ImportBench,
) -> None:
    its = erasing(bench.mongo, bench.clock)
    held = HeldPeople(its.holds, its.data)
    await its.requests().hold(PersonRequest(candidate=PERSON), "file 12")
    bench.connector.ats.tick()
    bench.connector.ats.put("candidates", PERSON, **{**FIELDS, "email": "new@example.org"})
    await bench.poll()
    new = {"candidate_id": candidate_id(ACME, PERSON), "held": None}
    written = await bench.count("candidate_changes", **new)

    marked = [await held.keep_all(), await held.keep_all()]

    assert written > 0
    assert marked == [1, 1]
    assert await bench.count("candidate_changes", **new) == 0
    assert (
        await bench.count("candidate_changes", candidate_id=candidate_id(ACME, "1"), held=True) == 0
    )


async def test_with_the_policy_erase_a_deleted_candidate_is_erased_at_once(
    bench: ImportBench,
) -> None:
    bench.ruled(deletions="erase")
    bench.connector.ats.drop("candidates", PERSON)
    bench.connector.ats.drop("applications", APPLICATION)

    run = await bench.poll(sweep=True)
    [receipt] = await bench.mongo.own.erasures.find().to_list()

    assert run.counts.deleted == 1
    assert await traces(bench.mongo) == []
    assert (receipt["reason"], receipt["state"]) == ("deleted", "finished")
    assert [row["external_id"] for row in await bench.rows("candidates")] == ["1"]


async def test_with_the_policy_erase_a_candidate_under_a_legal_hold_is_marked(
    bench: ImportBench,
) -> None:
    bench.ruled(deletions="erase")
    requests = erasing(bench.mongo, bench.clock).requests()
    await requests.hold(PersonRequest(candidate=PERSON), "file 12")

    await leave(bench)

    [row] = await bench.rows("candidates", external_id=PERSON)
    assert row["deleted_at"] is not None


async def test_the_deletion_guard_stops_erasures_as_it_stops_marks(bench: ImportBench) -> None:
    bench.ruled(deletions="erase", max_percent=10.0)

    await leave(bench)

    assert await bench.mongo.own.erasures.count_documents({}) == 0
    assert await bench.count("candidates", external_id=PERSON, deleted_at=None) == 1


async def anonymise(bench: ImportBench) -> None:
    """As an ATS does: the record stays, and names no one."""
    bench.connector.ats.tick()
    del bench.connector.ats.rows["candidates"][PERSON]
    bench.connector.ats.put("candidates", PERSON, name="Anonymized", anonymised=True)
    bench.connector.ats.put("applications", APPLICATION, person=PERSON, status="offer")


async def test_a_candidate_that_the_ats_anonymised_is_erased_and_stays_away(
    bench: ImportBench,
) -> None:
    bench.ruled(deletions="erase")
    await anonymise(bench)

    await bench.poll()
    await bench.poll(sweep=True)
    [receipt] = await bench.mongo.own.erasures.find().to_list()

    assert await traces(bench.mongo) == []
    assert receipt["reason"] == "anonymised"
    assert [row["external_id"] for row in await bench.rows("applications")] == ["2"]


async def test_without_the_policy_erase_an_anonymised_candidate_is_an_edited_one(
    bench: ImportBench,
) -> None:
    await anonymise(bench)

    await bench.poll()

    [row] = await bench.rows("candidates", external_id=PERSON)
    assert (row["first_name"], row["emails"]) == ("Anonymized", [])


async def test_many_anonymised_candidates_are_not_believed(bench: ImportBench) -> None:
    bench.ruled(deletions="erase", max_percent=10.0)
    await anonymise(bench)

    await bench.poll()

    assert await bench.mongo.own.erasures.count_documents({}) == 0
    assert await bench.count("candidates", external_id=PERSON) == 1
    assert await bench.mongo.own.alerts.count_documents({"kind": "deletion_brake"}) == 1
