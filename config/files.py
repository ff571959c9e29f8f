"""Files that an operator names: read up to a limit, without waiting for ever for a pipe; replaced whole."""

import os
import select
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PIPE_PATIENCE_S = 5.0
_PIECE = 65_536


def read_limited(path: Path, limit: int, *, patience_s: float = PIPE_PATIENCE_S) -> bytes:
    """Returns the content, cut off after `limit` bytes.

    A pipe (`--config <(...)`) is read to its end within the patience.

    Raises:
        OSError: it cannot be read, or is a pipe that does not end.
        ValueError: it is no usable file name.
    """
    if not path.is_fifo():
        with path.open("rb") as stream:
            return stream.read(limit)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return _read_pipe(descriptor, limit, time.monotonic() + patience_s)
    finally:
        os.close(descriptor)


def is_folder(path: Path) -> bool:
    """Returns False also for a path without permission, and for a network mount that is gone."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_special(path: Path) -> bool:
    """Returns True for a pipe, a socket or a device."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:
        return False


def _read_pipe(descriptor: int, limit: int, until: float) -> bytes:
    content = b""
    while len(content) < limit:
        _wait(descriptor, until)
        piece = os.read(descriptor, min(_PIECE, limit - len(content)))
        if not piece:
            break
        content += piece
    return content


def _wait(descriptor: int, until: float) -> None:
    """Waits for data or the end: a pipe without a writer is not readable, one that was closed is."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError(0, "it is a pipe that no one writes to its end")


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read; a failure or a kill leaves the old one whole.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
