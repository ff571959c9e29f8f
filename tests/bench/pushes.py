"""How long a status change takes from ClearView to the ATS, and how fast a backlog drains.

Bare loop and daemon watch databases of their own on the same mongod, so that the same writes can be
made to the one and to the other, one after the other, in one run.
"""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from bson.timestamp import Timestamp
from pymongo import WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

from tests.bench.records import PLAIN
from tests.bench.running import running_daemon, until, write_config
from tests.bench.stage import Stage, end

OURS, BARE = "push", "bare"
DATABASES = {OURS: "push_clearview", BARE: "bare_clearview"}
PREFIX = {OURS: "a", BARE: "b"}
WARM_UP = 20
PACES = {1: 20, 100: 1_000, 500: 5_000}
"""Changes per second, and how many of them."""
BACKLOG = 5_000
APPLICATIONS = WARM_UP + sum(PACES.values()) + BACKLOG


@dataclass(frozen=True, slots=True)
class Latency:
    """From the acknowledged write in ClearView, in milliseconds."""

    changes: int
    request_p50: float
    """To the first request about the application; ours reads it before it writes."""
    request_p99: float
    write_p50: float
    """To the write."""
    write_p99: float


@dataclass(slots=True)
class PushResult:
    """Both sides, by changes per second; and how many changes a second a backlog drains at."""

    latency: dict[tuple[str, int], Latency] = field(default_factory=dict)
    drained: dict[str, float] = field(default_factory=dict)


async def measure(
    stage: Stage, paces: Mapping[int, int] = PACES, backlog: int = BACKLOG
) -> PushResult:
    """All paces, then the backlog."""
    result = PushResult()
    await _fill_bare(stage)
    config = write_config(stage, OURS, {"push": _integration(stage)})
    first = 0
    async with running_daemon(stage, OURS, config), _bare(stage):
        await until(lambda: _is_imported(stage))
        for side in (BARE, OURS):
            await _pace(stage, side, rate=50, first=0, changes=WARM_UP)
        first += WARM_UP
        for rate, changes in paces.items():
            for side in (BARE, OURS):
                found = await _pace(stage, side, rate=rate, first=first, changes=changes)
                result.latency[side, rate] = found
                _report(side, rate, found)
            first += changes
    since = await _cluster_time(stage)
    for side in (BARE, OURS):
        await _change_all(stage, side, first, backlog)
    async with _bare(stage, since):
        result.drained[BARE] = await _drained(stage, backlog)
    async with running_daemon(stage, OURS, config):
        result.drained[OURS] = await _drained(stage, backlog)
    print(f"drained: {result.drained}", file=sys.stderr, flush=True)
    return result


def _integration(stage: Stage) -> dict[str, Any]:
    return {
        "connector": "bench-push",
        "endpoint": stage.url(PLAIN, APPLICATIONS),
        "credentials": {"api_key": "any"},
        "poll": {"every": "12h"},
    }


async def _fill_bare(stage: Stage) -> None:
    rows = [
        {"_id": f"b{at}", "external_id": f"b{at}", "status": "new"} for at in range(APPLICATIONS)
    ]
    async with stage.client() as client:
        await client[DATABASES[BARE]]["applications"].insert_many(rows)


async def _is_imported(stage: Stage) -> bool:
    async with stage.client() as client:
        finished = await client[OURS]["sync_runs"].count_documents({"outcome": "success"})
        return bool(finished)


@asynccontextmanager
async def _bare(stage: Stage, since: Timestamp | None = None) -> AsyncIterator[None]:
    times = [] if since is None else [str(since.time), str(since.inc)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_push"),
        *(stage.uri, DATABASES[BARE], stage.ats, *times),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        if process.stdout is None or not await process.stdout.readline():
            raise RuntimeError("the bare loop did not start")
        yield
    finally:
        await end(process)


async def _pace(stage: Stage, side: str, *, rate: int, first: int, changes: int) -> Latency:
    await stage.ask("POST", "/forget")
    acknowledged = await _write_evenly(stage, side, rate, range(first, first + changes))
    await until(lambda: _all_written(stage, changes))
    return latency_of(acknowledged, await stage.ask("GET", "/noticed"))


async def _write_evenly(stage: Stage, side: str, rate: int, keys: range) -> dict[str, int]:
    """Each write begins at its time, whether or not the one before is acknowledged."""
    acknowledged: dict[str, int] = {}
    async with stage.client() as client:
        majority = WriteConcern("majority")
        rows = client[DATABASES[side]].get_collection("applications", write_concern=majority)

        async def change(key: str) -> None:
            found = await rows.update_one({"_id": ids[key]}, {"$set": {"status": "interview"}})
            acknowledged[key] = time.monotonic_ns()
            if found.modified_count != 1:
                raise AssertionError(f"{key} was not changed")

        ids = await _ids(rows, [f"{PREFIX[side]}{key}" for key in keys])
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for at, key in enumerate(keys):
                await asyncio.sleep(max(0.0, began + at / rate - time.monotonic()))
                group.create_task(change(f"{PREFIX[side]}{key}"))
    return acknowledged


async def _ids(
    rows: AsyncCollection[dict[str, Any]], external_ids: Sequence[str]
) -> dict[str, Any]:
    """By external id. A user who edits an application has read it, and writes by its `_id`."""
    found = rows.find({"external_id": {"$in": external_ids}}, {"external_id": 1})
    return {row["external_id"]: row["_id"] for row in await found.to_list()}


async def _all_written(stage: Stage, changes: int) -> bool:
    written: int = await stage.ask("GET", "/written")
    return written >= changes


def latency_of(acknowledged: Mapping[str, int], noticed: list[tuple[str, str, int]]) -> Latency:
    """The event may arrive before its own acknowledgement: some latencies are below nothing."""
    first: dict[str, int] = {}
    written: dict[str, int] = {}
    for kind, key, at in noticed:
        first.setdefault(key, at)
        if kind == "write":
            written.setdefault(key, at)
    requests = [(first[key] - at) / 1e6 for key, at in acknowledged.items()]
    writes = [(written[key] - at) / 1e6 for key, at in acknowledged.items()]
    return Latency(len(acknowledged), *_middle_and_tail(requests), *_middle_and_tail(writes))


def _middle_and_tail(values: list[float]) -> tuple[float, float]:
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


async def _cluster_time(stage: Stage) -> Timestamp:
    async with stage.client() as client:
        hello = await client.admin.command("hello")
    found: Timestamp = hello["$clusterTime"]["clusterTime"]
    return found


async def _change_all(stage: Stage, side: str, first: int, changes: int) -> None:
    keys = [f"{PREFIX[side]}{key}" for key in range(first, first + changes)]
    async with stage.client() as client:
        rows = client[DATABASES[side]]["applications"]
        await rows.update_many({"external_id": {"$in": keys}}, {"$set": {"status": "interview"}})


async def _drained(stage: Stage, changes: int) -> float:
    """Changes per second, from the first write at the ATS to the last."""
    await stage.ask("POST", "/forget")
    await until(lambda: _all_written(stage, changes), within_s=300)
    at = sorted(when for kind, _, when in await stage.ask("GET", "/noticed") if kind == "write")
    return (len(at) - 1) / ((at[-1] - at[0]) / 1e9)


def _report(side: str, rate: int, found: Latency) -> None:
    print(
        f"{side:<5} {rate:>4}/s  request p50 {found.request_p50:7.2f} p99 {found.request_p99:7.2f} "
        f"write p50 {found.write_p50:7.2f} p99 {found.write_p99:7.2f} ms",
        file=sys.stderr,
        flush=True,
    )
