"""What a daemon costs that has nothing to do, and how soon it begins to work."""

import asyncio
import time
from dataclasses import dataclass

from tests.bench.measuring import cpu_of, peak_mb
from tests.bench.records import PLAIN
from tests.bench.running import running_daemon, until, write_config
from tests.bench.stage import Stage

FEW, MANY = 10, 1_000
RECORDS = 500
WATCHED_S = 20.0
SETTLED_S = 3.0
NAME = "idle"


@dataclass(frozen=True, slots=True)
class IdleResult:
    """With MongoDB up before the daemon."""

    integrations: int
    first_poll_s: float
    """From the start of the process to its first request at an ATS."""
    all_polled_s: float
    """Until every integration had imported its first page of 500."""
    cpu_percent: float
    """Of one core, while nothing changes anywhere."""
    peak_mb: float


async def measure(stage: Stage, integrations: int = FEW) -> IdleResult:
    """Start, let the first polls end, watch."""
    configured = {
        f"idle-{n}": {
            "connector": "bench",
            "endpoint": stage.url(PLAIN, RECORDS),
            "credentials": {"api_key": f"key {n}"},
        }
        for n in range(integrations)
    }
    name = f"{NAME}_{integrations}"
    config = write_config(stage, name, configured)
    await stage.ask("POST", "/forget")
    async with running_daemon(stage, name, config) as daemon:
        await until(lambda: _polled(stage, name, integrations), within_s=900)
        polled = time.monotonic_ns()
        first = min(at for _, _, at in await stage.ask("GET", "/noticed"))
        await until(lambda: _quiet(stage, name), within_s=900)
        await asyncio.sleep(SETTLED_S)
        began, cpu = time.monotonic(), cpu_of(daemon.process.pid)
        await asyncio.sleep(WATCHED_S)
        used = cpu_of(daemon.process.pid) - cpu
        return IdleResult(
            integrations=integrations,
            all_polled_s=(polled - daemon.started_ns) / 1e9,
            first_poll_s=(first - daemon.started_ns) / 1e9,
            cpu_percent=100 * used / (time.monotonic() - began),
            peak_mb=peak_mb(daemon.process.pid),
        )


async def _quiet(stage: Stage, database: str) -> bool:
    """No poll is under way: where the first ones take long, the first accounts poll again."""
    async with stage.client() as client:
        return await client[database]["sync_runs"].count_documents({"outcome": "running"}) == 0


async def _polled(stage: Stage, database: str, integrations: int) -> bool:
    async with stage.client() as client:
        runs = client[database]["sync_runs"]
        return len(await runs.distinct("integration", {"outcome": "success"})) >= integrations
