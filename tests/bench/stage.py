"""What a measurement needs: a mongod of its own, and the ATS in another process."""

import asyncio
import compileall
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from pymongo import AsyncMongoClient

from daemon.store.embedded.server import start_embedded
from tests.bench.measuring import Watched

CACHE_GB = 4.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the measured processes talk to."""

    uri: str
    ats: str
    """The ATS's address."""
    watched: Watched
    folder: Path

    def url(self, variant: str, records: int) -> str:
        """Where so many records are served: `plain`, `rotating` or `changed-N`."""
        return f"{self.ats}/{variant}/{records}"

    async def prepare(self, variant: str, records: int) -> None:
        """Have the listing's pages made; one that rotates is signed again."""
        await self.ask("POST", f"/{variant}/{records}/prepare")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
        async with AsyncMongoClient[dict[str, Any]](
            self.uri, tz_aware=True, uuidRepresentation="standard"
        ) as one:
            yield one

    async def server_version(self) -> str:
        async with self.client() as client:
            return str((await client.server_info())["version"])

    async def settle(self) -> None:
        """Let nothing that was written before be paid for by what comes next."""
        async with self.client() as client:
            await client.admin.command("fsync")

    async def drop(self, *databases: str) -> None:
        async with self.client() as client:
            for name in databases:
                await client.drop_database(name)
            await client.admin.command("fsync")

    async def stored_bytes(self, *databases: str) -> int:
        """On disk, indexes included, after compression."""
        async with self.client() as client:
            await client.admin.command("fsync")
            stats = [await client[name].command("dbStats") for name in databases]
        return int(sum(each["storageSize"] + each["indexSize"] for each in stats))

    async def ask(self, method: str, path: str) -> Any:
        """A question to the ATS about what it noticed."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.ats}{path}") as answer,
        ):
            return msgspec.json.decode(await answer.read())


def compile_code() -> None:
    """As the image does: what starts a command is not to be measured with compiling it."""
    for package in ("models", "config", "connectors", "daemon"):
        compileall.compile_dir(ROOT / package, quiet=1)


@asynccontextmanager
async def opened_stage() -> AsyncIterator[Stage]:
    """Started, and gone without a trace afterwards."""
    compile_code()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        mongo = await start_embedded(folder, cache_gb=CACHE_GB)
        try:
            async with _ats() as (port, pid):
                watched = Watched(mongod=mongo.pid, ats=pid)
                yield Stage(mongo.uri, f"http://127.0.0.1:{port}", watched, folder)
        finally:
            await mongo.stop()


@asynccontextmanager
async def _ats() -> AsyncIterator[tuple[int, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.ats", stdin=PIPE, stdout=PIPE
    )
    if process.stdout is None:
        raise AssertionError("stdout was asked for")
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        await end(process)


async def end(process: Process) -> None:
    """By the end of its standard input, which all processes of the bench take for goodbye."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(20):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
