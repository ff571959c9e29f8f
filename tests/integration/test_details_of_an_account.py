"""A first import of a simulated account over HTTP: usable at once, completed in the background."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from connectors.connector import Connector
from connectors.simulator import Simulator, create_simulator
from daemon.importing.verify import Verification
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from tests.support.ats import connect
from tests.support.fake_ats import FakeConnector
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = [pytest.mark.mongo, pytest.mark.slow]
PEOPLE = 500
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["workable", "lever"])
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    account = create_simulator(request.param, candidates=PEOPLE, unlimited=True)
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
async def bench(opened: Mongo, simulator: Simulator) -> AsyncIterator[ImportBench]:
    connector: Connector = connect(simulator)
    clock = MovingClock(datetime.now(UTC))
    yield ImportBench(opened, cast("FakeConnector", connector), clock)
    await connector.close()


async def differing(bench: ImportBench, simulator: Simulator, *names: str) -> list[str]:
    """External ids of candidates that differ from the account in one of these fields."""
    held = {row["external_id"]: row for row in await bench.rows("candidates")}
    truth = simulator.truth().candidates
    assert held.keys() == truth.keys()
    return [
        key
        for key, record in truth.items()
        if any(_shown(held[key][name]) != _shown(record[name]) for name in names)
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted(str(each.get("external_id") or each.get("value")) for each in value)
    return value


async def test_five_hundred_candidates_are_usable_at_once_and_whole_in_the_end(
    bench: ImportBench, simulator: Simulator
) -> None:
    applications = len(simulator.world.applications)
    poll = await bench.poll()
    at_once = await differing(bench, simulator, "first_name", "emails")
    statuses = {row["external_id"]: row["status"] for row in await bench.rows("applications")}
    bench.clock.advance(MINUTE)
    batches = iter((False, False, True))
    early = await bench.poll(only_details=True, must_yield=lambda: next(batches, True))

    active = next(a for a in simulator.world.applications.values() if a.state == "active")
    simulator.actions.withdraw(active)
    again = await bench.poll()
    [moved] = await bench.rows("applications", external_id=simulator.application_key(active))
    bench.clock.advance(MINUTE)
    last = await bench.poll(only_details=True)

    assert (poll.counts.details_pending, at_once) == (applications, [])
    truth = simulator.truth().applications
    changed = {key for key, status in statuses.items() if status != truth[key]["status"]}
    assert changed <= {simulator.application_key(active)}
    assert 0 < again.counts.details_pending <= early.counts.details_pending + 1 < applications
    assert moved["status"] == "withdrawn"
    assert last.counts.details_pending == 0
    assert await differing(bench, simulator, "tags", "attachments", "custom_fields") == []
    assert simulator.violations == []
    verification = Verification(
        connector=bench.connector,
        snapshots=MongoSnapshots(bench.mongo, bench.integration),
        clearview=MongoClearViewReader(bench.mongo, bench.integration),
    )
    assert [item async for item in verification.differences() if item.is_drift] == []
