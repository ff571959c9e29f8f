"""`python -m tests.bench [--quick] [--large] [--only PART]`: measure, print, write RESULTS.md."""

import argparse
import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.bench import idle, imports, pushes
from tests.bench.chart import chart
from tests.bench.machine import machine
from tests.bench.report import Results, markdown, plain_text
from tests.bench.stage import opened_stage

FOLDER = Path(__file__).parent
QUICK = {10_000: 3}
USUAL = QUICK | {100_000: 3}
LARGE = USUAL | {1_000_000: 1}
"""Records, and how often each step is repeated."""
PARTS = ("imports", "idle", "pushes")


async def measure(
    sizes: dict[int, int], parts: Collection[str] = PARTS, idle_sizes: Sequence[int] = (idle.FEW,)
) -> Results:
    """These parts, on a stage of their own."""
    async with opened_stage() as stage:
        results = Results(machine(await stage.server_version()))
        if "imports" in parts:
            for records, repetitions in sizes.items():
                results.sizes.append(await imports.measure(stage, records, repetitions))
        if "idle" in parts:
            results.idle = [await idle.measure(stage, number) for number in idle_sizes]
        if "pushes" in parts:
            results.pushes = await pushes.measure(stage)
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 records; printed only")
    parser.add_argument(
        "--large", action="store_true", help="1,000,000 records and 1,000 accounts, too"
    )
    parser.add_argument("--only", choices=PARTS, help="one part; printed only")
    wanted = parser.parse_args()
    sizes = QUICK if wanted.quick else LARGE if wanted.large else USUAL
    idle_sizes = (idle.FEW, idle.MANY) if wanted.large else (idle.FEW,)
    parts = [wanted.only] if wanted.only else PARTS
    results = asyncio.run(measure(sizes, parts, idle_sizes))
    print(plain_text(results))
    if not (wanted.quick or wanted.only):
        (FOLDER / "RESULTS.md").write_text(markdown(results))
        (FOLDER / "results.svg").write_text(chart(results.sizes))


if __name__ == "__main__":
    main()
