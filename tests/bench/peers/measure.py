"""Whole commands, from their start to their end, with the CPU of all their processes."""

import asyncio
import os
import resource
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.peers.commands import Peer


@dataclass(frozen=True, slots=True)
class Spent:
    """One whole command."""

    seconds: float
    cpu_s: float


@dataclass(slots=True)
class PeerResult:
    """All repetitions of one peer: the first run into nothing, the second with nothing changed."""

    name: str
    writes: str
    records: int
    first: list[Spent] = field(default_factory=list)
    second: list[Spent] = field(default_factory=list)

    def rate(self, runs: Sequence[Spent]) -> float:
        return self.records / median(each.seconds for each in runs)

    def micros(self, runs: Sequence[Spent]) -> float:
        """CPU a record, without that of MongoDB."""
        return 1e6 * median(each.cpu_s for each in runs) / self.records


async def spend(peer: Peer, records: int, *, again: bool = False) -> Spent:
    """Run it, and require that every record has arrived.

    Raises:
        RuntimeError: a command failed, or records are missing.
    """
    before, started = _children_cpu(), time.perf_counter()
    codes = await _run(peer, peer.again or peer.pipeline if again else peer.pipeline)
    spent = Spent(time.perf_counter() - started, _children_cpu() - before)
    found = await peer.count()
    if any(codes) or found != records:
        said = peer.output.with_suffix(".err").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{peer.name}: exit codes {codes}, {found} of {records} records\n{said}")
    print(f"{peer.name:<28} {records / spent.seconds:>8,.0f} rec/s", file=sys.stderr, flush=True)
    return spent


async def _run(peer: Peer, pipeline: Sequence[Sequence[str]]) -> list[int]:
    """Each command reads what the one before it writes."""
    environment = {**os.environ, **peer.environment}
    processes: list[Process] = []
    source: int | None = None
    with peer.output.open("wb") as output, peer.output.with_suffix(".err").open("wb") as errors:
        for command in pipeline:
            is_last = command is pipeline[-1]
            reading, writing = (None, None) if is_last else os.pipe()
            processes.append(
                await asyncio.create_subprocess_exec(
                    *command,
                    stdin=source,
                    stdout=output if is_last else writing,
                    stderr=errors,
                    env=environment,
                )
            )
            for done_with in (source, writing):
                if done_with is not None:
                    os.close(done_with)
            source = reading
        return [await process.wait() for process in processes]


def _children_cpu() -> float:
    """Of all children that have ended: the ATS and mongod are not among them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
