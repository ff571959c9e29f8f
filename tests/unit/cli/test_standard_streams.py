"""Standard streams that are closed when the process starts."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, socket, sys
from daemon.cli.process_start import open_standard_streams
open_standard_streams()
connection = socket.socket()
sys.stdin.read(0), print("said", flush=True), print("complained", file=sys.stderr, flush=True)
os._exit(0 if connection.fileno() > 2 else 1)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_connection_takes_the_place_of_a_closed_stream(closed: str) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "said\n")
    assert ended.stderr == ("" if "2>&-" in closed else "complained\n")
