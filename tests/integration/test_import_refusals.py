"""Records that ClearView's own rules refuse: logged `Failed`, kept, tried again, and never in the way."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.store.connection import Mongo
from models.ids import candidate_id
from tests.support.fake_ats import START, FakeAts, FakeConnector
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
UNIQUE = "refused by a unique index on company: another document has the same values"


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    found = ImportBench(opened, FakeConnector(FakeAts()), MovingClock(START))
    for external_id in ("1", "2", "3"):
        found.connector.ats.tick()
        found.connector.ats.put("candidates", external_id, name="P", company=f"C{external_id}")
    return found


async def one_company_each(bench: ImportBench) -> None:
    await bench.mongo.clearview["candidates"].create_index(
        "company",
        name="one_company_each",
        unique=True,
        partialFilterExpression={"company": {"$type": "string"}},
    )


async def outcomes(bench: ImportBench) -> dict[str, list[tuple[str, str | None]]]:
    """By external id: outcome and reason of each of its rows in the log."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for row in await bench.rows("candidates_import_log"):
        found.setdefault(row["external_id"], []).append((row["status"], row["error_message"]))
    return found


async def held(bench: ImportBench) -> dict[str, Any]:
    return {row["external_id"]: row["company"] for row in await bench.rows("candidates")}


async def test_a_new_candidate_that_is_refused_is_failed_until_the_rule_is_gone(
    bench: ImportBench, unrestricted: Mongo
) -> None:
    await one_company_each(bench)
    bench.connector.ats.put("candidates", "1", company="C3")

    run = await bench.poll()

    assert (run.counts.created, run.counts.failed) == (2, 1)
    assert (await outcomes(bench))["1"] == [("Failed", UNIQUE)]
    assert set(await held(bench)) == {"2", "3"}
    [failed] = await bench.rows("failed_records")
    assert (failed["external_id"], failed["error_message"]) == ("1", UNIQUE)

    await unrestricted.clearview["candidates"].drop_index("one_company_each")
    bench.clock.advance(timedelta(hours=1))
    await bench.poll()

    assert await held(bench) == {"1": "C3", "2": "C2", "3": "C3"}
    assert [status for status, _ in (await outcomes(bench))["1"]] == ["Failed", "Success"]
    assert await bench.rows("failed_records") == []


async def test_a_patch_that_is_refused_is_failed_and_the_rest_of_its_page_is_made(
    bench: ImportBench,
) -> None:
    await bench.poll()
    await one_company_each(bench)
    ats = bench.connector.ats
    ats.tick()
    ats.put("candidates", "1", company="New")
    ats.put("candidates", "3", company="C2")

    run = await bench.poll()

    assert (run.counts.updated, run.counts.failed) == (1, 1)
    assert await held(bench) == {"1": "New", "2": "C2", "3": "C3"}
    assert (await outcomes(bench))["3"][-1] == ("Failed", UNIQUE)

    ats.tick()
    ats.put("candidates", "3", company="C4")
    bench.clock.advance(timedelta(hours=1))
    await bench.poll()

    assert (await held(bench))["3"] == "C4"
    assert await bench.rows("failed_records") == []


async def test_a_candidate_that_clearview_had_before_fails_where_it_cannot_be_aligned(
    bench: ImportBench,
) -> None:
    await one_company_each(bench)
    await bench.mongo.clearview["candidates"].insert_one(
        {
            "_id": candidate_id(bench.integration, "3"),
            "integration_id": bench.integration,
            "external_id": "3",
            "company": "before",
        }
    )
    bench.connector.ats.put("candidates", "3", company="C1")

    run = await bench.poll()

    assert (run.counts.created, run.counts.failed) == (2, 1)
    assert (await outcomes(bench))["3"] == [("Failed", UNIQUE)]
    assert (await held(bench))["3"] == "before"


async def test_a_candidate_that_clearview_removed_is_failed_and_not_made_again(
    bench: ImportBench,
) -> None:
    await bench.poll()
    await bench.mongo.clearview["candidates"].delete_one({"external_id": "2"})
    bench.connector.ats.tick()
    bench.connector.ats.put("candidates", "2", company="New")

    run = await bench.poll()

    assert (run.counts.updated, run.counts.failed) == (0, 1)
    assert set(await held(bench)) == {"1", "3"}
    [failed] = await bench.rows("failed_records")
    assert failed["error_message"].startswith("ClearView no longer has this candidate")


async def test_a_deletion_that_is_refused_is_failed_and_the_others_are_made(
    bench: ImportBench, unrestricted: Mongo
) -> None:
    bench.connector.incremental = False
    bench.ruled(max_percent=100.0)
    await bench.poll()
    rules = {"$or": [{"company": {"$ne": "C2"}}, {"deleted_at": None}]}
    refusing = {"validationAction": "error", "validationLevel": "strict"}
    await unrestricted.clearview.command({"collMod": "candidates", "validator": rules, **refusing})
    for external_id in ("2", "3"):
        bench.connector.ats.drop("candidates", external_id)

    for _ in range(2):
        bench.clock.advance(timedelta(days=2))
        await bench.poll()

    deleted = {row["external_id"]: row["deleted_at"] for row in await bench.rows("candidates")}
    assert [deleted[key] is None for key in ("1", "2", "3")] == [True, True, False]
    [failed] = await bench.rows("failed_records")
    assert failed["external_id"] == "2"
    assert failed["error_message"].startswith("refused by the collection's validator")
