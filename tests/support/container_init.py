"""Enters a container: what a runtime does, with what the kernel offers and nothing installed.

`python -m tests.support.container_init SPEC.json` gives the command new mount, process, IPC and host
name spaces, a read-only root, a process table and devices of its own, no capability, no way to gain
one, and the network of the machine. Signals are passed on; the exit code is that of the command.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_HOST_NAME, _NEW_IPC, _NEW_PIDS = 0x00020000, 0x04000000, 0x08000000, 0x20000000
_READ_ONLY, _NO_SUID, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
_DIE_WITH_PARENT, _DROP_FROM_BOUNDING_SET, _NO_NEW_PRIVILEGES = 1, 24, 38
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
_DEVICES = ("null", "zero", "random", "urandom")


def main(spec: dict[str, Any]) -> int:
    """The exit code of the command."""
    _call("unshare", _NEW_MOUNTS | _NEW_HOST_NAME | _NEW_IPC | _NEW_PIDS)
    child = os.fork()
    if child == 0:
        _call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        _prepare(Path(spec["rootfs"]), spec)
        _become(*spec["user"])
        os.execve(_found(spec["args"][0], spec["env"]), spec["args"], spec["env"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: os.kill(child, received))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _prepare(root: Path, spec: dict[str, Any]) -> None:
    _mount(None, "/", _RECURSIVE | _PRIVATE)
    for folder in ("proc", "dev", "tmp", *(mount[1] for mount in spec["mounts"])):
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    _mount(root, root, _BIND)
    _mount("proc", root / "proc", _NO_SUID, "proc")
    _mount("tmpfs", root / "tmp", _NO_SUID, "tmpfs")
    _mount("tmpfs", root / "dev", _NO_SUID, "tmpfs", "mode=755")
    for device in _DEVICES:
        (root / "dev" / device).touch()
        _mount(f"/dev/{device}", root / "dev" / device, _BIND)
    for source, target, writable in spec["mounts"]:
        inside = root / target.lstrip("/")
        _mount(source, inside, _BIND)
        if not writable:
            _mount(None, inside, _REMOUNT | _BIND | _READ_ONLY)
    _mount(None, root, _REMOUNT | _BIND | _READ_ONLY)
    os.chroot(root)
    os.chdir(spec["cwd"])


def _become(user: int, group: int) -> None:
    for capability in range(int(_LAST_CAPABILITY.read_text()) + 1):
        _call("prctl", _DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _found(command: str, environment: dict[str, str]) -> str:
    folders = environment["PATH"].split(":") if "/" not in command else [""]
    return next(
        path for path in (f"{f}/{command}".lstrip() for f in folders) if os.path.exists(path)
    )


def _mount(source: object, target: object, flags: int, kind: str = "", options: str = "") -> None:
    words = [None if word is None else str(word).encode() for word in (source, target, kind)]
    _call("mount", *words, flags, options.encode())


def _call(function: str, *arguments: Any) -> None:
    if getattr(_LIBC, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    raise SystemExit(main(json.loads(Path(sys.argv[1]).read_text())))
