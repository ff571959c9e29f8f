"""Reads a key from a file that no one else can read."""

import os
import stat
from pathlib import Path

from config.files import is_special, read_limited
from config.secret_text import cleaned

MAX_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_key_file(path: Path) -> str:
    """Returns the text of the file.

    Raises:
        ValueError: others can read or change it, or it cannot be read; no message quotes it.
    """
    if is_special(path) or path.is_dir():
        raise ValueError("must name a file")
    try:
        about = path.stat()
        content = read_limited(path, MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    if _is_open(about):
        mode = stat.S_IMODE(about.st_mode)
        raise ValueError(f"names a file that others can read (mode {mode:04o}); chmod 600 it")
    if len(content) > MAX_BYTES:
        raise ValueError("names a file that is too large for a key")
    try:
        return cleaned(content.decode())
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8 text") from None


def _is_open(about: os.stat_result) -> bool:
    """Returns False also for a file of root's that a platform gives to this process's group to read."""
    others = about.st_mode & _OTHERS
    if others == stat.S_IRGRP and about.st_uid == 0 and os.geteuid() != 0:
        return about.st_gid not in {os.getegid(), *os.getgroups()}
    return others != 0
