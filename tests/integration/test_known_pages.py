"""Pages that come again byte for byte are not looked into, and nothing is missed for it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from daemon.store.connection import open_mongo
from tests.support.fake_ats import START, FakeAts, FakeConnector
from tests.support.importing import ImportBench
from tests.support.mongo import TestMongo
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
PEOPLE, PAGES = 10, 2 * 4
"""Ten records in either list, three on a page."""


@pytest.fixture
async def bench(mongo: TestMongo) -> AsyncIterator[ImportBench]:
    opened = await open_mongo(
        mongo.uri, database=mongo.database, clearview_database=mongo.clearview
    )
    one = ImportBench(opened, FakeConnector(FakeAts(), incremental=False), MovingClock(START))
    for number in range(1, PEOPLE + 1):
        one.connector.ats.tick()
        one.connector.ats.put("candidates", str(number), name=f"P{number}")
        one.connector.ats.put("applications", str(number), person=str(number), status="new")
    await one.poll()
    yield one
    await opened.close()


async def recognised(bench: ImportBench, **request: bool) -> int:
    before = bench.connector.recognised
    await bench.poll(**request)
    return bench.connector.recognised - before


async def name_of(bench: ImportBench, external_id: str) -> object:
    [row] = await bench.rows("candidates", external_id=external_id)
    return row["first_name"]


async def test_an_idle_poll_recognises_every_page_and_leaves_no_trace(bench: ImportBench) -> None:
    before = await bench.contents()

    run = await bench.poll()

    assert bench.connector.recognised == PAGES
    assert (run.counts.seen, run.counts.unchanged) == (2 * PEOPLE, 2 * PEOPLE)
    assert await bench.contents() == before


async def test_a_change_is_imported_and_its_page_is_known_from_then_on(bench: ImportBench) -> None:
    bench.connector.ats.put("candidates", "5", name="Changed")

    run = await bench.poll()

    assert (run.counts.updated, await name_of(bench, "5")) == (1, "Changed")
    assert await recognised(bench) == PAGES


async def test_a_record_that_is_as_it_once_was_is_imported_again(bench: ImportBench) -> None:
    row = bench.connector.ats.rows["candidates"]["5"]
    first = row.updated_at
    bench.connector.ats.put("candidates", "5", name="Changed")
    await bench.poll()
    bench.connector.ats.put("candidates", "5", stamp=first, name="P5")

    run = await bench.poll()

    assert (run.counts.updated, await name_of(bench, "5")) == (1, "P5")


async def test_a_record_that_was_gone_and_comes_back_as_it_was_is_back(bench: ImportBench) -> None:
    gone = bench.connector.ats.rows["candidates"].pop("10")
    await bench.poll(sweep=True, accept_deletions=True)
    [row] = await bench.rows("candidates", external_id="10")
    assert row["deleted_at"] is not None
    bench.connector.ats.rows["candidates"]["10"] = gone

    await bench.poll()

    [row] = await bench.rows("candidates", external_id="10")
    assert row["deleted_at"] is None


async def test_a_snapshot_that_somebody_took_away_is_made_again(bench: ImportBench) -> None:
    await bench.mongo.own["candidate_snapshots"].delete_one(
        {"list": "candidates", "external_id": "5"}
    )

    await bench.poll()

    assert await bench.count("candidate_snapshots", list="candidates") == PEOPLE


async def test_a_sweep_looks_at_every_record_and_what_is_known_stays_known(
    bench: ImportBench,
) -> None:
    assert await recognised(bench, sweep=True) == 0
    assert await recognised(bench) == PAGES


async def test_pages_are_looked_into_while_one_of_their_records_fails(bench: ImportBench) -> None:
    bench.connector.ats.broken.add("5")
    bench.connector.ats.put("candidates", "5", name="Broken")
    await bench.poll()

    assert await recognised(bench) < PAGES

    bench.connector.ats.broken.clear()
    bench.clock.advance(timedelta(hours=7))
    await bench.poll()
    assert await name_of(bench, "5") == "Broken"


async def test_another_mapping_looks_into_every_page(bench: ImportBench) -> None:
    bench.connector.mapping_version = "2"

    assert await recognised(bench) == 0
    assert await recognised(bench) == PAGES
