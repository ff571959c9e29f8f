"""Migrations: applied once and recorded, however often and by however many processes they are begun."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from daemon.store.connection import Mongo
from daemon.store.leases import LeaseTimes
from daemon.store.migrations import MigrationRunner
from daemon.store.opening import bind_documents, open_mongo
from daemon.store.preparation import targets
from models.errors import UserError
from models.migrations import MIGRATIONS
from models.migrations.step import DeleteDocuments, Migration
from tests.support.killing import deaths
from tests.support.mongo import TestMongo

pytestmark = pytest.mark.mongo
NAMES = [step.name for step in MIGRATIONS]
SHORT = LeaseTimes(ttl=timedelta(seconds=1), renew_every=timedelta(seconds=0.3))


async def as_release_0_1_0_left_it(mongo: TestMongo) -> None:
    """Collections with one document that is kept and one that is not, and the indexes of then."""
    await mongo.db["page_prints"].insert_one({"digest": b"1", "book": "old"})
    await mongo.db["checkpoints"].insert_one({"_id": "poll:acme", "value": {"books": {"a": {}}}})
    snapshots = mongo.db["candidate_snapshots"]
    await snapshots.insert_one(
        {"ats_integration_id": "acme", "list": "people", "external_id": "1", "fingerprint": b"1"}
        | {"candidate": None, "mapping_version": "1", "seen_at": None, "applications": []}
    )
    await snapshots.create_index(
        [("ats_integration_id", 1), ("applications.external_id", 1)], name="application"
    )
    await mongo.db["failed_records"].insert_many(
        [{"list": "people", "external_id": name, "attempts": 1} for name in ("", "7", "")]
    )
    address = "http:https://hooks.example/SECRET"
    await mongo.db["alerts"].insert_many(
        [{"key": name, "details": {"channel": name}} for name in (address, "apprise:slack:1")]
    )
    await mongo.db["notification_queue"].insert_many(
        [
            {"channel": address, "payload": {"details": {}}},
            {"channel": "apprise:slack:1", "payload": {"details": {"channel": address}}},
        ]
    )


async def start(mongo: TestMongo) -> None:
    await (
        await open_mongo(mongo.uri, database=mongo.database, clearview_database=mongo.clearview)
    ).close()


async def records(mongo: TestMongo) -> dict[str, dict[str, Any]]:
    return {row["_id"]: row async for row in mongo.db["migrations"].find()}


async def assert_migrated(mongo: TestMongo) -> None:
    assert list(await records(mongo)) == NAMES
    assert "page_prints" not in await mongo.db.list_collection_names()
    indexes = await mongo.db["candidate_snapshots"].index_information()
    assert "application_of_record" in indexes
    assert "application" not in indexes
    assert await mongo.db["failed_records"].distinct("external_id") == ["7"]
    assert await mongo.db["candidate_snapshots"].count_documents({}) == 1
    assert await mongo.db["checkpoints"].count_documents({}) == 1


async def test_a_database_of_release_0_1_0_is_migrated_at_the_start(mongo: TestMongo) -> None:
    await as_release_0_1_0_left_it(mongo)

    with capture_logs() as logs:
        await start(mongo)

    await assert_migrated(mongo)
    found = await records(mongo)
    assert [found[name]["counts"] for name in NAMES] == [
        {"collections_dropped": 1},
        {"indexes_created": 1, "indexes_dropped": 1},
        {"documents_deleted": 2},
        {"documents_deleted": 3},
    ]
    assert {row["release"] for row in found.values()} == {"0.2.0", "0.3.0"}
    assert [one["migration"] for one in logs if one["event"] == "migration_applied"] == NAMES


async def test_a_new_database_has_a_record_of_every_step_and_no_message(mongo: TestMongo) -> None:
    with capture_logs() as logs:
        await start(mongo)

    found = await records(mongo)
    assert {name: row["counts"] for name, row in found.items()} == {name: {} for name in NAMES}
    assert logs == []


async def test_a_step_that_was_applied_is_not_applied_again(mongo: TestMongo) -> None:
    await start(mongo)
    before = await records(mongo)
    await mongo.db["page_prints"].insert_one({"kept": "by a person"})

    await start(mongo)

    assert await records(mongo) == before
    assert await mongo.db["page_prints"].count_documents({}) == 1


async def test_a_database_of_a_newer_release_is_refused_and_stays_as_it_is(
    mongo: TestMongo,
) -> None:
    await mongo.db["migrations"].insert_one({"_id": "0099_split_names", "release": "0.9.0"})

    with pytest.raises(UserError) as error:
        await start(mongo)

    assert "was migrated by release 0.9.0 of ATS Sync (step 0099_split_names)" in str(error.value)
    assert "start release 0.9.0 or a later one" in str(error.value.remedy)
    assert await mongo.db.list_collection_names() == ["migrations"]


async def test_replicas_that_start_together_apply_each_step_once(mongo: TestMongo) -> None:
    await as_release_0_1_0_left_it(mongo)

    with capture_logs() as logs:
        await asyncio.gather(*(start(mongo) for _ in range(4)))

    await assert_migrated(mongo)
    assert [one["migration"] for one in logs if one["event"] == "migration_applied"] == NAMES


async def test_a_replica_waits_for_the_one_that_migrates(
    mongo: TestMongo, unrestricted: Mongo
) -> None:
    """The second one finds the lease taken, and returns once every step has its record."""
    connection = Mongo(mongo.uri, database=mongo.database, clearview_database=mongo.clearview)
    own, _ = targets(connection)
    await start(mongo)
    last = await unrestricted.own["migrations"].find_one_and_delete({"_id": NAMES[-1]})
    await connection.own["leases"].update_one(
        {"_id": "migrations"},
        [{"$set": {"owner": UUID(int=9), "expires_at": {"$add": ["$$NOW", 10_000]}}}],
    )
    waiting = asyncio.create_task(MigrationRunner(connection, own).run())
    done, _ = await asyncio.wait({waiting}, timeout=1.0)

    assert not done
    assert last is not None
    await connection.own["migrations"].insert_one(last)
    await waiting
    await connection.close()


async def test_steps_of_later_releases_are_applied_after_the_recorded_ones(
    mongo: TestMongo,
) -> None:
    await start(mongo)
    connection = Mongo(mongo.uri, database=mongo.database, clearview_database=mongo.clearview)
    own, _ = targets(connection)
    await mongo.db["sync_runs"].insert_one({"job": "no such job"}, bypass_document_validation=True)
    later = Migration("0004_x", "0.3.0", (DeleteDocuments("sync_runs", {"job": "no such job"}),))

    await MigrationRunner(connection, own, steps=(*MIGRATIONS, later)).run()
    await connection.close()

    assert list(await records(mongo)) == [*NAMES, "0004_x"]
    assert await mongo.db["sync_runs"].count_documents({}) == 0


async def migrate(uri: str, database: str, clearview: str) -> None:
    connection = Mongo(uri, database=database, clearview_database=clearview)
    await bind_documents(connection, prepare=False)
    own, _ = targets(connection)
    await MigrationRunner(connection, own, times=SHORT).run()
    await connection.close()


@pytest.mark.timeout(300)
async def test_a_kill_between_any_two_writes_leaves_a_database_that_the_next_start_completes(
    mongo: TestMongo,
) -> None:
    async def begin() -> None:
        await mongo.client.drop_database(mongo.database)
        await as_release_0_1_0_left_it(mongo)

    killed, where = 0, (mongo.uri, mongo.database, mongo.clearview)
    async for _ in deaths(begin, migrate, *where, every=2):
        killed += 1

        await migrate(*where)

        await assert_migrated(mongo)
    assert killed > len(MIGRATIONS)
