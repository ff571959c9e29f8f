"""Lease rows that no holder can have written: clocks that were set, edits by hand, restored backups."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson import MaxKey, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from daemon.core.leases import HeldLease
from daemon.runtime.clock import SystemClock
from daemon.store.connection import ConnectionOptions, Mongo
from daemon.store.leases import MongoLeases
from models.documents import Lease

pytestmark = pytest.mark.mongo
KEY = "poll:acme"


@pytest.fixture
def store(opened: Mongo) -> Mongo:
    return opened


@pytest.fixture
async def leases(store: Mongo) -> AsyncIterator[MongoLeases]:
    one = MongoLeases(store, SystemClock())
    yield one
    await one.close()


def in_(**time: float) -> datetime:
    return datetime.now(UTC) + timedelta(**time)


async def write(unrestricted: Mongo, **fields: Any) -> None:
    """As an operator's shell might: past the validator."""
    row = {"_id": KEY, "owner": uuid4(), "lsid": uuid4(), "token": 7, "expires_at": in_(seconds=5)}
    row = {name: value for name, value in (row | fields).items() if value != "absent"}
    await unrestricted.own["leases"].replace_one(
        {"_id": KEY}, row, upsert=True, bypass_document_validation=True
    )


@pytest.mark.parametrize(
    "expires_at",
    [
        pytest.param(in_(hours=-1), id="an hour ago"),
        pytest.param(in_(hours=1), id="an hour ahead"),
        pytest.param(in_(days=36_500), id="a century ahead"),
        pytest.param(DatetimeMS(8_640_000_000_000_000), id="the year 275760"),
        pytest.param("2099-01-01T00:00:00Z", id="a text"),
        pytest.param(2**40, id="a number"),
        pytest.param(Timestamp(2**31, 0), id="a timestamp"),
        pytest.param(Regex("x"), id="a regular expression"),
        pytest.param(MaxKey(), id="greater than anything"),
        pytest.param(None, id="null"),
        pytest.param("absent", id="absent"),
    ],
)
async def test_an_end_that_no_holder_can_have_written_blocks_no_one(
    store: Mongo, unrestricted: Mongo, leases: MongoLeases, expires_at: Any
) -> None:
    await write(unrestricted, expires_at=expires_at)

    lease = await leases.acquire(KEY)

    assert lease is not None
    row = await store.own["leases"].find_one({"_id": KEY})
    assert row is not None
    assert row["owner"] == leases.owner
    assert row["expires_at"] <= in_(seconds=11)


async def test_an_end_within_a_lease_s_length_is_respected(
    unrestricted: Mongo, leases: MongoLeases
) -> None:
    await write(unrestricted, expires_at=in_(seconds=9))

    assert await leases.acquire(KEY) is None


async def test_a_holder_keeps_its_lease_when_the_server_s_clock_is_set_back(
    store: Mongo, leases: MongoLeases
) -> None:
    lease = await leases.acquire(KEY)
    assert lease is not None
    await store.own["leases"].update_one({"_id": KEY}, {"$set": {"expires_at": in_(hours=1)}})

    await leases._renew_all()

    other = MongoLeases(store, SystemClock())
    assert lease.still_held()
    assert await other.acquire(KEY) is None
    await other.close()


@pytest.mark.parametrize(
    "token",
    ["absent", None, "8", 8.0, float("nan"), -3, 0, 2**62, {"$numberLong": "8"}],
    ids=repr,
)
async def test_a_token_that_was_edited_or_lost_is_followed_by_a_greater_one(
    unrestricted: Mongo, leases: MongoLeases, token: Any
) -> None:
    before = await leases.acquire(KEY)
    assert before is not None
    await leases.release(before)
    await write(unrestricted, token=token, expires_at=None, owner="a name", lsid="a session")

    after = await leases.acquire(KEY)

    assert after is not None
    assert after.token > before.token
    assert after.token < 2**53


async def test_tokens_grow_although_the_collection_was_dropped(
    unrestricted: Mongo, leases: MongoLeases
) -> None:
    tokens = []
    for _ in range(3):
        lease = await leases.acquire(KEY)
        assert lease is not None
        tokens.append(lease.token)
        await leases.release(lease)
        await unrestricted.own["leases"].drop()

    assert tokens == sorted(set(tokens))


async def test_a_start_on_the_own_mongodb_ends_leases_of_any_shape(
    unrestricted: Mongo, leases: MongoLeases
) -> None:
    await write(unrestricted, owner="a name", token="eight", expires_at=in_(seconds=9))
    await unrestricted.own.command(
        "collMod", "leases", validator=_validator(), validationAction="error"
    )

    await leases.end_all()

    assert await leases.acquire(KEY) is not None


def _validator() -> dict[str, Any]:
    return {"$jsonSchema": Lease.json_schema_validator()}


async def test_giving_a_lease_back_waits_for_no_mongodb_that_is_away() -> None:
    options = ConnectionOptions(server_selection_ms=60_000, operation_ms=60_000)
    away = Mongo("mongodb://127.0.0.1:1/?replicaSet=rs0", database="x", options=options)
    clock = SystemClock()
    leases = MongoLeases(away, clock)
    lease = HeldLease(key=KEY, owner=leases.owner, token=1, still_held=lambda: True)
    began = clock.monotonic()

    await leases.release(lease)
    await leases.close()

    assert clock.monotonic() - began < 10
    await away.close()
