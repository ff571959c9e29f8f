"""A kernel that notifies of no file costs a delay, and never the daemon; it is said once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.support.blind_kernel import REFUSED

RECHECK_S = "0.2"
NEVER_SAID = ("no inotify", "silent file system")
"""The watcher polls by itself; and a mount that is silent says nothing of it."""


@contextmanager
def watching(file: Path, *options: str, kind: str = "") -> Iterator["subprocess.Popen[str]"]:
    blind = ("tests.support.blind_kernel", kind) if kind else ()
    watch = ("tests.support.watch_in_process", str(file), RECHECK_S, *options)
    process = subprocess.Popen(
        [sys.executable, "-m", *blind, *watch],
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    """The log, after a SIGTERM that the watch obeyed."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (out.strip(), process.returncode) == ("stopped", 0), err[-2000:]
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize("kind", REFUSED)
def test_edits_are_noticed_where_the_kernel_notifies_of_nothing(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("version: 0\n")

    with watching(file, kind=kind) as process:
        assert said(process) == "watching"
        for version in ("version: 1", "version: 2", "version: 3"):
            file.write_text(version + "\n")
            assert said(process) == version
        log = ended(process)

    events = [line["event"] for line in log]
    assert events == ([] if kind in NEVER_SAID else ["config_notifications_unavailable"])
    if log:
        assert "every 0.2 s" in log[0]["remedy"]
        assert log[0]["reason"]


def test_notifications_are_used_again_once_the_limit_is_raised(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("version: 0\n")

    with watching(file, "few") as process:
        assert said(process) == "watching"
        file.write_text("version: 1\n")
        assert said(process) == "version: 1"
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        refused, again = (json.loads(process.stderr.readline()) for _ in range(2))
        file.write_text("version: 2\n")
        assert said(process) == "version: 2"
        later = ended(process)

    assert refused["event"] == "config_notifications_unavailable"
    assert "Too many open files" in refused["reason"]
    assert again["event"] == "config_notifications_available"
    assert later == []
