"""Sinks as the file names them, and the relays that are in force."""

import asyncio
import sys
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from config.operator_events import EventsToHttp, EventsToRabbitMq
from daemon.events.relay import EventRelay, Subscription
from daemon.events.relays import Entry, EventRelays
from daemon.events.sinks import publisher_of, subscription_of
from models.errors import UserError
from models.event_types import EventType
from tests.support.event_sinks import SECRET, SinkInMemory
from tests.support.moving_clock import MovingClock

BROKER = EventsToRabbitMq(kind="rabbitmq", url=SecretStr("amqp://u:hunter2@mq/"))


def hook(name: str) -> EventsToHttp:
    return EventsToHttp(kind="http", url=f"https://h.example/{name}", secret=SecretStr(SECRET))


def test_a_broker_without_its_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "daemon.events.rabbitmq_sink", raising=False)
    monkeypatch.setitem(sys.modules, "aio_pika", None)
    with pytest.raises(UserError) as refused:
        publisher_of(BROKER, MovingClock())

    assert "clearview-ats-sync[events]" in refused.value.remedy


def test_a_sink_gets_all_types_unless_it_lists_some() -> None:
    some = BROKER.model_copy(update={"types": [EventType.CANDIDATE_CREATED], "include": "full"})

    assert subscription_of(BROKER).types == frozenset(EventType)
    assert not subscription_of(BROKER).full
    assert subscription_of(some).types == {EventType.CANDIDATE_CREATED}
    assert subscription_of(some).full


class Running(EventRelay):
    """A relay that only runs."""

    def __init__(self, name: str) -> None:
        self.subscription = Subscription(name)
        self.sink = SinkInMemory()
        self.publisher = self.sink
        self.begun = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        self.begun.set()
        await stop.wait()


class NoOneWatches:
    def failed(self, loop: str, error: BaseException) -> None: ...

    def worked(self, loop: str) -> None: ...


def made(into: dict[str, Running]) -> Callable[[Entry], EventRelay]:
    def make(entry: Entry) -> EventRelay:
        if entry.name.endswith("wrong"):
            raise UserError("cannot be used")
        return into.setdefault(entry.name, Running(entry.name))

    return make


async def test_an_edit_ends_the_relay_that_is_left_out_and_keeps_the_others() -> None:
    found: dict[str, Running] = {}
    relays, stop = EventRelays(made(found), [hook("a"), hook("b")], NoOneWatches()), asyncio.Event()
    task = asyncio.create_task(relays.run(stop))
    await asyncio.gather(*(one.begun.wait() for one in found.values()))
    kept = relays.in_force[1]
    relays.use(relays.made_for([hook("b"), hook("c")]))
    await found["http:https://h.example/c"].begun.wait()
    names, closed = relays.names, [one.sink.closed for one in found.values()]
    stop.set()
    await task

    assert names == ["http:https://h.example/b", "http:https://h.example/c"]
    assert relays.in_force[0] is kept
    assert closed == [True, False, False]
    assert all(one.sink.closed for one in found.values())


async def test_an_edit_that_cannot_be_used_changes_nothing() -> None:
    relays = EventRelays(made({}), [hook("a")], NoOneWatches())
    with pytest.raises(UserError):
        relays.made_for([hook("wrong")])

    assert relays.names == ["http:https://h.example/a"]
