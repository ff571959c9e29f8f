"""A page is inserted in parts: what was there already and what is refused is returned for all of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from daemon.store.bulk_writes import PART, insert_each
from daemon.store.connection import Mongo
from daemon.store.encoding import encode
from tests.support.mongo import TestMongo

pytestmark = pytest.mark.mongo


def rows(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for at in range(count):
        yield f"r{at}", {"_id": at, "external_id": f"r{at}"}


def key_of(row: Any) -> str:
    return str(row["external_id"])


async def test_every_part_is_inserted(mongo: TestMongo) -> None:
    outcome = await insert_each(mongo.db["rows"], rows(2 * PART + 1), encode, key_of)

    assert outcome == (frozenset(), {})
    assert await mongo.db["rows"].count_documents({}) == 2 * PART + 1


async def test_what_was_there_and_what_is_refused_is_reported_from_every_part(
    mongo: TestMongo,
) -> None:
    collection = mongo.db["rows"]
    await collection.insert_many([{"_id": 0, "external_id": "r0"}, {"_id": PART + 1}])
    unfit = ("big", {"_id": "big", "external_id": "big", "number": 2**70})

    existing, refused = await insert_each(collection, [*rows(PART + 5), unfit], encode, key_of)

    assert existing == {"r0", f"r{PART + 1}"}
    assert list(refused) == ["big"]
    assert await collection.count_documents({}) == PART + 5


async def test_nothing_to_insert_asks_for_nothing(mongo: TestMongo) -> None:
    assert await insert_each(mongo.db["rows"], [], encode, key_of) == (frozenset(), {})
    assert "rows" not in await mongo.db.list_collection_names()


async def test_a_failure_of_one_part_is_raised_as_it_is(mongo: TestMongo) -> None:
    closed = Mongo(mongo.uri, database=mongo.database, clearview_database=mongo.clearview)
    await closed.close()

    with pytest.raises(PyMongoError) as caught:
        await insert_each(closed.own["rows"], rows(2 * PART), encode, key_of)

    assert not isinstance(caught.value, BaseExceptionGroup)
