"""What the list of an ATS does not show is found by the next sweep."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from connectors.connector import Connector
from connectors.simulator import Simulator, create_simulator
from daemon.store.connection import Mongo
from tests.support.ats import connect
from tests.support.fake_ats import START, FakeConnector
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    account = create_simulator("bamboohr", candidates=6, unlimited=True)
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
async def bench(opened: Mongo, simulator: Simulator) -> AsyncIterator[ImportBench]:
    connector: Connector = connect(simulator)
    yield ImportBench(opened, cast("FakeConnector", connector), MovingClock(START))
    await connector.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phones", "+49 30 1234567"),
        ("addresses", "Windhoek"),
        ("links", "https://example.net/new"),
    ],
)
async def test_what_no_row_of_bamboohr_shows_is_imported_with_the_next_sweep(
    bench: ImportBench, simulator: Simulator, field: str, value: str
) -> None:
    await bench.poll()
    await bench.poll(only_details=True)
    person = next(iter(simulator.world.people.values()))
    simulator.actions.edit_person(person, {field: [value]})

    async def shown() -> list[Any]:
        [row] = await bench.rows("candidates", external_id=simulator.person_key(person))
        return [point["value"] for point in row[field]]

    await bench.poll()
    await bench.poll(only_details=True)
    before = await shown()
    await bench.poll(sweep=True)
    run = await bench.poll(only_details=True)
    after = await shown()

    assert value not in before
    assert after == [value]
    assert (run.counts.updated, run.counts.created) == (1, 0)


async def test_a_sweep_that_finds_nothing_new_reads_every_record_and_writes_none(
    bench: ImportBench, simulator: Simulator
) -> None:
    await bench.poll()
    await bench.poll(only_details=True)
    before = await bench.contents()
    applications = len(simulator.world.applications)

    idle = await bench.poll()
    await bench.poll(sweep=True)
    swept = await bench.poll(only_details=True)
    after = await bench.contents()

    for name in ("candidates", "applications", "candidates_import_log"):
        assert after[name] == before[name], name
    assert (swept.counts.updated, swept.counts.unchanged) == (0, applications)
    assert idle.counts.requests < applications <= swept.counts.requests


async def test_answers_of_smartrecruiters_are_those_of_each_application(opened: Mongo) -> None:
    account = create_simulator("smartrecruiters", candidates=30, unlimited=True)
    await account.start()
    connector = connect(account)
    bench = ImportBench(opened, cast("FakeConnector", connector), MovingClock(START))
    person = next(p for p in account.world.people.values() if len(p.applications) > 1)
    first, second = account.world.applications_of(person)

    await bench.poll()
    await bench.poll(only_details=True)
    account.actions.edit_application(first, {"Do you have a driving licence?": "Yes"})
    account.actions.edit_person(person, {"title": "Cook"})
    await bench.poll()
    await bench.poll(only_details=True)
    idle = await bench.poll(only_details=True)
    await connector.close()
    await account.stop()

    truth = account.truth().applications
    shown = {row["external_id"]: row["custom_fields"] for row in await bench.rows("applications")}
    assert shown == {key: each["custom_fields"] for key, each in truth.items()}
    assert shown[account.application_key(first)] != shown[account.application_key(second)]
    assert idle.counts.seen == 0
    assert account.violations == []
