"""Settings of the process for pages of records: many young objects, and megabytes at a time."""

import atexit
import ctypes
import gc

GC_THRESHOLD = 50_000
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Options of mallopt(3)."""
KEPT_BYTES = 32 * 1024 * 1024
"""So much free memory may stay with the process."""
MAPPED_FROM_BYTES = 8 * 1024 * 1024
"""Pieces from this size on are the system's own business."""


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
