"""The subscriber of docs/events.md, as it is printed there."""

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aio_pika
import pytest

from daemon.core.events import Event
from daemon.events.rabbitmq_sink import RabbitMqSink
from tests.broker.test_rabbitmq_sink import an_event
from tests.support.broker import Broker
from tests.support.pages import fenced, page

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


@asynccontextmanager
async def subscriber(folder: Path, broker: Broker) -> AsyncIterator[Process]:
    [program] = fenced(page("docs/events.md"), "python")
    (folder / "subscriber.py").write_text(program)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "subscriber.py"),
        cwd=folder,
        env={**os.environ, "RABBITMQ_URL": broker.url()},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_reported(folder: Path, events: list[Event]) -> list[str]:
    """The subjects in the subscriber's own table, once these are among them."""
    async with asyncio.timeout(30):
        while True:
            with closing(sqlite3.connect(folder / "subscriber.db")) as store:
                rows = store.execute("SELECT subject FROM report ORDER BY rowid").fetchall()
            if {event.subject for event in events} <= {subject for (subject,) in rows}:
                return [subject for (subject,) in rows]
            await asyncio.sleep(0.05)


async def test_it_acts_on_each_event_once_also_after_a_kill(broker: Broker, tmp_path: Path) -> None:
    first, second = an_event("1"), an_event("2")
    sink = RabbitMqSink(broker.url(), "ats-sync")
    async with await aio_pika.connect(broker.url()) as connection:
        await (await connection.channel()).queue_delete("hiring-reports")
    async with subscriber(tmp_path, broker):
        await until_bound(sink, [first])
        await until_reported(tmp_path, [first])
    await sink.publish([first])
    await sink.publish([second])
    async with subscriber(tmp_path, broker):
        reported = await until_reported(tmp_path, [first, second])
    await sink.close()

    assert reported == [first.subject, second.subject]


async def until_bound(sink: RabbitMqSink, events: list[Event]) -> None:
    """Publishes again and again, until the subscriber's queue is there."""
    async with asyncio.timeout(30):
        while True:
            offered = await sink.publish(events)
            if offered.taken and not offered.unrouted:
                return
            await asyncio.sleep(0.1)
