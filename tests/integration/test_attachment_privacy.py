"""The bytes of a file are in GridFS and nowhere else; they go with their person."""

import hashlib
import json
from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID

import pytest

from connectors.simulator import Fault, Simulator, create_simulator
from connectors.simulator.documents import document
from daemon.core.erasure import PersonIds
from daemon.erasing.requests import PersonRequest
from daemon.http.page import body_of
from daemon.runtime.json_values import to_json
from daemon.runtime.metrics import PrometheusMetrics
from daemon.store.attachment_files import GridFSShelf
from daemon.store.attachments import integrations_with_files
from daemon.store.connection import Mongo
from daemon.store.overview import Overview, RunFilter
from tests.support.attachments import FilesBench
from tests.support.erasing import erasing
from tests.support.mongo import stored_names

pytestmark = pytest.mark.mongo
NAME = "canary.pdf"
CANARY = hashlib.sha256(NAME.encode()).hexdigest()
"""A text that the file has inside, and that is neither its name nor the digest of its bytes."""


@pytest.fixture
async def bench(opened: Mongo) -> AsyncIterator[FilesBench]:
    simulator: Simulator = create_simulator("greenhouse", candidates=8, unlimited=True)
    simulator.clock.freeze()
    await simulator.start()
    made = FilesBench(opened, simulator)
    yield made
    await made.close()
    await simulator.stop()


def shows(value: Any) -> bool:
    return CANARY in repr(value)


async def where(mongo: Mongo) -> set[str]:
    """The collections that have the canary."""
    return {
        name
        for database in (mongo.own, mongo.clearview)
        for name in await stored_names(database)
        for row in await database[name].find().to_list()
        if shows(row)
    }


async def test_a_files_bytes_are_nowhere_but_in_gridfs(
    bench: FilesBench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.metrics = PrometheusMetrics()
    assert CANARY.encode() in document(NAME)[0]
    bench.give(bench.owners()[0], NAME)
    bench.simulator.faults.add(Fault("web_page", operation="detail", name="file", count=1))

    await bench.poll()
    await bench.fetch()
    bench.simulator.clock.advance(3600)
    await bench.fetch()
    overview = Overview(bench.mongo, bench.clock)
    picture = await overview.everything()
    runs = await overview.runs(RunFilter(), limit=50)
    page = str(body_of(picture, runs.rows, bench.clock.now()))
    said = capfd.readouterr()

    assert await bench.wrong() == []
    assert await where(bench.mongo) == {"attachments.chunks"}
    assert not shows((said.out, said.err, page, json.dumps(to_json(picture))))
    assert CANARY.encode() not in bench.metrics.render()
    assert b"ats_sync_attachments_fetched_total" in bench.metrics.render()


async def test_an_erasure_removes_the_persons_files_and_leaves_those_of_others(
    bench: FilesBench,
) -> None:
    one, two = bench.owners()[:2]
    bench.give(one, NAME, "shared.pdf")
    bench.give(two, "shared.pdf")
    await bench.poll()
    await bench.fetch()
    assert await where(bench.mongo) == {"attachments.chunks"}
    key = bench.simulator.person_key(one)

    requests = erasing(bench.mongo, bench.clock).requests()
    await requests.erase(PersonRequest(candidate=key))
    rows = await bench.queue()
    left = await where(bench.mongo)
    await bench.fetch()
    [shared] = await bench.attachments(two)

    assert left == set()
    assert not any(key in repr(row) for row in rows)
    assert await bench.content(shared["file_id"]) == document("shared.pdf")[0]
    assert await bench.orphans() == set()
    assert await bench.states() == {"fetched"}


async def test_a_copy_that_someone_else_is_given_while_it_is_erased_is_fetched_again(
    bench: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = bench.owners()[:2]
    bench.give(one, "shared.pdf")
    bench.give(two)
    await bench.poll()
    await bench.fetch()
    bench.simulator.clock.advance(60)
    bench.give(two, "shared.pdf")
    await bench.poll()
    discard = GridFSShelf.discard

    async def meanwhile(self: GridFSShelf, copies: Collection[UUID]) -> None:
        monkeypatch.setattr(GridFSShelf, "discard", discard)
        await bench.fetch()
        await discard(self, copies)

    monkeypatch.setattr(GridFSShelf, "discard", meanwhile)
    requests = erasing(bench.mongo, bench.clock).requests()
    await requests.erase(PersonRequest(candidate=bench.simulator.person_key(one)))
    await bench.fetch()
    [shared] = await bench.attachments(two)

    assert await bench.content(shared["file_id"]) == document("shared.pdf")[0]
    assert await bench.orphans() == set()
    assert await bench.states() == {"fetched"}


async def test_a_legal_hold_keeps_the_files_of_a_deleted_candidate(bench: FilesBench) -> None:
    person = bench.owners()[0]
    bench.give(person, NAME)
    await bench.poll()
    await bench.fetch()
    its = erasing(bench.mongo, bench.clock)
    held = PersonIds(bench.integration, frozenset([bench.simulator.person_key(person)]))
    await its.holds.set(held, "case 7")

    bench.simulator.clock.advance(60)
    bench.simulator.actions.delete_person(person)
    await bench.poll(sweep=True, accept_deletions=True)
    await bench.fetch()
    [kept] = await bench.attachments(person)

    assert await bench.content(kept["file_id"]) == document(NAME)[0]
    assert (
        await integrations_with_files(bench.mongo, [bench.integration], bench.clock.now())
        == frozenset()
    )

    await its.holds.release(held)
    await bench.fetch()

    assert await where(bench.mongo) == set()
    assert await bench.orphans() == set()
