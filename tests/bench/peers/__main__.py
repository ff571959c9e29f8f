"""`python -m tests.bench.peers [--records N] [--repetitions N]`: write PEERS.md, and print it."""

import argparse
import asyncio
from collections.abc import Sequence

from tests.bench.imports import LIMIT
from tests.bench.machine import Machine, machine
from tests.bench.peers.commands import airbyte, airbyte_read, limit, ours, singer
from tests.bench.peers.environments import FOLDER
from tests.bench.peers.measure import PeerResult, spend
from tests.bench.records import PLAIN
from tests.bench.stage import Stage, opened_stage

_DATABASES = ("peer", "peer_clearview", "singer", "airbyte", LIMIT)


async def measure(stage: Stage, records: int, repetitions: int) -> list[PeerResult]:
    """Ours first; in each repetition one after the other."""
    peers = [
        ours(stage, records),
        limit(stage, records),
        await singer(stage, records),
        await airbyte(stage, records),
        await airbyte_read(stage, records),
    ]
    results = [PeerResult(peer.name, peer.writes, records) for peer in peers]
    await stage.prepare(PLAIN, records)
    for _ in range(repetitions):
        await stage.drop(*_DATABASES)
        for peer, result in zip(peers, results, strict=True):
            for runs in (result.first, result.second):
                await stage.settle()
                runs.append(await spend(peer, records, again=runs is result.second))
    return results


def markdown(results: Sequence[PeerResult], made: Machine, repetitions: int) -> str:
    """The report."""
    own, *others = results
    made_on = f"{made.cpu}, {made.cores} cores, Python {made.python}, mongod {made.mongod}"
    return _REPORT.format(
        date=made.date,
        machine=made_on,
        records=own.records,
        repetitions=repetitions,
        rows="\n".join(_row(result, own) for result in (own, *others)),
    )


_REPORT = """\
# The same listing through peers

Written by `python -m tests.bench.peers` on {date}: {machine}.
{records:,} records of 3.3 KB, {repetitions} repetitions, medians of whole commands, interpreter
start included; [README.md](README.md) says what is run.

| | writes, a record | first run, rec/s | again, rec/s | CPU us/record | times slower |
|---|---|---:|---:|---:|---:|
{rows}

*first run*: into nothing. *again*: everything is read once more and nothing has changed. CPU is
that of the command's own processes, first run / again. *times slower* than ours, first run / again.

Not like for like: no peer compares, logs, or writes more than one document; the last row stores
nothing in a database.
"""


def _row(result: PeerResult, own: PeerResult) -> str:
    first, again = result.rate(result.first), result.rate(result.second)
    slower = (
        ""
        if result is own
        else f"{own.rate(own.first) / first:.1f} / {own.rate(own.second) / again:.1f}"
    )
    return (
        f"| {result.name} | {result.writes} | {first:,.0f} | {again:,.0f} "
        f"| {result.micros(result.first):.0f} / {result.micros(result.second):.0f} | {slower} |"
    )


async def _main(records: int, repetitions: int) -> None:
    async with opened_stage() as stage:
        made = machine(await stage.server_version())
        report = markdown(await measure(stage, records, repetitions), made, repetitions)
    (FOLDER / "PEERS.md").write_text(report)
    print(report)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--repetitions", type=int, default=3)
    wanted = parser.parse_args()
    asyncio.run(_main(wanted.records, wanted.repetitions))
