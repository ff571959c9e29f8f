"""The start of every command's process: its standard streams, SIGTERM before there is work, its memory."""

import atexit
import ctypes
import gc
import os
import signal
import sys
from types import FrameType

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
SERVICES = ("run", "demo", "simulate")
"""Ending is what they are asked to do; any other command has failed."""
GC_THRESHOLD = 50_000
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Options of mallopt(3)."""
KEPT_BYTES = 32 * 1024 * 1024
"""So much free memory may stay with the process."""
MAPPED_FROM_BYTES = 8 * 1024 * 1024
"""Pieces from this size on are the system's own business."""


def open_standard_streams() -> None:
    """Opens the null device instead of standard streams that the starter of the process has closed.

    Otherwise the next connection takes the number of a closed one, and what is printed goes there.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def end_on_sigterm() -> None:
    """Installs the handler for the time before a command is at work: a second or more on a busy machine.

    What works later on installs its own for that time. The first process of a container hears no signal
    for which it has no handler: a daemon that was to end would start all the same, and be killed half a
    minute later.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    served = set(sys.argv[1:2]) & set(SERVICES) and "--once" not in sys.argv
    os.write(2, b"ats-sync: a signal came before anything had begun\n")
    os._exit(0 if served else 1)


def collect_rarely() -> None:
    """Spare most of the garbage collector's work, for as long as this process is there.

    Pages of records are many young objects: looking at them less often saves a third of an
    import's time. At the end nothing is worth looking at: that takes a third of a second.
    """
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(gc.freeze)


def keep_memory() -> bool:
    """Let glibc keep what one page took for the next; False where the allocator is another.

    By itself it gives a page's megabytes back and asks for them again, page after page: to have
    them zeroed again takes longer than to receive the page.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = ((_TRIM_THRESHOLD, KEPT_BYTES), (_MMAP_THRESHOLD, MAPPED_FROM_BYTES))
    return all(mallopt(option, size) == 1 for option, size in options)
