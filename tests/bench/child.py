"""One measured piece of work in a process of its own, so that its peak memory is its own.

`python -m tests.bench.child SPEC` prints its cost as one line of JSON; SPEC is JSON, too.
"""

import asyncio
import cProfile
import gc
import sys
from dataclasses import dataclass

import msgspec

from tests.bench.measuring import Cost, Watched, measured


@dataclass(frozen=True, slots=True)
class Spec:
    """What to do, and where."""

    side: str
    """`limit` or `ours`."""
    work: str
    uri: str
    database: str
    url: str
    watched: Watched
    profile: str | None = None
    """A file for a profile of our side, to find what can be made cheaper."""


async def run(spec: Spec) -> Cost:
    """Do it once."""
    cost = await (_limit(spec) if spec.side == "limit" else _ours(spec))
    if cost is None:
        raise AssertionError("nothing was measured")
    return cost


async def _limit(spec: Spec) -> Cost | None:
    from tests.bench.limit import WORK, Site

    gc.set_threshold(50_000)
    with measured(spec.watched) as gauge:
        gauge.counts = await WORK[spec.work](Site(spec.uri, spec.database, spec.url))
    return gauge.cost


async def _ours(spec: Spec) -> Cost | None:
    from daemon.cli.process_start import collect_rarely, keep_memory
    from tests.bench.ours import Site, poll, verify

    # As every command does.
    collect_rarely()
    keep_memory()
    site = Site(spec.uri, spec.database, spec.url, rotating=spec.work.startswith("volatile"))
    mongo, connector = await site.open(), site.connector()
    await connector.open()
    profiler = cProfile.Profile() if spec.profile else None
    with measured(spec.watched) as gauge:
        if profiler:
            profiler.enable()
        if spec.work == "verify":
            gauge.counts = await verify(mongo, connector)
        else:
            gauge.counts = await poll(site, mongo, connector, sweep=spec.work == "sweep")
        if profiler:
            profiler.disable()
    await connector.close()
    await mongo.close()
    if profiler and spec.profile:
        profiler.dump_stats(spec.profile)
    return gauge.cost


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1].encode(), type=Spec)
    print(msgspec.json.encode(asyncio.run(run(wanted))).decode())
