"""The `ats-sync` command as a real process, against simulated ATSs and the test's own MongoDB."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase

from connectors.simulator import Simulator, create_simulator
from daemon.store.encoding import RAW_OPTIONS
from models.ids import integration_id
from tests.support.mongo import TestMongo
from tests.support.warm import ForkedCommand, start_forked

THREE = ("greenhouse", "lever", "ashby")
Command = Process | ForkedCommand


@dataclass(slots=True)
class Workbench:
    """Simulators, a YAML file that names them, and the command."""

    mongo: TestMongo
    folder: Path
    simulators: dict[str, Simulator] = field(default_factory=dict)
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Further keys of an integration, by simulator."""
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Integrations that no simulator serves, as they stand in the YAML file."""
    forked: bool = True
    """False: each command is an interpreter of its own, which takes a second and a half to begin."""

    @property
    def config(self) -> Path:
        return self.folder / "ats-sync.yaml"

    def write_config(self, **changes: Any) -> None:
        """JSON is YAML: the file has what the simulators announced."""
        document = {
            "version": 1,
            "clearview": {"mongodb": {"database": self.mongo.clearview}},
            "integrations": {
                name: self._integration(name, simulator)
                for name, simulator in self.simulators.items()
            }
            | self.others,
            **changes,
        }
        self.config.write_bytes(msgspec.json.encode(document))

    def _integration(self, name: str, simulator: Simulator) -> dict[str, Any]:
        found: dict[str, Any] = {
            "connector": simulator.NAME,
            "endpoint": simulator.url,
            "credentials": dict(simulator.credentials),
            "poll": {"every": "10s"},
            "rejection_reasons": {"default": "Not a fit"},
        }
        if simulator.options:
            found["options"] = dict(simulator.options)
        if simulator.acting_user:
            found["acting_user"] = simulator.acting_user
        return found | self.extra.get(name, {})

    def environment(self) -> dict[str, str]:
        own = {
            "ATS_SYNC_MONGODB_URI": self.mongo.uri,
            "ATS_SYNC_DATABASE": self.mongo.database,
            "ATS_SYNC_DATA_DIR": str(self.folder / "data"),
            "ATS_SYNC_HTTP_PORT": "0",
            "ATS_SYNC_LOG_FORMAT": "json",
        }
        return {**os.environ, **own}

    async def start(self, *arguments: str, **environment: str) -> Command:
        environment = self.environment() | environment
        if self.forked:
            return await start_forked(arguments, environment)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daemon", *arguments),
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
        )

    async def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """The exit code and everything printed."""
        process = await self.start(*arguments, **environment)
        try:
            printed, _ = await asyncio.wait_for(process.communicate(), 90)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, printed.decode()

    async def run_once(self) -> tuple[int, str]:
        return await self.run("run", "--once", "--config", str(self.config))

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator["RunningDaemon"]:
        """A running daemon, ended by SIGTERM."""
        process = await self.start("run", "--config", str(self.config))
        running = RunningDaemon(process)
        try:
            yield running
        finally:
            await running.stop()

    async def documents(
        self, collection: str, simulator: str | None = None
    ) -> list[dict[str, Any]]:
        in_clearview = collection in ("candidates", "applications")
        database = self.clearview if in_clearview else self.own
        query = {}
        if simulator is not None:
            key = "integration_id" if in_clearview else "ats_integration_id"
            query = {key: self.id_of(simulator)}
        return await database[collection].find(query).sort("_id", 1).to_list()

    @property
    def own(self) -> AsyncDatabase[dict[str, Any]]:
        return self.mongo.db.with_options(codec_options=RAW_OPTIONS)

    @property
    def clearview(self) -> AsyncDatabase[dict[str, Any]]:
        return self.mongo.clearview_db.with_options(codec_options=RAW_OPTIONS)

    def id_of(self, simulator: str) -> Any:
        return integration_id(simulator)


@dataclass(slots=True)
class RunningDaemon:
    """A daemon's process and what it has said so far."""

    process: Command
    lines: list[str] = field(default_factory=list)

    async def heard(self, words: str, *, within: float = 30.0) -> str:
        """The first line, from now on, that contains these words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line)
                if words in line:
                    return line
        raise AssertionError(f"the daemon ended without saying {words!r}: {self.lines[-5:]}")

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        rest, _ = await asyncio.wait_for(self.process.communicate(), 20)
        self.lines += rest.decode().splitlines()
        return self.process.returncode or 0


@asynccontextmanager
async def workbench(
    mongo: TestMongo, folder: Path, names: Iterable[str] = THREE, **options: Any
) -> AsyncIterator[Workbench]:
    """Simulators on free ports, small and without patience for rate limits."""
    async with AsyncExitStack() as stack:
        bench = Workbench(mongo, folder)
        for name in names:
            simulator = create_simulator(name, **{"candidates": 20, "unlimited": True, **options})
            await simulator.start()
            stack.push_async_callback(simulator.stop)
            bench.simulators[name] = simulator
        bench.write_config()
        yield bench
