"""Deletions and merges that an ATS announces are imported at once, with the applications that they take along."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from connectors.simulator import Simulator, create_simulator
from daemon.core.webhooks import Received
from daemon.store.connection import Mongo
from daemon.store.webhook_events import MongoWebhookEventStore
from tests.support.ats import connect
from tests.support.fake_ats import START, FakeConnector
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


@pytest.fixture(params=["greenhouse", "ashby", "teamtailor"])
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    account = create_simulator(request.param, candidates=30, unlimited=True)
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
async def bench(opened: Mongo, simulator: Simulator) -> AsyncIterator[ImportBench]:
    connector = connect(simulator)
    yield ImportBench(opened, cast("FakeConnector", connector), MovingClock(START))
    await connector.close()


async def announce(bench: ImportBench, *candidates: str) -> None:
    """An event that names candidates alone, as most vendors' do."""
    event = Received("event", "deleted or merged", {"candidates": candidates})
    assert await MongoWebhookEventStore(bench.mongo).receive("acme", event, bench.clock.now())


async def live(bench: ImportBench, name: str) -> set[str]:
    return {row["external_id"] for row in await bench.rows(name, deleted_at=None)}


async def test_a_candidate_who_is_deleted_takes_the_applications_along(
    bench: ImportBench, simulator: Simulator
) -> None:
    await bench.poll()
    person = next(p for p in simulator.world.people.values() if len(p.applications) > 1)
    key = simulator.person_key(person)
    simulator.actions.delete_person(person)

    await announce(bench, key)
    run = await bench.poll(only_webhooks=True)

    assert await live(bench, "candidates") == set(simulator.truth().candidates)
    assert await live(bench, "applications") == set(simulator.truth().applications)
    assert run.counts.deleted > 1


async def test_the_applications_of_a_merged_candidate_are_the_other_ones(
    bench: ImportBench, simulator: Simulator
) -> None:
    await bench.poll()
    primary, duplicate = [p for p in simulator.world.people.values() if p.applications][:2]
    keys = [simulator.person_key(person) for person in (duplicate, primary)]
    simulator.actions.merge(primary, duplicate)

    await announce(bench, *keys)
    await bench.poll(only_webhooks=True)

    truth = simulator.truth()
    owners: dict[Any, str] = {c["_id"]: c["external_id"] for c in await bench.rows("candidates")}
    shown = {
        row["external_id"]: owners[row["candidate_id"]]
        for row in await bench.rows("applications", deleted_at=None)
    }
    assert await live(bench, "candidates") == set(truth.candidates)
    assert shown == {key: a["candidate_external_id"] for key, a in truth.applications.items()}
