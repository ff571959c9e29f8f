"""SIGTERM before a command is at work, while it is still being imported: a second or more on a busy machine.

The first process of a container hears no signal for which it has no handler: a daemon that was to end
would start all the same, and be killed half a minute later.
"""

import os
import signal
import sys
from types import FrameType

SERVICES = ("run", "demo", "simulate")
"""Ending is what they are asked to do; any other command has failed."""


def end_on_sigterm() -> None:
    """Installs the handler; what works later on installs its own for that time."""
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    served = set(sys.argv[1:2]) & set(SERVICES) and "--once" not in sys.argv
    os.write(2, b"ats-sync: a signal came before anything had begun\n")
    os._exit(0 if served else 1)
