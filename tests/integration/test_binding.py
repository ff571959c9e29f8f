"""Beanie's documents know their collections, and cost no connection until someone uses them."""

import threading

import pytest

from daemon.store.connection import Mongo
from daemon.store.opening import open_mongo
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS, Lease
from tests.support.mongo import TestMongo

pytestmark = pytest.mark.mongo


def motor_threads() -> set[threading.Thread]:
    """Those of an earlier test may still be about to end."""
    return {each for each in threading.enumerate() if each.name.startswith("pymongo_")}


async def test_every_declared_index_and_validator_is_there_once_opened(opened: Mongo) -> None:
    for database, documents in (
        (opened.own, OWN_DOCUMENTS),
        (opened.clearview, CLEARVIEW_DOCUMENTS),
    ):
        rows = await (await database.list_collections()).to_list()
        options = {row["name"]: row["options"] for row in rows}
        for document in documents:
            settings = document.get_settings()
            declared = {each.name for each in settings.indexes}
            assert settings.name is not None
            found = await database[settings.name].index_information()
            assert declared <= set(found)
            assert options[settings.name]["validator"] == {
                "$jsonSchema": document.json_schema_validator()
            }


async def test_opening_starts_no_thread_of_motor(mongo: TestMongo) -> None:
    before = motor_threads()

    opened = await open_mongo(
        mongo.uri, database=mongo.database, clearview_database=mongo.clearview
    )
    try:
        assert motor_threads() <= before
    finally:
        await opened.close()


async def test_a_document_reads_and_writes_its_collection_through_beanie(opened: Mongo) -> None:
    await opened.collection(Lease).insert_one({"_id": "poll:acme", "token": 3})

    found = await Lease.get("poll:acme")
    everything = await Lease.find({"token": {"$gt": 2, "$lt": 4}}).to_list()

    assert found is not None
    assert found.token == 3
    assert [one.id for one in everything] == ["poll:acme"]
