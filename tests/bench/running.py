"""The daemon as a process, as a container would run it."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.ours import CONNECTORS
from tests.bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon under way."""

    process: Process
    started_ns: int
    """By the monotonic clock."""


def write_config(stage: Stage, name: str, integrations: Mapping[str, Any]) -> Path:
    """The operator's file, in a folder of its own. JSON is YAML."""
    folder = stage.folder / name
    folder.mkdir(exist_ok=True)
    path = folder / "ats-sync.yaml"
    document = {
        "version": 1,
        "clearview": {"mongodb": {"database": f"{name}_clearview"}},
        "integrations": integrations,
        "connector_paths": [str(CONNECTORS)],
    }
    path.write_bytes(msgspec.json.encode(document))
    return path


@asynccontextmanager
async def running_daemon(stage: Stage, name: str, config: Path) -> AsyncIterator[Running]:
    """Stopped as a container is: by SIGTERM."""
    environment = {
        **os.environ,
        "ATS_SYNC_MONGODB_URI": stage.uri,
        "ATS_SYNC_DATABASE": name,
        "ATS_SYNC_DATA_DIR": str(stage.folder / name),
        "ATS_SYNC_HTTP_PORT": "0",
        "ATS_SYNC_LOG_FORMAT": "json",
    }
    started = time.monotonic_ns()
    with (config.parent / "daemon.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daemon", "run", "--config", str(config)),
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield Running(process, started)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = 120) -> None:
    """Wait for something to be so.

    Raises:
        TimeoutError: it never was.
    """
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.1)
