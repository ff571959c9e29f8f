"""Reads the files that people name: never more than wanted, and never waiting for a pipe that no one writes."""

import os
import select
import stat
import time
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
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, os.strerror(21))
        until = time.monotonic() + patience_s if stat.S_ISFIFO(mode) else None
        return _read(descriptor, limit, until)
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit: int, until: float | None) -> bytes:
    content = b""
    while len(content) < limit:
        if until is not None:
            _wait(descriptor, until)
        piece = os.read(descriptor, min(_PIECE, limit - len(content)))
        if not piece:
            break
        content += piece
    return content


def _wait(descriptor: int, until: float) -> None:
    """A pipe that no one has opened to write is not readable, one whose writers are gone is."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError(0, "it is a pipe that no one writes to its end")
