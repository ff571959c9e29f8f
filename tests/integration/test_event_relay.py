"""What the logs record is published: at least once, in order for each candidate, with real MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from daemon.core.events import ALERTS, CONFLICTS, EXPORTS, IMPORTS, UPDATES, Event, Offered
from daemon.core.status_events import StreamInterrupted
from daemon.events.relay import EventRelay, Subscription
from daemon.runtime.metrics import PrometheusMetrics
from daemon.store.connection import Mongo
from daemon.store.outbox_admin import MongoOutboxAdmin
from daemon.stream.log_stream import LogStream
from models.event_types import EventType
from models.ids import candidate_id
from tests.support.event_sinks import QUICK, SINK, SinkInMemory, relay_to
from tests.support.fake_ats import START, FakeAts, FakeConnector
from tests.support.importing import ImportBench
from tests.support.log_rows import (
    ACME,
    alert_row,
    conflict_row,
    export_row,
    import_row,
    update_row,
)
from tests.support.moving_clock import MovingClock
from tests.support.sample_rows import NOW, an_integration
from tests.support.waiting import until

pytestmark = pytest.mark.mongo
PATIENCE = timedelta(seconds=20)
CHECKPOINT = f"events:{SINK}"


@pytest.fixture
async def logs(opened: Mongo) -> Mongo:
    await opened.own["ats_integration_settings"].insert_one(an_integration("acme"))
    return opened


@asynccontextmanager
async def running(relay: EventRelay) -> AsyncIterator[EventRelay]:
    """The relay at work, from the moment at which its position is stored."""
    stop = asyncio.Event()
    await relay.begin()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        await task


async def write(mongo: Mongo, collection: str, *rows: dict[str, Any]) -> list[str]:
    await mongo.own[collection].insert_many(list(rows))
    return [str(row["_id"]) for row in rows]


async def position(mongo: Mongo) -> dict[str, Any]:
    found = await mongo.own["checkpoints"].find_one({"_id": CHECKPOINT})
    assert found is not None
    return dict(found["value"])


async def open_alerts(mongo: Mongo) -> list[str]:
    rows = mongo.own["alerts"].find({"resolved_at": None, "integration": None})
    return sorted([row["kind"] async for row in rows])


async def test_each_kind_of_row_is_published_under_its_id(logs: Mongo) -> None:
    sink = SinkInMemory()
    async with running(relay_to(sink, logs)):
        alert = alert_row()
        written = [
            *await write(logs, IMPORTS, import_row("1", "created"), import_row("2")),
            *await write(logs, UPDATES, update_row("2")),
            *await write(logs, EXPORTS, export_row()),
            *await write(logs, CONFLICTS, conflict_row("3")),
            *await write(logs, ALERTS, alert),
        ]
        await logs.own[ALERTS].update_one(
            {"_id": alert["_id"]}, {"$set": {"last_seen_at": NOW}, "$inc": {"count": 1}}
        )
        await logs.own[ALERTS].update_one({"_id": alert["_id"]}, {"$set": {"resolved_at": NOW}})
        events = await sink.until_taken(len(written) + 1)

    assert sorted(e.id for e in events) == sorted([*written, f"{alert['_id']}.resolved"])
    assert {e.integration for e in events} == {"acme"}


async def test_the_first_start_publishes_nothing_of_the_past(logs: Mongo) -> None:
    await write(logs, IMPORTS, import_row("1"))
    sink = SinkInMemory()
    async with running(relay_to(sink, logs)):
        new = await write(logs, IMPORTS, import_row("2"))
        await sink.until_taken(1)

    assert [e.id for e in sink.events] == new


async def test_what_is_written_while_the_daemon_is_away_is_published_when_it_returns(
    logs: Mongo,
) -> None:
    sink = SinkInMemory()
    async with running(relay_to(sink, logs)):
        first = await write(logs, IMPORTS, import_row("1"))
        await sink.until_taken(1)
        await until(lambda: _is_stored_beyond(logs))
    second = await write(logs, IMPORTS, import_row("2"), import_row("3"))
    async with running(relay_to(sink, logs)):
        await sink.until_taken(3)

    assert [e.id for e in sink.events] == [*first, *second]


async def _is_stored_beyond(mongo: Mongo) -> bool:
    return "_data" in (await position(mongo))["token"]


async def test_the_position_waits_for_the_sinks_confirmation(logs: Mongo) -> None:
    sink = SinkInMemory(failure="The sink is away.")
    async with running(relay_to(sink, logs)):
        before = await position(logs)
        ids = await write(logs, IMPORTS, import_row("1"))
        await sink.until_offered(3)
        waiting = await position(logs)
        sink.failure = None
        await sink.until_taken(1)
        await until(lambda: _is_past(logs, before))

    assert waiting["token"] == before["token"]
    assert [e.id for e in sink.events] == ids


async def _is_past(mongo: Mongo, before: dict[str, Any]) -> bool:
    return (await position(mongo))["token"] != before["token"]


async def test_a_sink_that_is_away_opens_an_alert_which_ends_when_it_takes_again(
    logs: Mongo,
) -> None:
    sink = SinkInMemory(failure="The broker refuses the user or the password.")
    metrics = PrometheusMetrics()
    async with running(relay_to(sink, logs, metrics=metrics)):
        await write(logs, IMPORTS, import_row("1"), import_row("2"))
        await sink.until_offered(2)
        await until(lambda: _alerts_are(logs, ["events_undelivered"]))
        sink.failure = None
        await sink.until_taken(2)
        await until(lambda: _alerts_are(logs, []))
    rows = await logs.own["alerts"].find({"kind": "events_undelivered"}).to_list()

    assert "refuses the user or the password" in rows[0]["message"]
    assert b'ats_sync_events_published_total{sink="test",type="candidate.updated"} 2.0' in (
        metrics.render()
    )


async def _alerts_are(mongo: Mongo, kinds: list[str]) -> bool:
    return await open_alerts(mongo) == kinds


async def test_logs_that_may_not_be_read_open_an_alert_that_says_what_to_grant(
    logs: Mongo,
) -> None:
    class Forbidden(LogStream):
        is_granted = False

        async def open(self, token: Any) -> Any:
            if not self.is_granted:
                raise StreamInterrupted("MongoDB refuses the change stream: grant changeStream")
            return await super().open(token)

    sink, source, stop = SinkInMemory(), Forbidden(logs.own, MovingClock()), asyncio.Event()
    task = asyncio.create_task(relay_to(sink, logs, source=source).run(stop))
    await until(lambda: _alerts_are(logs, ["events_undelivered"]))
    row = await logs.own["alerts"].find_one({"kind": "events_undelivered"})
    source.is_granted = True
    await until(lambda: _alerts_are(logs, []))
    stop.set()
    await task

    assert row is not None
    assert "grant changeStream" in row["message"]


async def test_after_a_failure_one_event_tries_the_sink(logs: Mongo) -> None:
    sink = SinkInMemory(failure="away")
    relay = relay_to(sink, logs)
    await relay.begin()
    ids = await write(logs, IMPORTS, *(import_row(str(n)) for n in range(20)))
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    await sink.until_offered(4)
    sink.failure = None
    await sink.until_taken(20)
    stop.set()
    await task

    assert sorted(e.id for e in sink.events) == sorted(ids)
    assert {len(offer) for offer in sink.offers[1:4]} == {1}


async def test_the_order_of_each_candidate_is_kept(logs: Mongo) -> None:
    sink = SinkInMemory()
    relay = relay_to(sink, logs)
    await relay.begin()
    rows = [import_row(str(n % 3), imported_at=NOW + timedelta(seconds=n)) for n in range(30)]
    await write(logs, IMPORTS, *rows)
    await relay.catch_up(PATIENCE)

    for person in range(3):
        key = str(candidate_id(ACME, str(person)))
        assert [e.id for e in sink.events if e.key == key] == [
            str(row["_id"]) for row in rows if row["external_id"] == str(person)
        ]


@pytest.mark.parametrize(
    "broken",
    [
        {"value.token": {"_data": "82ffffffff2b0429296e1404"}},
        {"value.token": "nonsense"},
        {"value.pipeline": "that of another version"},
    ],
)
async def test_a_lost_position_is_made_good_from_the_logs_by_time(
    logs: Mongo, broken: dict[str, Any]
) -> None:
    sink = SinkInMemory()
    relay = relay_to(sink, logs)
    await relay.begin()
    at = (await position(logs))["at"]
    written = [
        *await write(logs, IMPORTS, *(import_row(str(n), imported_at=at) for n in range(700))),
        *await write(logs, UPDATES, update_row(updated_at=at + timedelta(seconds=1))),
        *await write(logs, EXPORTS, export_row(exported_at=at)),
        *await write(logs, ALERTS, alert_row(opened_at=at)),
    ]
    await write(logs, IMPORTS, import_row("old", imported_at=at - timedelta(hours=2)))
    await logs.own["checkpoints"].update_one({"_id": CHECKPOINT}, {"$set": broken})
    await relay_to(sink, logs).catch_up(PATIENCE)
    later = await write(logs, IMPORTS, import_row("1"))
    await relay_to(sink, logs).catch_up(PATIENCE)

    ids = [e.id for e in sink.events]
    assert sorted(set(ids)) == sorted([*written, *later])
    assert (await position(logs))["repair_since"] is None
    rows = await logs.own["alerts"].find({"kind": "events_position_lost"}).to_list()
    assert [row["resolved_at"] is not None for row in rows] == [True]


async def test_history_that_the_server_lost_is_made_good_while_the_daemon_runs(
    logs: Mongo, unrestricted: Mongo
) -> None:
    sink, history_lost = SinkInMemory(), 286
    async with running(relay_to(sink, logs)):
        at = (await position(logs))["at"]
        await unrestricted.client.admin.command(
            {"configureFailPoint": "failCommand", "mode": {"times": 1}}
            | {"data": {"failCommands": ["getMore"], "errorCode": history_lost}}
        )
        ids = await write(logs, IMPORTS, import_row("1", imported_at=at))
        await until(lambda: _was_repaired(logs))
        ids += await write(logs, IMPORTS, import_row("2", imported_at=at))
        await until(lambda: _has(sink, ids))

    assert sorted({e.id for e in sink.events}) == sorted(ids)


async def _was_repaired(mongo: Mongo) -> bool:
    query = {"kind": "events_position_lost", "resolved_at": {"$ne": None}}
    return await mongo.own["alerts"].find_one(query) is not None


async def _has(sink: SinkInMemory, ids: list[str]) -> bool:
    return {e.id for e in sink.events} >= set(ids)


async def test_a_position_that_is_lost_while_the_sink_is_away_is_made_good_later(
    logs: Mongo,
) -> None:
    sink = SinkInMemory(failure="away")
    await relay_to(sink, logs).begin()
    at = (await position(logs))["at"]
    ids = await write(logs, IMPORTS, import_row("1", imported_at=at))
    await logs.own["checkpoints"].update_one({"_id": CHECKPOINT}, {"$unset": {"value.token": 1}})
    stop = asyncio.Event()
    first = asyncio.create_task(relay_to(sink, logs).run(stop))
    await sink.until_offered(3)
    stop.set()
    await first
    sink.failure = None
    await relay_to(sink, logs).catch_up(PATIENCE)

    assert [e.id for e in sink.events] == ids


async def test_a_candidate_that_changes_in_two_lists_is_two_events(logs: Mongo) -> None:
    ats = FakeAts()
    bench = ImportBench(logs, FakeConnector(ats), MovingClock(START))
    ats.put("candidates", "1", name="P", company="Old")
    ats.put("applications", "1", person="1", status="new")
    await bench.poll()
    sink = SinkInMemory()
    relay = relay_to(sink, logs)
    await relay.begin()
    bench.clock.advance(timedelta(minutes=5))
    ats.tick()
    ats.put("candidates", "1", company="New")
    ats.put("applications", "1", person="1", status="offer")
    await bench.poll()
    await relay.catch_up(PATIENCE)
    row = await logs.own[IMPORTS].find_one({"change": "updated"})

    assert row is not None
    first, second = sink.events
    assert (first.id, second.id) == (str(row["_id"]), f"{row['_id']}.{len(row['changed_fields'])}")
    assert set(first.data["changed_fields"]) < set(second.data["changed_fields"])
    assert second.data["changed_fields"] == row["changed_fields"]


async def test_a_replayed_push_is_published_with_its_second_outcome(logs: Mongo) -> None:
    sink = SinkInMemory()
    relay = relay_to(sink, logs)
    await relay.begin()
    failed = update_row(outcome="Failed", reason="refused")
    await write(logs, UPDATES, failed)
    await MongoOutboxAdmin(logs, MovingClock(NOW))._keep_log_of(failed["_id"])
    await write(logs, UPDATES, failed | {"outcome": "Success", "updated_at": NOW + timedelta(1)})
    await relay.catch_up(PATIENCE)

    assert [(e.id, e.type.topic) for e in sink.events] == [
        (str(failed["_id"]), "application.failed"),
        (f"{failed['_id']}.1", "application.pushed"),
    ]


async def test_an_event_that_is_refused_for_an_hour_is_passed_over_with_an_alert(
    logs: Mongo,
) -> None:
    sink, clock = SinkInMemory(), MovingClock(NOW)
    async with running(relay_to(sink, logs, clock=clock)):
        bad, good = import_row("1"), import_row("2")
        sink.refuses = {str(bad["_id"])}
        await write(logs, IMPORTS, bad)
        await sink.until_offered(2)
        clock.advance(timedelta(hours=1))
        await write(logs, IMPORTS, good)
        await sink.until_taken(1)
        alerts = await open_alerts(logs)

    assert [e.id for e in sink.events] == [str(good["_id"])]
    assert "events_untaken" in alerts or await logs.own["alerts"].count_documents(
        {"kind": "events_untaken"}
    )


async def test_a_type_that_no_one_wants_opens_an_alert_until_someone_does(logs: Mongo) -> None:
    sink = SinkInMemory(unrouted={"candidate.updated"})
    async with running(relay_to(sink, logs)):
        await write(logs, IMPORTS, import_row("1"), import_row("2"))
        await until(lambda: _alerts_are(logs, ["events_untaken"]))
        await write(logs, UPDATES, update_row("1"))
        await sink.until_taken(3)
        still = await open_alerts(logs)
        sink.unrouted.clear()
        await write(logs, IMPORTS, import_row("3"))
        await until(lambda: _alerts_are(logs, []))

    assert still == ["events_untaken"]


async def test_a_sink_gets_the_types_that_it_wants(logs: Mongo) -> None:
    sink = SinkInMemory()
    wanted = Subscription(SINK, frozenset({EventType.APPLICATION_PUSHED}))
    relay = relay_to(sink, logs, subscription=wanted)
    await relay.begin()
    await write(logs, IMPORTS, import_row("1"))
    ids = await write(logs, UPDATES, update_row("1"))
    await relay.catch_up(PATIENCE)

    assert [e.id for e in sink.events] == ids


async def test_full_events_have_clearviews_documents(logs: Mongo) -> None:
    person = candidate_id(ACME, "1")
    await logs.clearview["candidates"].insert_one({"_id": person, "first_name": "Erika"})
    sink = SinkInMemory()
    relay = relay_to(sink, logs, subscription=Subscription(SINK, full=True))
    await relay.begin()
    await write(logs, IMPORTS, import_row("1"), import_row("gone", "deleted"))
    await write(logs, ALERTS, alert_row())
    await relay.catch_up(PATIENCE)

    assert [e.data.get("candidate", "none of its own") for e in sink.events] == [
        {"_id": person, "first_name": "Erika"},
        None,
        "none of its own",
    ]


async def test_a_row_of_an_odd_shape_stops_no_other(logs: Mongo, unrestricted: Mongo) -> None:
    sink = SinkInMemory()
    relay = relay_to(sink, logs)
    await relay.begin()
    odd = {"_id": uuid4(), "candidate_id": 5, "note": "by hand"}
    await unrestricted.own[IMPORTS].insert_one(odd, bypass_document_validation=True)
    ids = await write(logs, IMPORTS, import_row("1"))
    await relay.catch_up(PATIENCE)

    assert [e.id for e in sink.events] == ids


async def test_one_replica_publishes_and_another_takes_over(logs: Mongo) -> None:
    first, second = SinkInMemory(), SinkInMemory()
    async with running(relay_to(first, logs)):
        stop = asyncio.Event()
        standby = asyncio.create_task(relay_to(second, logs).run(stop))
        await write(logs, IMPORTS, import_row("1"))
        await first.until_taken(1)
    ids = await write(logs, IMPORTS, import_row("2"))
    await second.until_taken(1)
    stop.set()
    await standby

    assert len(first.events) == 1
    assert ids[0] in [e.id for e in second.events]


async def test_a_sink_that_does_not_answer_holds_up_no_shutdown(logs: Mongo) -> None:
    asked = asyncio.Event()

    class Hanging(SinkInMemory):
        async def publish(self, events: Sequence[Event]) -> Offered:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with asyncio.timeout(30), running(relay_to(Hanging(), logs)):
        before = await position(logs)
        await write(logs, IMPORTS, import_row("1"))
        await asked.wait()

    assert (await position(logs))["token"] == before["token"]


async def test_a_relay_that_waits_for_its_sink_ends_at_once_when_stopped(logs: Mongo) -> None:
    sink = SinkInMemory(failure="away")
    patient = replace(QUICK, first_pause=timedelta(hours=1), longest_pause=timedelta(hours=1))
    async with asyncio.timeout(30), running(relay_to(sink, logs, times=patient)):
        await write(logs, IMPORTS, import_row("1"))
        await sink.until_offered(1)

    assert sink.events == []
