"""The progress of a poll, on a terminal or in a log."""

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Self

from daemon.cli.session import err
from daemon.core.runs import Run

if TYPE_CHECKING:
    from daemon.cli.poll_bar import PollBar


class Watcher:
    """Shows how a poll gets on: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar = _bar() if sys.stderr.isatty() else None
        self._lists: dict[str, tuple[float, int]] = {}
        """By name: when its first page was durable, and how many records came before it."""
        self._seen = 0
        self._loop = asyncio.get_running_loop()
        self._printed_at = self._loop.time()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def page_done(self, list_name: str, run: Run, expected_total: int | None) -> None:
        """A page is durable."""
        now = self._loop.time()
        began, before = self._lists.setdefault(list_name, (now, self._seen))
        self._seen = run.counts.seen
        done = self._seen - before
        speed = f"{done / max(now - began, 0.001):,.0f}/s" if now > began else ""
        if self._bar is not None:
            self._bar.show(list_name, done, expected_total, speed)
        self._say(f"{self._name} {list_name}: page {run.counts.pages}, {done:,} records {speed}")

    def _say(self, line: str) -> None:
        now = self._loop.time()
        if self._bar is None and now - self._printed_at >= 5:
            self._printed_at = now
            err.print(line)

    def request_sent(self, *, integration: str, operation: str) -> None:
        """Nothing to show for one request."""

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None:
        """Nothing to show for one answer."""

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None:
        """The ATS lets us wait."""
        note = f"waiting until {until:%H:%M:%S} UTC ({reason})"
        if self._bar is not None:
            self._bar.note(note)
        self._say(f"{integration}: {note}")

    def warned(self, *, integration: str, message: str) -> None:
        """Something worth a line."""
        err.print(f"{integration}: {message}")


def _bar() -> "PollBar":
    from daemon.cli.poll_bar import PollBar

    return PollBar()
