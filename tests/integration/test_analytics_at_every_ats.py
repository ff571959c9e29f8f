"""The export through the real connectors: every ATS in the catalog that takes analytics gets them."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.connector import Connector
from connectors.registry import find_definitions, load_definition
from connectors.simulator import Simulator, create_simulator, names
from daemon.core.clearview_batch import ClearViewBatch
from daemon.store.clearview_candidates import MongoCandidateManagement
from daemon.store.connection import Mongo
from tests.support.ats import Imported, QuickClock, connect
from tests.support.exporting import World
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
FIELD = "clearview_score"
TAKERS = [name for name in names() if name in find_definitions()]


@pytest.fixture(params=TAKERS)
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    simulated = create_simulator(request.param, candidates=12, unlimited=True)
    await simulated.start()
    yield simulated
    await simulated.stop()


@pytest.fixture
async def connector(simulator: Simulator) -> AsyncIterator[Connector]:
    # The definition's own path at the simulated host, as the vendor's address would be.
    path = urlsplit(load_definition(simulator.NAME).model.api.base_url).path
    connector = connect(
        simulator,
        clock=QuickClock(),
        endpoint=simulator.origin + path,
        analytics={"every": "24h", "field": FIELD},
    )
    await connector.open()
    yield connector
    await connector.close()


async def test_values_arrive_once_and_break_no_rule_of_the_ats(
    opened: Mongo, simulator: Simulator, connector: Connector
) -> None:
    if connector.capabilities.analytics is None:
        assert "analytics" in connector.capabilities.waivers
        return
    world = World(opened, MovingClock(), connector)  # type: ignore[arg-type]
    await import_into(world, connector)
    before = len(simulator.recorder.writes)
    outcome = await world.job(field_name=FIELD).run()
    writes = len(simulator.recorder.writes) - before
    (row,) = await world.logged()

    assert outcome.ok, outcome.reason
    assert row["sent"] > 0
    assert row["error_message"] is None
    assert writes >= row["sent"]
    assert simulator.recorder.violations == []

    world.clock.advance(world.every)
    await world.job(field_name=FIELD).run()

    assert len(simulator.recorder.writes) - before == writes


async def import_into(world: World, connector: Connector) -> None:
    imported = Imported()
    await imported.walk(connector)
    batch: Any = ClearViewBatch(
        import_id=world.integration_id,
        at=world.clock.now() - 3 * world.every,
        new_candidates=list(imported.candidates.values()),
        new_applications=[
            {**application, "applied_at": None} for application in imported.applications.values()
        ],
    )
    await MongoCandidateManagement(world.mongo, world.integration_id).apply(batch)
