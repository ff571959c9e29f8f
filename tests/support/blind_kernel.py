"""Lets a process see a kernel that notifies of no file: limits of 0, refused calls, a silent mount.

Run as a program: `python -m tests.support.blind_kernel KIND MODULE [ARGUMENT ...]` prepares the
process and then runs the module in it. Limits are those of a user namespace of its own; where the
machine allows none, and for errors that no limit brings, a seccomp filter answers instead.
"""

import ctypes
import errno
import os
import platform
import runpy
import struct
import sys
from pathlib import Path

INIT, ADD_WATCH = "inotify_init1", "inotify_add_watch"
SILENT = 0
"""An answer without an error: the call says that it worked, and nothing ever comes."""

REFUSED: dict[str, tuple[str, int]] = {
    "no instances": (INIT, errno.EMFILE),
    "no watches": (ADD_WATCH, errno.ENOSPC),
    "no open files": (INIT, errno.ENFILE),
    "no inotify": (INIT, errno.ENOSYS),
    "not permitted": (ADD_WATCH, errno.EACCES),
    "not for this file system": (ADD_WATCH, errno.EOPNOTSUPP),
    "silent file system": (ADD_WATCH, SILENT),
}
LIMITS = {"no instances": "max_inotify_instances", "no watches": "max_inotify_watches"}

_NUMBERS = {
    "x86_64": {INIT: 294, ADD_WATCH: 254},
    "aarch64": {INIT: 26, ADD_WATCH: 27},
}
_CLONE_NEWUSER = 0x10000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def blind(kind: str) -> None:
    """From now on this process and its children are refused, as `kind` says."""
    if kind not in LIMITS or not _limited_to_none(LIMITS[kind]):
        call, answer = REFUSED[kind]
        _answer(_NUMBERS[platform.machine()][call], answer)


def _limited_to_none(limit: str) -> bool:
    """In a user namespace whose limit is 0; False where that is not allowed."""
    user = os.geteuid()
    if ctypes.CDLL(None).unshare(_CLONE_NEWUSER) != 0:
        return False
    try:
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/sys/user", limit).write_text("0")
    except OSError:
        return False
    return True


def _answer(number: int, error: int) -> None:
    """Let the kernel answer one system call by itself: load its number, compare, return."""
    steps = (
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 1, number),
        (_RETURN, 0, 0, _ERROR | error),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _FILTER, program)):
        passed = [ctypes.byref(a) if isinstance(a, _Program) else a for a in arguments]
        if prctl(*passed) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter can be had here")


if __name__ == "__main__":
    blind(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_module(os.fspath(sys.argv[0]), run_name="__main__", alter_sys=True)
