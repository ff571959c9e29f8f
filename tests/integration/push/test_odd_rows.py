"""Outbox rows and positions that an edit by hand or a wrong clock has left."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from daemon.core.integrations import IntegrationRef
from daemon.core.leases import LeaseLost
from daemon.pushing.stream_checkpoint import FIRST_START, CheckpointWriter
from daemon.runtime.clock import SystemClock
from daemon.store.analytics_log import MongoExportPosition
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.connection import Mongo
from daemon.store.delivery_queue import MongoDeliveryQueue
from daemon.store.opening import bind_documents
from models.ids import integration_id
from tests.support.mongo import TestMongo
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import NOW, a_push

pytestmark = pytest.mark.mongo
FENCE = 1_800_000_000_000


@pytest.fixture
async def store(mongo: TestMongo) -> AsyncIterator[Mongo]:
    opened = Mongo(mongo.uri, database=mongo.database, clearview_database=mongo.clearview)
    await bind_documents(opened, prepare=False)
    yield opened
    await opened.close()


def queue(store: Mongo) -> MongoDeliveryQueue:
    return MongoDeliveryQueue(store, IntegrationRef("acme", integration_id("acme")), fence=FENCE)


async def due(store: Mongo) -> set[str]:
    found = await queue(store).due(now=NOW, limit=100, busy=())
    return {push.external_id for pushes in found.values() for push in pushes if push.external_id}


async def test_what_no_living_holder_has_in_hand_is_taken_over(store: Mongo) -> None:
    fences: dict[str, Any] = {
        "an earlier holder": FENCE - 1,
        "a holder of the time when tokens were small": 999_999_999,
        "null": None,
        "a text": "17",
        "a century ahead": FENCE + 100 * 366 * 86_400_000,
        "beyond any moment": 2**62,
    }
    later: dict[str, Any] = {"this holder": FENCE, "a later holder": FENCE + 1}
    rows = [
        a_push("acme", name, state="in_flight", sent_at=NOW, next_attempt_at=None, fence=fence)
        for name, fence in (fences | later).items()
    ]
    del rows[2]["fence"]
    await store.own.status_outbox.insert_many(rows)

    taken = await queue(store).take_over(now=NOW)

    assert taken == len(fences)
    assert await due(store) == set(fences)


async def test_no_push_waits_for_a_moment_that_a_wrong_clock_wrote(store: Mongo) -> None:
    moments: dict[str, Any] = {
        "within the hour": NOW + timedelta(minutes=59),
        "in two hours": NOW + timedelta(hours=2),
        "in a century": NOW + timedelta(days=36_500),
        "never": None,
        "some day": "2099-01-01",
    }
    rows = [a_push("acme", name, next_attempt_at=moment) for name, moment in moments.items()]
    await store.own.status_outbox.insert_many(rows)

    await queue(store).take_over(now=NOW)

    assert await due(store) == set(moments) - {"within the hour"}


@pytest.mark.parametrize(
    ("fence", "is_lost"),
    [
        pytest.param(FENCE - 1, False, id="an earlier holder"),
        pytest.param(FENCE, False, id="this holder"),
        pytest.param(FENCE + 1, True, id="a later holder"),
        pytest.param(None, False, id="null"),
        pytest.param("17", False, id="a text"),
        pytest.param(2**62, False, id="beyond any moment"),
    ],
)
async def test_a_position_is_kept_from_no_one_but_a_former_holder(
    store: Mongo, fence: Any, is_lost: bool
) -> None:
    await store.own.checkpoints.insert_one(
        {"_id": "poll:acme", "value": {}, "updated_at": NOW, "fence": fence}
    )
    checkpoints = MongoCheckpoints(store, SystemClock())
    try:
        await checkpoints.save("poll:acme", {"new": True}, fence=FENCE)
        lost = False
    except LeaseLost:
        lost = True

    assert lost is is_lost
    assert await checkpoints.load("poll:acme") == ({} if is_lost else {"new": True})


ODD_VALUES: list[Any] = [
    None,
    "a text",
    7,
    [],
    {},
    {"token": "a text"},
    {"epoch": "one", "token": {"_data": "82"}},
    {"at": 7},
    {"unknown": True},
    {"exported_until": None},
    {"exported_until": "2026-11-22"},
    {"exported_until": NOW + timedelta(days=1)},
]


async def test_a_position_of_an_odd_shape_is_no_position_and_stops_no_one(store: Mongo) -> None:
    checkpoints, clock = MongoCheckpoints(store, SystemClock()), MovingClock(NOW)
    exports = MongoExportPosition(store, clock)
    rows = store.own["checkpoints"]
    for key in ("stream:applications", "export:acme"):
        await rows.insert_one({"_id": key, "updated_at": NOW, "fence": FENCE})
    read = []
    for value in ODD_VALUES:
        await rows.update_many({}, {"$set": {"value": value}})
        writer = CheckpointWriter(checkpoints, clock, fence=FENCE)
        read.append((await writer.load("p", None), await exports.load("acme")))
    await rows.update_many({}, {"$unset": {"value": 1}})
    absent = await CheckpointWriter(checkpoints, clock, fence=FENCE).load("p", None)

    assert {place.token is None for place, _until in read} == {True}
    assert {until for _place, until in read} == {None}
    assert absent.repair == FIRST_START
    assert all(place.repair for place, _until in read)
