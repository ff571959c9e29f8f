"""Runs one mongod for exactly as long as the process that started this script lives.

A stand-alone script (`python -I -S guard.py STOP_SECONDS MONGOD ARG...`), standard library only.
It reads its standard input, whose other end only the parent holds: at end of file the parent
wants a stop, or has ended. PR_SET_PDEATHSIG alone cannot promise that, because it
fires when the *thread* that forked ends; here it guards against the death of this script, which has one thread.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
EXEC_FAILED = 127
POLL_SECONDS = 0.02


def main(arguments: list[str]) -> int:
    """Answers mongod's pid on standard output and, in the end, with its exit code."""
    stop_seconds, command = float(arguments[0]), arguments[1:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    woken = _wake_on_child_exit()
    child = _spawn(command)
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{child}\n".encode())
    while (code := _exit_code(child)) is None:
        readable, _, _ = select.select([0, woken], [], [])
        if 0 in readable and not os.read(0, 1024):
            return _stop(child, stop_seconds)
        if woken in readable:
            os.read(woken, 1024)
    return code


def _wake_on_child_exit() -> int:
    """Returns a file descriptor that becomes readable when a child has ended."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return woken


def _spawn(command: list[str]) -> int:
    guard = os.getpid()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it, macOS does not
    child = os.fork()
    if child:
        return child
    try:
        _become(command, guard, prctl)
    except BaseException as error:  # noqa: BLE001 - a forked child must never return into its parent's code
        os.write(2, f"cannot execute {command[0]}: {error}\n".encode())
    os._exit(EXEC_FAILED)


def _become(command: list[str], guard: int, prctl: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if callable(prctl):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(EXEC_FAILED)
    quiet = os.open(os.devnull, os.O_RDONLY)
    os.dup2(quiet, 0)
    os.dup2(2, 1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _exit_code(child: int) -> int | None:
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _stop(child: int, seconds: float) -> int:
    """Requests a clean shutdown, and kills after the time limit."""
    os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while (code := _exit_code(child)) is None:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(POLL_SECONDS)
    return code


if __name__ == "__main__":
    result = main(sys.argv[1:])
    # mongod that died of a signal is reported as a shell would: 128 + signal
    sys.exit(result if result >= 0 else 128 - result)
