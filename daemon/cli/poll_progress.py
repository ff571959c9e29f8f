"""How a poll gets on, on a terminal or in a log."""

import asyncio
import sys
from datetime import datetime
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from daemon.cli.session import err
from daemon.ports.runs import Run


class Watcher:
    """Shows how a poll gets on: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._tasks: dict[str, tuple[int, float, int]] = {}
        self._loop = asyncio.get_running_loop()
        self._printed_at = self._loop.time()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def page_done(self, *, list_name: str, run: Run, expected_total: int | None) -> None:
        """A page is durable."""
        now, seen = self._loop.time(), run.counts.seen
        if list_name not in self._tasks:
            task = self._bar.add_task(list_name, total=expected_total, speed="", note="")
            earlier = sum(done for _, _, done in self._tasks.values())
            self._tasks[list_name] = (int(task), now, 0)
            self._before = earlier
        task_id, began, _ = self._tasks[list_name]
        done = seen - self._before
        self._tasks[list_name] = (task_id, began, done)
        speed = f"{done / max(now - began, 0.001):,.0f}/s" if now > began else ""
        self._bar.update(
            self._bar.tasks[task_id].id, completed=done, total=expected_total, speed=speed, note=""
        )
        self._say(f"{self._name} {list_name}: page {run.counts.pages}, {done:,} records {speed}")

    def _say(self, line: str) -> None:
        now = self._loop.time()
        if self._bar.disable and now - self._printed_at >= 5:
            self._printed_at = now
            err.print(line, markup=False)

    def request_sent(self, *, integration: str, operation: str) -> None:
        """Nothing to show for one request."""

    def answer_received(
        self, *, integration: str, operation: str, status: int | None, seconds: float
    ) -> None:
        """Nothing to show for one answer."""

    def waiting(self, *, integration: str, until: datetime, reason: str) -> None:
        """The ATS lets us wait."""
        note = f"waiting until {until:%H:%M:%S} UTC ({reason})"
        for task in self._bar.tasks:
            self._bar.update(task.id, note=note)
        self._say(f"{integration}: {note}")

    def warned(self, *, integration: str, message: str) -> None:
        """Something worth a line."""
        err.print(f"{integration}: {message}", markup=False)
