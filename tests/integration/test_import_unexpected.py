"""An import that ends by an error of no known kind has failed; only a shutdown interrupts one."""

import asyncio
from collections.abc import Callable

import pytest
from pymongo.errors import AutoReconnect

from connectors.errors import Unavailable
from daemon.core.leases import LeaseLost
from daemon.jobs.import_poll import ImportFailed
from daemon.store.connection import Mongo
from tests.support.fake_ats import FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo

PERSON = "ada@example.org"


@pytest.fixture
def bench(opened: Mongo) -> ImportBench:
    ats = FakeAts()
    for number in ids(7):
        ats.put("candidates", number, name=f"person {number}")
        ats.put("applications", number, status="new")
    return ImportBench(opened, FakeConnector(ats), MovingClock())


def breaking(error: BaseException, page: int = 1) -> Callable[[str, int], None]:
    def on_page(_list: str, number: int) -> None:
        if number == page:
            raise error

    return on_page


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyError(PERSON), "unexpected KeyError at "),
        (RecursionError(PERSON), "unexpected RecursionError at "),
        (ExceptionGroup(PERSON, [LookupError(PERSON)]), "unexpected LookupError at "),
        (ExceptionGroup("", [LeaseLost(), IndexError(PERSON)]), "unexpected IndexError at "),
        (asyncio.CancelledError(PERSON), "unexpected CancelledError at "),
        (ExceptionGroup("", [Unavailable("page: HTTP 503")]), "Unavailable: page: HTTP 503"),
    ],
    ids=repr,
)
async def test_a_run_that_breaks_has_failed_and_the_next_one_imports_everything(
    bench: ImportBench, error: BaseException, says: str
) -> None:
    bench.connector.on_page = breaking(error)
    with pytest.raises(ImportFailed) as failed:
        await bench.poll()
    [run] = await bench.rows("sync_runs")
    bench.connector.on_page = None
    await bench.poll()

    assert (run["outcome"], run["_id"]) == ("failed", failed.value.run.id)
    assert run["error_message"].startswith(says)
    assert PERSON not in repr(run) + str(failed.value)
    assert await bench.count("candidates") == 7


async def test_a_lost_lease_interrupts_a_run(bench: ImportBench) -> None:
    bench.connector.on_page = breaking(ExceptionGroup("", [LeaseLost()]))
    with pytest.raises(LeaseLost):
        await bench.poll()
    [run] = await bench.rows("sync_runs")

    assert (run["outcome"], run["error_message"]) == ("interrupted", "shutdown or lease lost")


async def test_a_shutdown_interrupts_a_run(bench: ImportBench) -> None:
    begun = asyncio.Event()
    bench.connector.on_page = lambda *_: begun.set()
    bench.connector.page_size = 1
    running = asyncio.create_task(bench.poll())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    [run] = await bench.rows("sync_runs")

    assert (run["outcome"], run["error_message"]) == ("interrupted", "shutdown")


async def test_an_outage_of_mongodb_is_handed_on_as_one(bench: ImportBench) -> None:
    bench.connector.on_page = breaking(AutoReconnect("mongo-1: reset"))
    with pytest.raises(ImportFailed) as failed:
        await bench.poll()

    assert isinstance(failed.value.cause, AutoReconnect)


@pytest.mark.parametrize("value", [{"walk": 7}, {"cursors": "none"}, {"walk": {"id": None}}])
async def test_a_checkpoint_of_an_odd_shape_ends_no_run(
    bench: ImportBench, unrestricted: Mongo, value: object
) -> None:
    await unrestricted.own.checkpoints.insert_one(
        {"_id": "poll:acme", "value": value, "fence": 1, "updated_at": bench.clock.now()},
        bypass_document_validation=True,
    )
    await bench.poll()
    [run] = await bench.rows("sync_runs")

    assert run["outcome"] == "success"
    assert await bench.count("candidates") == 7
