"""Candidates' files in `mode: http`: each is sent to its attachment at ClearView's service."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from connectors.simulator import Fault, Simulator, create_simulator
from connectors.simulator.clearview_services import ClearViewServices
from connectors.simulator.clearview_store import InMemoryCandidates
from connectors.simulator.documents import document
from daemon.store.clearview_backends import HttpShelf
from daemon.store.connection import Mongo
from daemon.store.http_candidates import HttpCandidateManagement
from daemon.store.http_service import ClearViewHttp
from models.ids import candidate_id
from tests.support.attachments import FilesBench

pytestmark = pytest.mark.mongo


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    account = create_simulator("greenhouse", candidates=8, unlimited=True)
    account.clock.freeze()
    await account.start()
    yield account
    await account.stop()


@pytest.fixture
async def services() -> AsyncIterator[ClearViewServices]:
    async with ClearViewServices(token="t") as running:
        yield running


@pytest.fixture
async def bench(
    opened: Mongo, simulator: Simulator, services: ClearViewServices
) -> AsyncIterator[FilesBench]:
    made = FilesBench(opened, simulator)
    service = ClearViewHttp(
        "The service",
        services.url,
        "t",
        clock=made.clock,
        attempts=2,
    )
    made.shelf = lambda _: HttpShelf(service)
    made.ports = lambda ports: replace(
        ports, clearview=HttpCandidateManagement(service, opened, made.integration)
    )
    yield made
    await made.close()
    await service.close()


def held(
    services: ClearViewServices, bench: FilesBench
) -> dict[tuple[str, str], tuple[bytes, str]]:
    """What the service has, by candidate and file."""
    assert isinstance(services.store, InMemoryCandidates)
    names = {
        candidate_id(bench.integration, bench.simulator.person_key(p)): p for p in bench.owners()
    }
    shown = services.store.candidates
    return {
        (
            str(key),
            next(a["name"] for a in shown[key]["attachments"] if a["external_id"] == file),
        ): kept
        for (key, file), kept in services.store.files.items()
        if key in names
    }


def wanted(bench: FilesBench) -> dict[tuple[str, str], tuple[bytes, str]]:
    return {
        (str(candidate_id(bench.integration, bench.simulator.person_key(p))), f.name): document(
            f.name
        )
        for p in bench.owners()
        for f in p.files
    }


async def test_every_file_arrives_with_its_type_and_nothing_is_put_into_gridfs(
    bench: FilesBench, services: ClearViewServices
) -> None:
    bench.give(bench.owners()[0], "cv.docx", "same.pdf")
    bench.give(bench.owners()[1], "same.pdf")

    await bench.poll()
    await bench.fetch()

    assert held(services, bench) == wanted(bench)
    assert await bench.states() == {"fetched"}
    assert await bench.copies() == set()


async def test_a_lost_answer_is_repeated_without_further_effect(
    bench: FilesBench, services: ClearViewServices
) -> None:
    await bench.poll()
    services.faults.add(Fault("lost_answer", "candidates"))

    await bench.fetch()

    assert held(services, bench) == wanted(bench)


async def test_a_service_that_is_away_gets_the_files_later(
    bench: FilesBench, services: ClearViewServices
) -> None:
    await bench.poll()
    services.faults.add(Fault("error", "candidates", count=500))
    await bench.fetch()
    before = await bench.states()
    services.faults.clear()

    bench.simulator.clock.advance(120)
    await bench.fetch()

    assert before == {"retrying"}
    assert held(services, bench) == wanted(bench)


async def test_a_file_that_vanishes_at_the_ats_vanishes_at_the_service(
    bench: FilesBench, services: ClearViewServices
) -> None:
    await bench.poll()
    await bench.fetch()
    person = bench.owners()[0]
    bench.simulator.clock.advance(60)
    bench.simulator.actions.add_files(person, ["kept.pdf"])
    del person.files[0]
    bench.simulator.actions.edit_person(person, {})

    await bench.poll()
    await bench.fetch()

    assert held(services, bench) == wanted(bench)
    assert await bench.states() == {"fetched"}
