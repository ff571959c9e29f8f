"""The data folder of the embedded MongoDB: one owner at a time, and free of a mongod that still runs."""

import asyncio
import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from daemon.store.embedded.errors import USE_YOUR_OWN, EmbeddedMongoError

REPLICA_SET = "rs0"
OWNER_PATIENCE_SECONDS = 0.5
ORPHAN_PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.05


class FolderClaim:
    """An exclusive claim that the kernel gives back when this process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self.dbpath = data_dir.absolute() / "mongodb"
        self._path = data_dir.absolute() / "mongodb.owner"
        self._descriptor = -1

    async def take(self) -> None:
        """Claims the folder; an owner that lives is an error, a mongod whose owner died is waited for.

        Raises:
            EmbeddedMongoError: it is in use, or cannot be used by this user.
        """
        try:
            await self._take()
        except OSError as error:
            raise cannot_be_used(self.dbpath, error) from error

    async def _take(self) -> None:
        self.dbpath.mkdir(parents=True, exist_ok=True)
        if not os.access(self.dbpath, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await self._lock()
            await self._wait_until_free()
            self.note_mongod(0)
        except BaseException:
            self._close()
            raise

    def note_mongod(self, pid: int) -> None:
        """Remembers which mongod is ours, so that the next owner knows an orphan from a stranger."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {pid}\n".encode(), 0)

    def release(self) -> None:
        """Gives the folder back and leaves no lock file; does nothing the second time.

        Where a mongod still runs the file stays, so that the next owner waits for the orphan.
        """
        if self._descriptor >= 0:
            if mongod_holding(self.dbpath) is None:
                # Where the folder is not writable any more, the file alone does no harm.
                with suppress(OSError):
                    self._path.unlink()
            self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _read(self) -> tuple[int, int]:
        numbers = [
            int(word) for word in os.pread(self._descriptor, 100, 0).split() if word.isdigit()
        ]
        return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)

    async def _lock(self) -> None:
        """Locks the file. An owner that was just killed keeps its lock for a moment."""
        deadline = asyncio.get_running_loop().time() + OWNER_PATIENCE_SECONDS
        while not _try_lock(self._descriptor):
            if asyncio.get_running_loop().time() > deadline:
                raise _in_use(self.dbpath, self._read()[0])
            await asyncio.sleep(POLL_SECONDS)

    async def _wait_until_free(self) -> None:
        owner, orphan = self._read()
        # An owner that was killed while its mongod started had not noted the pid of it yet.
        is_noted = orphan != 0 or owner == 0
        deadline = asyncio.get_running_loop().time() + ORPHAN_PATIENCE_SECONDS
        while (holder := mongod_holding(self.dbpath)) is not None:
            if (is_noted and holder != orphan) or asyncio.get_running_loop().time() > deadline:
                raise _in_use(self.dbpath, holder)
            await asyncio.sleep(POLL_SECONDS)


def cannot_be_used(dbpath: Path, error: OSError) -> EmbeddedMongoError:
    """Returns the error of a folder that another user owns, a read-only volume, or a file of its name."""
    other = error.filename not in {None, str(dbpath)}
    reason = f"{error.filename}: {error.strerror}" if other else error.strerror
    return EmbeddedMongoError(
        f"The data folder {dbpath} cannot be used: {reason}.",
        remedy=f"Make it writable for user {os.geteuid()}, "
        f"set ATS_SYNC_DATA_DIR to another folder, {USE_YOUR_OWN}.",
    )


def mongod_holding(dbpath: Path) -> int | None:
    """Returns the pid of the mongod that has this folder locked (0 if it cannot be read), else None.

    The lock decides, not the pid: after a crash the file still names a process, which may be another one by now.
    """
    try:
        descriptor = os.open(dbpath / "mongod.lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(descriptor):
            return None
        text = os.pread(descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_use(dbpath: Path, pid: int) -> EmbeddedMongoError:
    return EmbeddedMongoError(
        f"The data folder {dbpath} is in use by process {pid or '(unknown)'}.",
        remedy=f"Stop that process, set ATS_SYNC_DATA_DIR to another folder, {USE_YOUR_OWN}.",
    )


def running_embedded(data_dir: Path) -> str | None:
    """Returns the URI of the mongod that holds this data folder now; None if there is none."""
    owner = data_dir.absolute() / "mongodb.owner"
    with suppress(OSError, ValueError, IndexError):
        pid = int(owner.read_text().split()[1])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if str(data_dir.absolute() / "mongodb") in command:
            port = int(command[command.index("--port") + 1])
            return f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
    return None


def owner_is_alive(data_dir: Path) -> bool:
    """Returns True if the process that started the mongod of this data folder still runs."""
    with suppress(OSError, ValueError, IndexError):
        pid = int((data_dir.absolute() / "mongodb.owner").read_text().split()[0])
        return Path(f"/proc/{pid}").exists()
    return False
