"""The progress bar of a poll on a terminal; loaded where there is one."""

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class PollBar:
    """A line for each list: pages, records a second, time left, what is waited for."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def show(self, list_name: str, done: int, total: int | None, speed: str) -> None:
        """So much of a list is imported."""
        if list_name not in self._tasks:
            self._tasks[list_name] = self._progress.add_task(
                list_name, total=total, speed="", note=""
            )
        self._progress.update(
            self._tasks[list_name], completed=done, total=total, speed=speed, note=""
        )

    def note(self, words: str) -> None:
        """Until the next page: why nothing goes on."""
        for task in self._tasks.values():
            self._progress.update(task, note=words)
