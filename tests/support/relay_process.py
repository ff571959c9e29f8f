"""A relay as a process that kills itself: run as a program it is a fork server, like `child_process`."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import monitoring

from daemon.core.events import Event, Offered
from daemon.events.rabbitmq_sink import RabbitMqSink
from daemon.events.webhook_sink import WebhookSink, secrets_of
from daemon.ports.events import Publisher
from daemon.runtime.clock import SystemClock
from daemon.store.leases import MongoLeases
from daemon.store.opening import open_mongo
from tests.support.child_process import KillSwitch, serve
from tests.support.event_sinks import SECRET, relay_to
from tests.support.killing import EVERY_POINT
from tests.support.log_writer import LogWriter
from tests.support.mongo import TestMongo

ROOT = Path(__file__).parents[2]
Kill = tuple[str, int]


@dataclass
class WatchedSink:
    """Counts each event that the sink confirmed as a moment, before anyone hears of it."""

    publisher: Publisher
    kill_switch: KillSwitch

    async def publish(self, events: Sequence[Event]) -> Offered:
        taken: list[str] = []
        for event in events:
            offered = await self.publisher.publish([event])
            taken += offered.taken
            if offered.failure:
                return Offered(taken, failure=offered.failure)
            self.kill_switch.page_read("", 0)
        return Offered(taken)

    async def check(self) -> str:
        return await self.publisher.check()

    async def close(self) -> None:
        await self.publisher.close()


async def _run_command(command: dict[str, Any]) -> dict[str, Any]:
    """Publishes what is in the logs, or up to the moment at which it is to be killed."""
    kill_switch = KillSwitch(*(command["kill"] or ("", 0)))
    monitoring.register(kill_switch)
    mongo = await open_mongo(
        command["uri"],
        database=command["database"],
        clearview_database=command["clearview"],
        prepare=False,
    )
    clock = SystemClock()
    leases = MongoLeases(mongo, clock)
    await leases.end_all()  # those of children that were killed
    sink = WatchedSink(_publisher(command["url"], clock), kill_switch)
    relay = relay_to(sink, mongo, leases=leases)
    try:
        kill_switch.armed = True
        if command["do"] == "begin":
            await relay.begin()
        else:
            await relay.catch_up(timedelta(seconds=60))
        kill_switch.armed = False
    finally:
        await sink.close()
        await mongo.close()
    return {
        "before": kill_switch.commands,
        "after": kill_switch.acknowledged,
        "page": kill_switch.pages,
    }


def _publisher(url: str, clock: SystemClock) -> Publisher:
    if url.startswith("http"):
        return WebhookSink(url, secrets_of(SECRET), clock)
    address, exchange = url.split("#")
    return RabbitMqSink(address, exchange)


@dataclass
class RelayServer:
    """Forks one relay per command."""

    process: subprocess.Popen[str]
    where: dict[str, str]

    def send(self, do: str, kill: Kill | None = None) -> dict[str, int] | None:
        """Returns the moments that there were; None if the relay was killed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**self.where, "do": do, "kill": kill}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if not answer["killed"] and answer["status"] != 0:
            raise AssertionError(f"{do} failed, status {answer['status']}")
        moments: dict[str, int] | None = answer["answer"]
        return moments


@contextmanager
def running_relay_server(
    uri: str, database: str, clearview: str, url: str
) -> Iterator[RelayServer]:
    where = {"uri": uri, "database": database, "clearview": clearview, "url": url}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.relay_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield RelayServer(process, where)
        assert process.stdin is not None
        process.stdin.close()


async def killed_again_and_again(
    mongo: TestMongo, url: str, writer: LogWriter, chance: random.Random
) -> None:
    """Logs grow, and relays die at their work on them; one more finishes it."""
    every = [(kind, n) for n in range(1, 18) for kind in ("before", "after", "page")]
    chosen = every if EVERY_POINT else every[::2]
    killed = 0
    with running_relay_server(mongo.uri, mongo.database, mongo.clearview, url) as server:
        await asyncio.to_thread(server.send, "begin")
        for kill in chosen:
            await writer.write(chance.randrange(3, 12))
            killed += await asyncio.to_thread(server.send, "catch up", kill) is None
        while killed < len(chosen):  # some of these moments did not come
            await writer.write(3)
            kill = ("page", chance.randrange(1, 4))
            killed += await asyncio.to_thread(server.send, "catch up", kill) is None
        await asyncio.to_thread(server.send, "catch up")


if __name__ == "__main__":
    serve(_run_command)
