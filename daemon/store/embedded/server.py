"""A real MongoDB replica set of one, run as a child process on loopback, for trying out and for tests."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon.store.embedded import guard as embedded_guard
from daemon.store.embedded.binary import explain_unloadable, locate_mongod
from daemon.store.embedded.errors import EmbeddedMongoError, Failure, explain, refuse_full_disk
from daemon.store.embedded.folder import REPLICA_SET, FolderClaim, cannot_be_used
from daemon.store.embedded.replica_set import make_primary

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PORT_ATTEMPTS = 3
LOG_BYTES_KEPT = 10 * 1024 * 1024
CANCEL_AGAIN_S = 0.8
"""A cancellation can be lost (`daemon.runtime.timeouts`)."""
# What mongod may see of our environment; the rest (secrets above all) is none of its business.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "GLIBC_TUNABLES")

__all__ = ["EmbeddedMongo", "EmbeddedMongoError", "start_embedded", "watched"]


@dataclass(slots=True)
class EmbeddedMongo:
    """A running mongod that ends with this process, whatever ends this process."""

    port: int
    pid: int
    log_from: int
    claim: FolderClaim = field(repr=False)
    guard: Process = field(repr=False)

    @property
    def uri(self) -> str:
        """The URI for any driver: transactions, retryable writes and change streams work."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"

    @property
    def dbpath(self) -> Path:
        return self.claim.dbpath

    async def wait(self) -> int:
        """Returns mongod's exit code when it has ended."""
        return await self.guard.wait()

    async def watch(self, stop: asyncio.Event) -> None:
        """Returns on `stop`; fails if mongod ends before.

        Raises:
            EmbeddedMongoError: with what the log says about its end.
        """
        ended = asyncio.create_task(self.guard.wait(), name="embedded-mongo-ended")
        stopping = asyncio.create_task(stop.wait(), name="embedded-mongo-stopping")
        try:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                log = _read_from(self.dbpath / "mongod.log", self.log_from)
                raise explain(Failure(ended.result(), log, self.dbpath, self.port))
        finally:
            ended.cancel()
            stopping.cancel()
            await asyncio.gather(ended, stopping, return_exceptions=True)

    async def stop(self) -> None:
        """Shuts mongod down cleanly and gives the data folder back; harmless when it has already ended."""
        try:
            await _end(self.guard)
        finally:
            self.claim.release()


async def start_embedded(
    data_dir: Path,
    *,
    port: int | None = None,
    binary: Path | None = None,
    cache_gb: float = 0.5,
    extra_args: Sequence[str] = (),
) -> EmbeddedMongo:
    """Starts a mongod with its data in `data_dir/mongodb`, and returns when it accepts writes.

    Without a port a free one is taken, another at each start; data of an earlier start is kept.
    """
    mongod = locate_mongod(binary)
    claim = FolderClaim(data_dir)
    await claim.take()
    options = [*fixed_options(claim.dbpath, REPLICA_SET, cache_gb), *extra_args]
    try:
        refuse_full_disk(claim.dbpath)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            chosen = _free_port() if port is None else port
            try:
                return await _start(claim, [str(mongod), *options], chosen)
            except _PortTaken as taken:
                # Between this check and mongod's start another process may take a free port.
                if port is not None or attempt == PORT_ATTEMPTS:
                    raise taken.reason from None
    except BaseException:
        claim.release()
        raise
    raise AssertionError("unreachable")


class _PortTaken(Exception):
    def __init__(self, reason: EmbeddedMongoError) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _start(claim: FolderClaim, command: list[str], port: int) -> EmbeddedMongo:
    logpath = claim.dbpath / "mongod.log"
    try:
        log_from = _begin_log(logpath)
    except OSError as error:
        raise cannot_be_used(claim.dbpath, error) from error
    guard = await _launch([*command, "--port", str(port)], logpath)
    try:
        pid = await _read_pid(guard)
        claim.note_mongod(pid)
        if await _became_primary(guard, make_primary(port, pid)):
            return EmbeddedMongo(port, pid, log_from, claim, guard)
    except BaseException:
        await asyncio.shield(_end(guard))
        raise
    await _end(guard)
    failure = Failure(await guard.wait(), _read_from(logpath, log_from), claim.dbpath, port)
    if failure.exit_code == embedded_guard.EXEC_FAILED:
        raise explain_unloadable(Path(command[0]), failure.log)
    reason = explain(failure)
    raise _PortTaken(reason) if "already in use" in str(reason) else reason


async def _launch(command: list[str], logpath: Path) -> Process:
    """Starts the guard in a session of its own, so that Ctrl-C reaches the daemon only, which drains first."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with logpath.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", embedded_guard.__file__, str(STOP_SECONDS), *command),
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            start_new_session=True,
            env={**environment, "LC_ALL": "C"},
        )


async def _read_pid(guard: Process) -> int:
    assert guard.stdout is not None
    line = await guard.stdout.readline()
    if not line.strip().isdigit():
        raise EmbeddedMongoError("The process that runs the embedded MongoDB could not be started.")
    return int(line)


async def _became_primary(guard: Process, becoming: Coroutine[None, None, None]) -> bool:
    """Returns False if mongod ended instead."""
    primary = asyncio.create_task(becoming, name="embedded-mongo-primary")
    ended = asyncio.create_task(guard.wait(), name="embedded-mongo-ended")
    try:
        await asyncio.wait(
            {primary, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not ended.done() and not primary.done():
            raise EmbeddedMongoError(
                f"The embedded MongoDB did not become ready within {START_SECONDS:.0f} s.",
                remedy="Look at its log, mongod.log in the data folder; a very slow disk is the usual reason.",
            )
        return not ended.done() and primary.result() is None
    finally:
        primary.cancel()
        ended.cancel()
        await asyncio.gather(primary, ended, return_exceptions=True)


async def _end(guard: Process) -> None:
    """Closes the guard's standard input, which stops mongod; a guard that hangs is killed with it."""
    assert guard.stdin is not None
    assert guard.stdout is not None
    guard.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS + 2):
            await guard.wait()
    except TimeoutError:
        guard.kill()
        await guard.wait()
    # The pipes close a little later than the process ends: a loop that closes at once would leave them open.
    with suppress(ConnectionError):
        await guard.stdin.wait_closed()
    await guard.stdout.read()


def fixed_options(dbpath: Path, replica_set: str, cache_gb: float) -> list[str]:
    """Returns the options that every embedded mongod is started with, port and keys apart."""
    return [
        *("--dbpath", str(dbpath), "--logpath", str(dbpath / "mongod.log"), "--logappend"),
        *("--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", replica_set),
        *("--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "1024", "--noscripting"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # A slow operation would be logged with the values that it writes, out of an erasure's reach.
        *("--slowOpSampleRate", "0"),
    ]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _begin_log(logpath: Path) -> int:
    """Returns the start of this run in the log; one earlier log is kept, so that it does not fill the disk."""
    size = 0
    for path in (logpath.with_suffix(".log.1"), logpath):
        # mongod quotes documents in its log, and opens an existing file as it is.
        with suppress(FileNotFoundError):
            _keep_private(path, create=path == logpath)
            size = path.stat().st_size
    if size <= LOG_BYTES_KEPT:
        return size
    logpath.replace(logpath.with_suffix(".log.1"))
    _keep_private(logpath, create=True)
    return 0


def _keep_private(path: Path, *, create: bool) -> None:
    """Makes the file readable for its owner alone; one of another user stays as it is."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if create else 0), 0o600)
    try:
        with suppress(PermissionError):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _read_from(logpath: Path, offset: int) -> str:
    with logpath.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")


@asynccontextmanager
async def watched(embedded: EmbeddedMongo | None) -> AsyncIterator[None]:
    """Cancels the block when mongod ends; without an embedded MongoDB there is nothing to watch.

    Raises:
        EmbeddedMongoError: it ended, for the reason that its exit code or its log gives.
    """
    if embedded is None:
        yield
        return
    working, died = asyncio.current_task(), list[EmbeddedMongoError]()
    assert working is not None

    async def watch() -> None:
        try:
            await embedded.watch(asyncio.Event())
        except EmbeddedMongoError as error:
            died.append(error)
        while True:
            working.cancel()
            await asyncio.sleep(CANCEL_AGAIN_S)

    watching = asyncio.create_task(watch(), name="watch the embedded MongoDB")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if died:
            while working.uncancel():
                pass
            raise died[0]
