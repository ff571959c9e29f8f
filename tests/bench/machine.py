"""What the figures were measured on. Names no host and no path."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and a moment."""

    date: str
    cpu: str
    cores: int
    memory_gb: int
    python: str
    mongod: str


def machine(mongod: str) -> Machine:
    """This one, now."""
    cpu = _line("/proc/cpuinfo", "model name")
    memory = int(_line("/proc/meminfo", "MemTotal").split()[0])
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gb=round(memory / 1024**2),
        python=platform.python_version(),
        mongod=mongod,
    )


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"
