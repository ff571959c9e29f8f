"""The start makes what is missing and changes nothing that is ClearView's; its errors are sentences."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from pymongo import AsyncMongoClient
from structlog.testing import capture_logs

from daemon.store.connection import Mongo
from daemon.store.inspection import inspect_databases
from daemon.store.opening import open_mongo
from models.documents import SyncRun
from models.errors import UserError
from tests.support.mongo import TestMongo

pytestmark = pytest.mark.mongo
OURS = "integration_external_id"


async def opened(mongo: TestMongo, **options: Any) -> Mongo:
    return await open_mongo(
        mongo.uri, database=mongo.database, clearview_database=mongo.clearview, **options
    )


async def prepare(mongo: TestMongo) -> None:
    await (await opened(mongo)).close()


async def observed(mongo: TestMongo) -> dict[str, tuple[str, str]]:
    """What `doctor` says of each collection."""
    connection = await opened(mongo, prepare=False)
    try:
        found: dict[str, tuple[str, str]] = {}
        async for one in inspect_databases(connection):
            weight, words = found.get(one.where, (one.weight, ""))
            found[one.where] = (weight, f"{words}{one.words}\n")
        return found
    finally:
        await connection.close()


def refused(error: pytest.ExceptionInfo[UserError]) -> str:
    return f"{error.value} -> {error.value.remedy}"


async def test_documents_without_our_fields_are_no_matter(mongo: TestMongo) -> None:
    candidates = mongo.clearview_db["candidates"]
    shapes: list[dict[str, Any]] = [
        {},
        {"integration_id": None, "external_id": None},
        {"integration_id": UUID(int=1)},
        {"external_id": "1"},
        {"integration_id": "acme", "external_id": "1"},
        {"integration_id": UUID(int=1), "external_id": 1},
        {"integration_id": [1], "external_id": {"a": 1}},
    ]
    raw = AsyncMongoClient[dict[str, Any]](mongo.uri, uuidRepresentation="standard")
    async with raw:
        rows = [{**shape, "n": n} for n in range(2) for shape in shapes]
        await raw[mongo.clearview]["candidates"].insert_many(rows)

        await prepare(mongo)
        await raw[mongo.clearview]["candidates"].insert_many([dict(shape) for shape in shapes])

    assert await candidates.count_documents({}) == 3 * len(shapes)
    assert OURS in await candidates.index_information()


async def test_what_is_there_already_stays_and_is_reported(mongo: TestMongo) -> None:
    database = mongo.clearview_db
    rules = {"title": {"$type": "string"}}
    await database.create_collection("candidates", validator=rules, validationAction="error")
    await database.create_collection("applications")
    await database["candidates"].create_index(
        [("integration_id", 1), ("external_id", 1)], name="theirs"
    )
    await database["candidates"].create_index("emails.value", unique=True, name="one_address")

    await prepare(mongo)
    await prepare(mongo)

    options = {row["name"]: row["options"] async for row in await database.list_collections()}
    assert options["candidates"]["validator"] == rules
    assert options["applications"] == {}
    assert set(await database["candidates"].index_information()) == {
        "_id_",
        "theirs",
        "one_address",
    }
    weight, words = (await observed(mongo))[f"{mongo.clearview}.candidates"]
    assert weight == "note"
    assert "has a validator of its own (validationAction error), which is kept" in words
    assert "its index theirs on (integration_id, external_id) differs in unique" in words
    assert "has a unique index of its own, one_address on (emails.value)" in words


async def test_a_validator_of_an_earlier_version_that_quotes_documents_is_switched_off(
    mongo: TestMongo,
) -> None:
    schema = {"$jsonSchema": {"properties": {"import_id": {"bsonType": "binData"}}}}
    theirs = {"$jsonSchema": {"properties": {"title": {"bsonType": "string"}}}}
    for name, validator in (("candidates", schema), ("applications", theirs)):
        await mongo.clearview_db.create_collection(
            name, validator=validator, validationAction="warn"
        )

    await prepare(mongo)

    rows = await (await mongo.clearview_db.list_collections()).to_list()
    options = {row["name"]: row["options"] for row in rows}
    assert options["candidates"]["validationLevel"] == "off"
    assert options["applications"] == {"validator": theirs, "validationAction": "warn"}


async def test_our_own_databases_are_complete_after_a_start(mongo: TestMongo) -> None:
    await prepare(mongo)
    before = await mongo.clearview_db["candidates"].index_information()
    with capture_logs() as logs:
        await prepare(mongo)

    assert logs == []
    assert await mongo.clearview_db["candidates"].index_information() == before
    assert await observed(mongo) == dict.fromkeys(
        (mongo.database, mongo.clearview), ("ok", "collections and indexes are complete\n")
    )


async def test_looking_makes_nothing(mongo: TestMongo) -> None:
    found = await observed(mongo)

    assert found[f"{mongo.clearview}.candidates"][1].startswith("is not there yet")
    assert await mongo.db.list_collection_names() == []
    assert await mongo.clearview_db.list_collection_names() == []


async def test_two_documents_of_one_identity_leave_the_index_out_and_the_start_goes_on(
    mongo: TestMongo,
) -> None:
    raw = AsyncMongoClient[dict[str, Any]](mongo.uri, uuidRepresentation="standard")
    async with raw:
        twice = {"integration_id": UUID(int=1), "external_id": "1"}
        await raw[mongo.clearview]["applications"].insert_many([dict(twice), dict(twice)])

    with capture_logs() as logs:
        await prepare(mongo)

    indexes = await mongo.clearview_db["applications"].index_information()
    assert {"candidate", "integration_status"} <= set(indexes)
    assert OURS not in indexes
    [warning] = [line for line in logs if line["event"] == "index_not_created"]
    assert "two documents have the same values" in warning["reason"]
    assert "lacks the index" in (await observed(mongo))[f"{mongo.clearview}.applications"][1]


@pytest.mark.parametrize("ours", [True, False], ids=["our-own", "clearviews"])
async def test_an_index_of_the_same_name_with_other_keys_is_kept_and_named(
    mongo: TestMongo, ours: bool
) -> None:
    database, name = (mongo.db, "sync_runs") if ours else (mongo.clearview_db, "applications")
    index = "candidate" if not ours else declared(SyncRun)
    await database[name].create_index([("secret_team", 1)], name=index)

    with pytest.raises(UserError) as error:
        await prepare(mongo)

    assert f"the index {index} of {database.name}.{name} has other keys (secret_team)" in str(
        error.value
    )
    assert f'db.getSiblingDB("{database.name}").{name}.dropIndex("{index}")' in refused(error)
    assert dict((await database[name].index_information())[index]["key"]) == {"secret_team": 1}
    weight, words = (await observed(mongo))[f"{database.name}.{name}"]
    assert f"its index {index} is on (secret_team)" in words
    assert weight in ("bad", "note")


def declared(document: type[SyncRun]) -> str:
    """An index of a collection of ours."""
    return str(document.Settings.indexes[0].document["name"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"viewOn": "people", "pipeline": []}, "is a view, not a collection"),
        ({"capped": True, "size": 4096}, "is capped: MongoDB drops its oldest documents"),
        ({"timeseries": {"timeField": "at"}}, "is a time series, which can hardly be changed"),
    ],
    ids=["view", "capped", "time-series"],
)
async def test_a_collection_that_cannot_hold_candidates_is_named(
    mongo: TestMongo, options: dict[str, Any], words: str
) -> None:
    await mongo.clearview_db.create_collection("candidates", **options)

    with pytest.raises(UserError) as error:
        await prepare(mongo)

    assert f"{mongo.clearview}.candidates {words}" in refused(error)


async def test_a_database_in_other_capitals_is_named(mongo: TestMongo) -> None:
    await mongo.client[mongo.database.upper()]["x"].insert_one({})
    try:
        with pytest.raises(UserError) as error:
            await prepare(mongo)
    finally:
        await mongo.client.drop_database(mongo.database.upper())

    assert "exists already with other capital letters" in refused(error)


async def test_our_own_duplicates_are_named(mongo: TestMongo) -> None:
    await mongo.db["alerts"].insert_many([{"key": "x", "resolved_at": None} for _ in range(2)])

    with pytest.raises(UserError) as error:
        await prepare(mongo)

    assert "the unique index one_open_per_key of" in refused(error)
    assert "remove one of the two" in refused(error)


@asynccontextmanager
async def failing(mongo: TestMongo, mode: Any, **data: Any) -> AsyncIterator[None]:
    """MongoDB fails the commands of `data`."""
    await mongo.client.admin.command(
        {"configureFailPoint": "failCommand", "mode": mode, "data": data}
    )
    try:
        yield
    finally:
        await mongo.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


async def test_a_server_that_stops_answering_during_the_start_is_named(mongo: TestMongo) -> None:
    await prepare(mongo)
    async with failing(mongo, "alwaysOn", failCommands=["listIndexes"], closeConnection=True):
        with pytest.raises(UserError) as error:
            await prepare(mongo)

    assert "stopped answering while" in refused(error)


@pytest.mark.parametrize(
    "failure",
    [{"errorCode": 11601}, {"errorCode": 11602}, {"errorCode": 276}, {"closeConnection": True}],
    ids=["interrupted", "elected", "index-build-aborted", "hung-up"],
)
@pytest.mark.parametrize("command", ["create", "createIndexes"])
async def test_what_is_interrupted_during_the_start_is_done_again(
    mongo: TestMongo, command: str, failure: dict[str, Any]
) -> None:
    async with failing(mongo, {"times": 2}, failCommands=[command], **failure):
        await prepare(mongo)

    assert all(weight != "bad" for weight, _ in (await observed(mongo)).values())


@pytest.mark.parametrize(
    "uri",
    ["mongodb://127.0.0.1:1/?heartbeatFrequencyMS=5", "mongodb://canary@", "canary://x"],
)
async def test_a_uri_that_the_driver_refuses_is_not_quoted(uri: str) -> None:
    with pytest.raises(UserError) as error:
        await open_mongo(uri, database="ats_sync")

    assert "the MongoDB URI of ATS_SYNC_MONGODB_URI cannot be used" in refused(error)
    assert "canary" not in refused(error)
