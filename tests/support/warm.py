"""Processes forked from one that has imported everything: a command begins at once, and not after a second and a half.

What a forked one lacks are the first and the last moments of an interpreter. `python -m daemon` as it is runs in
`unit/cli`, and where a test says `forked = False`.
"""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path


@cache
def forking() -> ForkServerContext:
    """The processes of this context are forked from the warm one."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.support.warm_imports"])
    return context


@dataclass(slots=True)
class ForkedCommand:
    """Like `asyncio.subprocess.Process`, as far as tests of a command go."""

    stdout: asyncio.StreamReader
    _process: ForkServerProcess = field(repr=False)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes, None]:
        """What is left of its output, and its end."""
        printed = await self.stdout.read()
        await self.wait()
        return printed, None


async def start_forked(
    arguments: Sequence[str], environment: Mapping[str, str], *, folder: Path = Path()
) -> ForkedCommand:
    """`ats-sync` with these arguments, in this folder; both its outputs are `stdout`."""
    reading, writing = Pipe(duplex=False)
    with reading, writing:
        process = forking().Process(
            target=_command,
            args=(list(arguments), dict(environment), folder, writing),
            daemon=True,
        )
        process.start()
        stdout = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout),
            os.fdopen(os.dup(reading.fileno()), "rb"),
        )
    return ForkedCommand(stdout, process)


def _command(
    arguments: list[str], environment: dict[str, str], folder: Path, output: Connection
) -> None:
    from daemon.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    with output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False))
    sys.argv = ["ats-sync", *arguments]
    main()
