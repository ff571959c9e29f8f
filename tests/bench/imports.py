"""The import against its limit: the same listing, first by the one and then by the other."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import msgspec

from tests.bench.child import Spec
from tests.bench.measuring import Cost
from tests.bench.records import PLAIN, ROTATING
from tests.bench.stage import Stage

Side = str
LIMIT, OURS = "limit", "ours"
COMPARED = {
    "first import": "first import",
    "unchanged": "unchanged",
    "sweep": "unchanged",
    "volatile": "volatile",
    "1 % changed": "1 % changed",
}
"""Our work, and the limit that it is held against."""
VERIFY = "verify"
"""What all of it must end with: no drift."""
VERIFIED_UP_TO = 100_000
"""Records: ten times as many take five minutes."""
BARE = ("fetch", "fetch and slice", "fetch and parse")


@dataclass(slots=True)
class SizeResult:
    """All repetitions at one number of records."""

    records: int
    costs: dict[tuple[Side, str], list[Cost]] = field(default_factory=lambda: defaultdict(list))
    stored: dict[Side, list[int]] = field(default_factory=lambda: defaultdict(list))

    def median(self, side: Side, work: str, name: str) -> float:
        """Of one figure of a piece of work."""
        return median(getattr(cost, name) for cost in self.costs[side, work])

    def rate(self, side: Side, work: str) -> float:
        return self.records / self.median(side, work, "seconds")

    def micros(self, side: Side, work: str, name: str) -> float:
        """CPU per record."""
        return 1e6 * self.median(side, work, name) / self.records

    def ratios(self, work: str) -> list[float]:
        """Our rate as a part of the limit's, repetition by repetition, the lowest first."""
        pairs = zip(self.costs[LIMIT, COMPARED[work]], self.costs[OURS, work], strict=True)
        return sorted(limit.seconds / ours.seconds for limit, ours in pairs)

    def ratio(self, work: str) -> float:
        """The median of these."""
        return median(self.ratios(work))

    def cpu_ratio(self, work: str) -> float:
        """The same in CPU of client and mongod, which other people's work disturbs less."""
        pairs = zip(self.costs[LIMIT, COMPARED[work]], self.costs[OURS, work], strict=True)
        return median(_cpu(limit) / _cpu(ours) for limit, ours in pairs)

    def peak_mb(self, side: Side) -> float:
        return max(c.peak_mb for key, costs in self.costs.items() if key[0] == side for c in costs)

    def others_percent(self) -> float:
        return median(cost.others_percent for costs in self.costs.values() for cost in costs)


def _cpu(cost: Cost) -> float:
    return cost.client_cpu_s + cost.mongod_cpu_s


@dataclass(frozen=True, slots=True)
class Step:
    """One measured process."""

    side: Side
    work: str
    variant: str
    database: str
    counted: bool = True


def steps(*, verified: bool) -> Iterator[Step]:
    """One repetition, in its order; a limit and what is held against it stand side by side."""
    for work in BARE:
        yield Step(LIMIT, work, PLAIN, "limit")
    yield Step(LIMIT, "first import", PLAIN, "limit")
    yield Step(OURS, "first import", PLAIN, "ours")
    yield Step(LIMIT, "unchanged", PLAIN, "limit")
    yield Step(OURS, "unchanged", PLAIN, "ours")
    yield Step(OURS, "sweep", PLAIN, "ours")
    yield Step(OURS, "volatile: first import", ROTATING, "ours_rotating", counted=False)
    yield Step(LIMIT, "volatile", ROTATING, "limit")
    yield Step(OURS, "volatile", ROTATING, "ours_rotating")
    yield Step(LIMIT, "1 % changed", "changed-1", "limit")
    yield Step(OURS, "1 % changed", "changed-1", "ours")
    if verified:
        yield Step(OURS, VERIFY, "changed-1", "ours")


DATABASES = {
    LIMIT: ("limit",),
    OURS: ("ours", "ours_clearview"),
}
_ALL = ("limit", "ours", "ours_clearview", "ours_rotating", "ours_rotating_clearview")


async def measure(stage: Stage, records: int, repetitions: int) -> SizeResult:
    """Every step, so many times."""
    result = SizeResult(records)
    for repetition in range(repetitions):
        await stage.drop(*_ALL)
        is_last = repetition == repetitions - 1
        for step in steps(verified=is_last and records <= VERIFIED_UP_TO):
            await stage.prepare(step.variant, records)
            await stage.settle()
            cost = await _run(stage, step, records)
            _report(records, repetition, step, cost)
            _require_honest(step, records, cost)
            if step.counted:
                result.costs[step.side, step.work].append(cost)
            if step.work == "first import":
                stored = await stage.stored_bytes(*DATABASES[step.side])
                result.stored[step.side].append(stored)
    await stage.drop(*_ALL)
    return result


def _require_honest(step: Step, records: int, cost: Cost) -> None:
    """A figure for work that was not done would be worse than none."""
    wanted = {
        "first import": {"created": records},
        "unchanged": {"seen": records, "updated": 0},
        "volatile": {"seen": records, "updated": 0},
        "sweep": {"seen": records, "updated": 0},
        "1 % changed": {"seen": records, "updated": records // 100},
        VERIFY: {"seen": records, "drift": 0},
    }.get(step.work, {})
    found = {name: cost.counts.get(name) for name in wanted}
    if found != wanted:
        raise AssertionError(f"{step.side}, {step.work}: expected {wanted}, found {cost.counts}")


async def _run(stage: Stage, step: Step, records: int) -> Cost:
    url = stage.url(step.variant, records)
    address = f"{url}/candidates" if step.side == LIMIT else url
    spec = Spec(step.side, step.work, stage.uri, step.database, address, stage.watched)
    return await run_child(spec)


async def run_child(spec: Spec) -> Cost:
    """The cost that a process of its own reports."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.child", msgspec.json.encode(spec).decode(), stdout=PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{spec.side}, {spec.work}: the process failed")
    return msgspec.json.decode(printed.splitlines()[-1], type=Cost)  # logs may stand before it


def _report(records: int, repetition: int, step: Step, cost: Cost) -> None:
    print(
        f"{records:>9,} #{repetition + 1}  {step.side:<5} {step.work:<22} "
        f"{records / cost.seconds:>9,.0f} rec/s  cpu {cost.client_cpu_s:6.2f} + "
        f"{cost.mongod_cpu_s:5.2f} s  {cost.peak_mb:4.0f} MB  others {cost.others_percent:2.0f} %",
        file=sys.stderr,
        flush=True,
    )
