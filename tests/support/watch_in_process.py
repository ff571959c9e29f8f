"""A process that watches one file, for tests that take something away from it.

`python -m tests.support.watch_in_process FILE RECHECK_S [few]` prints a line per noticed change; its
log goes to the standard error. With `few` the process has one file descriptor left until SIGUSR1.
"""

import asyncio
import os
import resource
import signal
import sys
from datetime import timedelta
from pathlib import Path

from config.watch import content_digest, watch_files
from daemon.runtime.logs import configure_logs


def leave_one_descriptor() -> None:
    """Enough to read a file, and too little for the kernel's notifications."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 1, before[1]))
    restore = asyncio.get_running_loop().add_signal_handler
    restore(signal.SIGUSR1, resource.setrlimit, resource.RLIMIT_NOFILE, before)


async def main(file: Path, recheck: timedelta) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def files() -> set[Path]:
        return {file}

    since = content_digest(files())
    if "few" in sys.argv:
        leave_one_descriptor()
    print("watching", flush=True)
    async for _ in watch_files(files, stop=stop, since=since, recheck=recheck):
        print(file.read_text().strip(), flush=True)
    print("stopped", flush=True)


if __name__ == "__main__":
    configure_logs(log_format="json")
    asyncio.run(main(Path(sys.argv[1]), timedelta(seconds=float(sys.argv[2]))))
