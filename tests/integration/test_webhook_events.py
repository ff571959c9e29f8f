"""Waiting webhook events against a real MongoDB and an ATS in memory."""

import asyncio
import itertools
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from connectors.errors import RateLimited, Unavailable
from daemon.core.integrations import ConfiguredIntegration
from daemon.core.webhooks import Received
from daemon.jobs.import_poll import ImportFailed
from daemon.store.connection import Mongo
from daemon.store.integrations import MongoIntegrations
from daemon.store.webhook_events import MongoWebhookEventStore
from tests.support.fake_ats import START, FakeAts, FakeConnector, ids
from tests.support.importing import ImportBench
from tests.support.moving_clock import MovingClock

pytestmark = pytest.mark.mongo
LIST = "opportunities"


@pytest.fixture
async def bench(opened: Mongo) -> ImportBench:
    """Ten people that were imported a minute ago."""
    ats = FakeAts()
    for external_id in ids(10):
        ats.tick()
        ats.put(LIST, external_id, name=f"P{external_id}", status="new")
    found = ImportBench(opened, FakeConnector(ats, shape="joined"), MovingClock(START))
    await found.poll()
    found.clock.advance(timedelta(minutes=1))
    return found


async def receive(bench: ImportBench, events: Iterable[tuple[str, str]]) -> list[bool]:
    """Stores events, each an id of its own and the record that it names; which of them were new."""
    store = MongoWebhookEventStore(bench.mongo)
    received = []
    for event_id, external_id in events:
        event = Received(event_id, "moved", {LIST: [external_id]})
        received.append(await store.receive("acme", event, bench.clock.now()))
    return received


async def statuses(bench: ImportBench) -> dict[str, str]:
    return {row["external_id"]: row["status"] for row in await bench.rows("applications")}


async def states(bench: ImportBench) -> dict[str, str]:
    return {row["event_id"]: row["state"] for row in await bench.rows("webhook_events")}


async def failed(bench: ImportBench) -> list[tuple[str, int]]:
    return [(r["external_id"], r["attempts"]) for r in await bench.rows("failed_records")]


def move(bench: ImportBench, *external_ids: str, status: str = "offer") -> None:
    for external_id in external_ids:
        bench.connector.ats.tick()
        bench.connector.ats.put(LIST, external_id, status=status)


async def test_two_hundred_events_about_three_records_are_three_reads_in_one_run(
    bench: ImportBench,
) -> None:
    move(bench, "1", "2", "3")
    await receive(bench, ((f"e{n}", "123"[n % 3]) for n in range(200)))

    run = await bench.poll(only_webhooks=True)

    assert sorted(bench.connector.read) == ["1", "2", "3"]
    assert (run.details["webhook_events"], run.counts.updated) == (200, 3)
    assert set((await states(bench)).values()) == {"applied"}
    assert await bench.count("candidates_import_log", status="Success") == 10 + 3


async def test_a_flood_of_events_is_applied_to_its_end_by_one_run(bench: ImportBench) -> None:
    await receive(bench, [("e", "1")])
    [row] = await bench.rows("webhook_events")
    await bench.mongo.own["webhook_events"].insert_many(
        {**row, "_id": uuid4(), "event_id": f"e{n}"} for n in range(500)
    )

    run = await bench.poll(only_webhooks=True)

    assert run.details["webhook_events"] == 501
    assert set((await states(bench)).values()) == {"applied"}


async def test_events_that_keep_coming_keep_no_poll_from_its_lists(bench: ImportBench) -> None:
    """Each event that is read brings two more: an ATS may send them faster than it may be asked."""
    numbers = itertools.count()

    class BusyConnector(FakeConnector):
        async def fetch(self, list_name: str, external_ids: Sequence[str]) -> Any:
            await receive(bench, [(f"more-{next(numbers)}", "1") for _ in range(2)])
            return await FakeConnector.fetch(self, list_name, external_ids)

    await receive(bench, [("first", "1")])
    move(bench, "7")
    bench.connector = BusyConnector(bench.connector.ats, shape="joined")

    run = await asyncio.wait_for(bench.poll(), 30)

    assert run.details["webhook_events"] == 1
    assert (await statuses(bench))["7"] == "offer"
    assert list((await states(bench)).values()).count("pending") == 2


async def test_events_out_of_order_twice_and_late_end_in_what_the_ats_holds(
    bench: ImportBench,
) -> None:
    chance = random.Random(7)
    sent = []
    for n, status in enumerate(("screening", "interview", "offer")):
        move(bench, "4", "5", status=status)
        sent += [(f"four-{n}", "4"), (f"five-{n}", "5")]
    late, *soon = chance.sample(sent, len(sent))

    first = await receive(bench, [*soon, *soon])
    await bench.poll(only_webhooks=True)
    bench.clock.advance(timedelta(hours=20))
    await receive(bench, [late, *soon])
    run = await bench.poll(only_webhooks=True)

    assert first == [True] * 5 + [False] * 5
    assert (await statuses(bench))["4"] == (await statuses(bench))["5"] == "offer"
    assert (run.details["webhook_events"], run.counts.updated) == (1, 0)


async def test_a_record_that_the_ats_fails_at_holds_up_no_other_and_is_read_again(
    bench: ImportBench,
) -> None:
    move(bench, "1", "2", "3")
    bench.connector.unreadable["2"] = Unavailable("HTTP 500", status=500)
    await receive(bench, [("a", "1"), ("b", "2"), ("c", "3")])

    await bench.poll(only_webhooks=True)

    assert await statuses(bench) | {"2": "-"} == dict.fromkeys(ids(10), "new") | {
        "1": "offer",
        "2": "-",
        "3": "offer",
    }
    assert await failed(bench) == [("2", 1)]
    assert set((await states(bench)).values()) == {"applied"}

    bench.connector.unreadable.clear()
    bench.clock.advance(timedelta(minutes=2))
    await bench.poll()

    assert (await statuses(bench))["2"] == "offer"
    assert await failed(bench) == []


async def test_a_server_that_fails_at_everything_is_not_asked_for_each_record(
    bench: ImportBench,
) -> None:
    everyone = list(ids(300, 100))
    bench.connector.unreadable = dict.fromkeys(everyone, Unavailable("HTTP 500", status=500))
    before = bench.connector.requests_sent
    await receive(bench, ((f"e{n}", external_id) for n, external_id in enumerate(everyone)))

    await bench.poll(only_webhooks=True)

    assert bench.connector.requests_sent - before < 30
    assert await bench.count("failed_records") == 300


@pytest.mark.parametrize(
    "outage", [Unavailable("no answer"), Unavailable("HTTP 503", status=503), RateLimited()]
)
async def test_events_wait_while_the_ats_is_away(bench: ImportBench, outage: Any) -> None:
    move(bench, "1")
    bench.connector.unreadable["1"] = outage
    await receive(bench, [("a", "1")])

    with pytest.raises(ImportFailed):
        await bench.poll(only_webhooks=True)

    assert await states(bench) == {"a": "pending"}
    assert await failed(bench) == []

    bench.connector.unreadable.clear()
    await bench.poll(only_webhooks=True)

    assert (await statuses(bench))["1"] == "offer"


async def test_a_record_that_the_ats_shows_only_later_is_not_lost(bench: ImportBench) -> None:
    await receive(bench, [("a", "11"), ("b", "12")])
    await bench.poll(only_webhooks=True)

    assert await failed(bench) == [("11", 1), ("12", 1)]

    bench.connector.ats.put(LIST, "11", name="P11", status="new", stamp=START)
    bench.clock.advance(timedelta(minutes=2))
    await bench.poll()

    assert "11" in await statuses(bench)
    assert "12" not in await statuses(bench)
    assert await failed(bench) == []


async def test_an_ats_that_shows_no_record_at_all_by_id_deletes_none_by_events(
    bench: ImportBench,
) -> None:
    """Without a permission some ATSs answer 404 for every record."""
    rows = bench.connector.ats.rows[LIST]
    hidden = dict(rows)
    rows.clear()
    await receive(bench, [("a", "1"), ("b", "2")])

    await bench.poll(only_webhooks=True)
    left = await bench.count("candidates", deleted_at=None)
    rows.update(hidden)
    bench.connector.ats.drop(LIST, "3")
    await receive(bench, [("c", "3")])
    await bench.poll(only_webhooks=True)

    assert left == 10
    assert await bench.count("candidates", deleted_at=None) == 9
    assert set((await states(bench)).values()) == {"applied"}


async def test_a_known_record_that_the_ats_no_longer_has_is_deleted_once(
    bench: ImportBench,
) -> None:
    bench.connector.ats.drop(LIST, "1")
    await receive(bench, [("a", "1")])
    await bench.poll(only_webhooks=True)
    await receive(bench, [("b", "1")])
    run = await bench.poll(only_webhooks=True)

    [row] = await bench.rows("applications", external_id="1")
    assert row["deleted_at"] is not None
    assert run.counts.deleted == 0
    assert await failed(bench) == []


async def test_a_poll_without_webhook_settings_remembers_nothing_of_them(
    bench: ImportBench,
) -> None:
    [checkpoint] = await bench.rows("checkpoints")

    assert checkpoint["value"]["webhooks"] is None


async def healthy_after_poll(bench: ImportBench) -> bool:
    run = await bench.poll()
    bench.clock.advance(timedelta(minutes=1))
    [checkpoint] = await bench.rows("checkpoints")
    assert checkpoint["value"]["webhooks"]["healthy"] is run.details["webhooks_healthy"]
    return bool(run.details["webhooks_healthy"])


async def an_announced_change(bench: ImportBench, event_id: str, external_id: str) -> None:
    move(bench, external_id)
    await receive(bench, [(event_id, external_id)])
    await bench.poll(only_webhooks=True)
    bench.clock.advance(timedelta(seconds=10))


async def configure(bench: ImportBench) -> None:
    """The settings document, which a daemon writes at its start."""
    bench.ruled(judges_webhooks=True)
    one = ConfiguredIntegration(
        name="acme",
        ats_name="Fake",
        connector="fake",
        endpoint="",
        credentials={},
        main_credential=None,
        enabled=True,
    )
    await MongoIntegrations(bench.mongo, bench.clock).configure([one])


async def test_webhooks_are_healthy_while_they_announce_what_polls_would_find(
    bench: ImportBench,
) -> None:
    await configure(bench)

    assert not await healthy_after_poll(bench)

    await an_announced_change(bench, "a", "1")

    assert await healthy_after_poll(bench)
    assert await healthy_after_poll(bench)


async def test_a_poll_that_finds_what_no_event_announced_is_a_gap(bench: ImportBench) -> None:
    await configure(bench)
    await an_announced_change(bench, "a", "1")

    assert await healthy_after_poll(bench)

    move(bench, "2")
    await receive(bench, [("b", "3")])

    assert not await healthy_after_poll(bench)
    assert not await healthy_after_poll(bench)

    await an_announced_change(bench, "c", "4")

    assert await healthy_after_poll(bench)


async def test_a_deletion_that_a_sweep_finds_unannounced_is_a_gap(bench: ImportBench) -> None:
    await configure(bench)
    await an_announced_change(bench, "a", "1")
    bench.connector.ats.drop(LIST, "2")

    run = await bench.poll(sweep=True)

    assert run.counts.deleted == 1
    assert run.details["webhooks_healthy"] is False


async def test_a_refused_event_is_a_gap(bench: ImportBench) -> None:
    await configure(bench)
    await an_announced_change(bench, "a", "1")

    assert await healthy_after_poll(bench)

    await MongoWebhookEventStore(bench.mongo).refused("acme", bench.clock.now())
    bench.clock.advance(timedelta(seconds=1))

    assert not await healthy_after_poll(bench)


async def test_a_poll_that_an_interrupted_one_began_judges_nothing(bench: ImportBench) -> None:
    await configure(bench)
    await an_announced_change(bench, "a", "1")
    move(bench, *ids(5))
    bench.connector.fail_at.add((LIST, 1))
    with pytest.raises(ImportFailed):
        await bench.poll()

    run = await bench.poll()

    assert run.details["resumed"] is True
    assert "webhooks_healthy" not in run.details
