"""Every vendor's files arrive byte by byte, by the vendor's own rules."""

from collections.abc import AsyncIterator

import pytest

from connectors.registry import load_definition
from connectors.simulator import Simulator, create_simulator, names
from daemon.store.connection import Mongo
from tests.support.attachments import FilesBench

pytestmark = pytest.mark.mongo
WITH_FILES = [name for name in names() if load_definition(name).model.files is not None]


@pytest.fixture(params=WITH_FILES)
async def bench(request: pytest.FixtureRequest, opened: Mongo) -> AsyncIterator[FilesBench]:
    simulator: Simulator = create_simulator(request.param, candidates=10, unlimited=True)
    simulator.clock.freeze()
    await simulator.start()
    made = FilesBench(opened, simulator)
    if simulator.BARE_FILES:
        for person in made.owners()[::2]:
            made.give(person, f"portfolio-{person.number}.pdf", kind="other")
    yield made
    await made.close()
    await simulator.stop()


async def test_the_bytes_in_clearview_are_those_of_the_ats(bench: FilesBench) -> None:
    await bench.poll()
    await bench.fetch()

    assert len(bench.owners()) > 2
    assert await bench.wrong() == []
    assert await bench.states() - ({"skipped"} if bench.simulator.BARE_FILES else set()) == {
        "fetched"
    }
    assert await bench.orphans() == set()
    assert bench.simulator.violations == []


async def test_files_are_fetched_however_late(bench: FilesBench) -> None:
    await bench.poll()
    bench.simulator.clock.advance(30 * 86_400)

    await bench.fetch()

    assert await bench.wrong() == []
    assert bench.simulator.violations == []


async def test_a_file_that_takes_the_place_of_another_is_fetched(bench: FilesBench) -> None:
    await bench.poll()
    await bench.fetch()
    bench.simulator.clock.advance(60)
    for person in bench.owners():
        bench.give(
            person, *(f"newer-{each.name}" for each in person.files), kind=person.files[0].kind
        )

    await bench.poll(sweep=True)  # where lists hide changes, only a sweep reads details
    await bench.fetch()

    assert await bench.wrong() == []
    assert await bench.orphans() == set()
    assert bench.simulator.violations == []
