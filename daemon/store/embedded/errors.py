"""Turns the traces of a failed mongod into a sentence for the person who must act."""

import re
import shutil
import signal
from pathlib import Path

import msgspec

from models.errors import UserError

USE_YOUR_OWN = "or set ATS_SYNC_MONGODB_URI to a MongoDB replica set of your own"
NEARLY_FULL_BYTES = 16 * 1024 * 1024


class EmbeddedMongoError(UserError):
    """The embedded MongoDB cannot run."""


class Failure(msgspec.Struct, frozen=True):
    """The end of a mongod, and its folders."""

    exit_code: int
    log: str
    dbpath: Path
    port: int

    @property
    def signal(self) -> int:
        """The signal that ended it, as a shell or as asyncio counts exit codes; 0: none."""
        return max(self.exit_code - 128, -self.exit_code, 0)

    @property
    def logpath(self) -> Path:
        return self.dbpath / "mongod.log"


class _Reason(msgspec.Struct, frozen=True):
    pattern: re.Pattern[str]
    message: str
    remedy: str


_DISK_FULL = _Reason(
    re.compile(r"No space left on device|OutOfDiskSpace|Disk quota exceeded"),
    "the disk that holds {dbpath} is full",
    "Free some space there, or set ATS_SYNC_DATA_DIR to a folder on another disk",
)
_REASONS = (
    _DISK_FULL,
    _Reason(
        re.compile(r"Address already in use"),
        "port {port} on 127.0.0.1 is already in use",
        "Stop what listens there, or let the port be chosen freely",
    ),
    _Reason(
        re.compile(r"DBPathInUse|Unable to lock the lock file"),
        "the folder {dbpath} is in use by another mongod",
        "Stop the other process, or set ATS_SYNC_DATA_DIR to another folder",
    ),
    _Reason(
        re.compile(r"Permission denied|Operation not permitted|Read-only file system"),
        "the folder {dbpath} cannot be written",
        "Give this user write access to it, or set ATS_SYNC_DATA_DIR to another folder",
    ),
    _Reason(
        re.compile(r"UPGRADE PROBLEM|featureCompatibilityVersion|unsupported WiredTiger file version", re.IGNORECASE),
        "the data in {dbpath} was written by another version of MongoDB",
        "Start the version that wrote it, or move the folder away to begin with an empty one",
    ),
    _Reason(
        re.compile(r"WT_ERROR|WT_PANIC|data corruption|checksum error", re.IGNORECASE),
        "the data files in {dbpath} are damaged",
        "Restore the folder from a backup, or move it away to begin with an empty one",
    ),
    _Reason(
        re.compile(r"Too many open files"),
        "this process may not open enough files",
        "Raise the limit (ulimit -n 64000)",
    ),
)  # fmt: skip


def explain(failure: Failure) -> EmbeddedMongoError:
    """Returns the most helpful sentence that log, exit code and disk allow."""
    if failure.signal in _ENDED_BY_OTHERS or failure.exit_code == 0:
        return _ended_by_others(failure)
    reason = _known_reason(failure)
    if reason is None:
        return EmbeddedMongoError(
            f"The embedded MongoDB stopped (exit code {failure.exit_code}): {last_words(failure.log)}",
            remedy=f"Read {failure.logpath}, {USE_YOUR_OWN}.",
        )
    return _error(reason, dbpath=failure.dbpath, port=failure.port)


_ENDED_BY_OTHERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def _ended_by_others(failure: Failure) -> EmbeddedMongoError:
    """Returns a sentence for an end by a signal, of which mongod's log says nothing."""
    if failure.signal == signal.SIGKILL:
        return EmbeddedMongoError(
            f"The embedded MongoDB was killed from outside (signal 9, exit code {failure.exit_code}).",
            remedy="Start the daemon again, no acknowledged data is lost. A system that runs out of memory kills "
            f"so (dmesg says it): then give it more, lower ATS_SYNC_MONGOD_CACHE_GB, {USE_YOUR_OWN}.",
        )
    return EmbeddedMongoError(
        f"The embedded MongoDB was shut down from outside (exit code {failure.exit_code}).",
        remedy=f"Start the daemon again and leave its mongod to it, {USE_YOUR_OWN}.",
    )


def refuse_full_disk(dbpath: Path) -> None:
    """Checks the disk before mongod starts: on a full one, the log may lack the line that says so."""
    if shutil.disk_usage(dbpath).free < NEARLY_FULL_BYTES:
        raise _error(_DISK_FULL, dbpath=dbpath)


def _error(reason: _Reason, **facts: object) -> EmbeddedMongoError:
    return EmbeddedMongoError(
        f"The embedded MongoDB cannot run: {reason.message.format(**facts)}.",
        remedy=f"{reason.remedy}, {USE_YOUR_OWN}.",
    )


def _known_reason(failure: Failure) -> _Reason | None:
    if failure.exit_code == 128 + signal.SIGILL:
        return _Reason(
            re.compile(""),
            "this processor lacks the AVX instructions that it needs",
            "Use another machine",
        )
    # Everyday lines name settings and features too: only errors count.
    errors = "\n".join(
        line for line in failure.log.splitlines() if _is_plain(line) or _error_in(line)
    )
    return next((reason for reason in _REASONS if reason.pattern.search(errors)), None)


def last_words(log: str) -> str:
    """Returns the last error that mongod logged, or its output before it had a log."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [sentence for line in lines if (sentence := _error_in(line))]
    not_json = [line for line in lines if _is_plain(line)]
    return errors[-1] if errors else "; ".join(not_json[:3]) or "it said nothing"


def _is_plain(line: str) -> bool:
    """Returns True for plain text, which mongod writes before it has a log, as the dynamic linker does."""
    return not line.startswith("{")


class _LogLine(msgspec.Struct):
    s: str
    msg: str
    attr: dict[str, object] = {}


def _error_in(line: str) -> str | None:
    try:
        entry = msgspec.json.decode(line, type=_LogLine)
    except msgspec.MsgspecError:
        return None
    if entry.s not in {"E", "F"}:
        return None
    error = entry.attr.get("error")
    return f"{entry.msg}: {error}" if error else entry.msg
