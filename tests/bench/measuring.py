"""What a piece of work cost: wall time, CPU of this process and of mongod, peak memory."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """One measured piece of work."""

    seconds: float
    client_cpu_s: float
    mongod_cpu_s: float
    peak_mb: float
    others_percent: float
    """Share of the machine's CPU that someone else used meanwhile."""
    counts: dict[str, int]
    """What the work itself says it did."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The processes beside this one that belong to the measurement."""

    mongod: int
    ats: int


@dataclass(slots=True)
class Gauge:
    """Running while the work runs; `cost` afterwards."""

    watched: Watched
    counts: dict[str, int]
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    wall: float
    own: float
    mongod: float
    ats: float
    busy: float


@contextmanager
def measured(watched: Watched) -> Iterator[Gauge]:
    """Measures its body."""
    gauge = Gauge(watched, {})
    before = _read(watched)
    yield gauge
    after = _read(watched)
    wall = after.wall - before.wall
    ours = sum(getattr(after, name) - getattr(before, name) for name in ("own", "mongod", "ats"))
    others = max(0.0, after.busy - before.busy - ours)
    gauge.cost = Cost(
        seconds=wall,
        client_cpu_s=after.own - before.own,
        mongod_cpu_s=after.mongod - before.mongod,
        peak_mb=peak_mb(),
        others_percent=100 * others / (wall * (os.cpu_count() or 1)),
        counts=gauge.counts,
    )


def _read(watched: Watched) -> _Reading:
    return _Reading(
        time.perf_counter(),
        own_cpu(),
        cpu_of(watched.mongod),
        cpu_of(watched.ats),
        _busy(),
    )


def own_cpu() -> float:
    """CPU seconds of this process, its threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_of(pid: int) -> float:
    """CPU seconds of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _busy() -> float:
    """CPU seconds that the whole machine has worked."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / _TICKS
