"""Pushes that become due by themselves are found by one query for all integrations."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from daemon.pushing.outbox_poller import OVERLAP, OutboxPoller
from daemon.store.outbox import MongoOutbox
from tests.support.mongo import TestMongo
from tests.support.push_world import PushWorld, push_world

pytestmark = pytest.mark.mongo


@pytest.fixture
async def world(prepared_mongo: TestMongo) -> AsyncIterator[PushWorld]:
    async with push_world(
        prepared_mongo.uri, prepared_mongo.database, prepared_mongo.clearview
    ) as world:
        yield world


async def test_only_deliveries_with_newly_due_pushes_are_woken(
    world: PushWorld,
) -> None:
    woken: list[UUID] = []
    due, later, ended, long_ago = (uuid4() for _ in range(4))
    now = world.clock.now()
    soon = timedelta(minutes=1)
    await world.mongo.own["status_outbox"].insert_many(
        [
            {
                "_id": uuid4(),
                "ats_integration_id": of,
                "application_id": uuid4(),
                "event_id": "8265",
                "sequence": "000001:8265",
                "target_status": "interview",
                "state": state,
                "next_attempt_at": at,
                "created_at": now,
            }
            for of, state, at in (
                (due, "retrying", now + soon / 2),
                (due, "pending", now + soon / 2),
                (later, "retrying", now + 2 * soon),
                (ended, "delivered", now + soon / 2),
                (long_ago, "pending", now - OVERLAP - soon),
            )
        ]
    )
    everybody = (due, later, ended, long_ago)
    poller = OutboxPoller(
        MongoOutbox(world.mongo),
        world.clock,
        lambda: {each: (lambda each=each: woken.append(each)) for each in everybody},  # type: ignore[misc]
    )

    await poller.poll()
    assert woken == []
    world.clock.ahead += soon
    await poller.poll()
    assert woken == [due]
