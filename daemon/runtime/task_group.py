"""The tasks of a process: one group owns them, the first that dies ends all, and the end has a deadline."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from daemon.core.unexpected import leaves
from models.errors import AtsSyncError, UserError

T = TypeVar("T")

log = structlog.get_logger("daemon.runtime.lifecycle")

CANCEL_AGAIN_S = 0.8
"""A task that was cancelled has so long to end before it is cancelled again."""
STARTING = "start"


class TaskDied(AtsSyncError):
    """A task that must run as long as the daemon has ended with an error."""


async def run_until_stopped(
    start: Callable[[asyncio.TaskGroup], Coroutine[Any, Any, None]],
    *,
    stop: asyncio.Event,
    grace: timedelta,
) -> None:
    """Runs what `start` puts into the group until `stop` is set, then lets it finish within `grace`.

    Tasks watch `stop` themselves; those that have not finished in time are cancelled. The first task
    that dies sets `stop`, cancels the others and is named in the log.

    Raises:
        UserError: one of them failed with it.
        TaskDied: one of them failed otherwise.
    """
    group = _WatchedGroup(stop)
    insisting = asyncio.create_task(_cancel_again(group, asyncio.all_tasks()), name="cancel again")
    try:
        async with asyncio.timeout(None) as deadline, group:
            starting = group.create_task(start(group), name=STARTING)
            await stop.wait()
            at = asyncio.get_running_loop().time() + grace.total_seconds()
            deadline.reschedule(at)
            asyncio.get_running_loop().call_at(at, group.ending.set)
            log.info("shutdown_started", grace_s=grace.total_seconds(), tasks=len(group.running))
            starting.cancel()
    except TimeoutError:
        log.warning("shutdown_deadline_reached", tasks=group.cut_off)
    except BaseExceptionGroup as died:
        for the_operator in leaves(died):
            if isinstance(the_operator, UserError):
                raise the_operator from died
        raise TaskDied(str(died)) from died
    finally:
        insisting.cancel()
        await asyncio.wait({insisting})
    log.info("shutdown_finished")


async def _cancel_again(group: "_WatchedGroup", others: set[asyncio.Task[Any]]) -> None:
    """A cancellation can be lost (`daemon.runtime.timeouts`), and the group waits for every task.

    All that was begun since counts, for a nested group does not pass a second cancellation on to its
    tasks; `others` were there before. Only once all tasks were cancelled: before, one that is being
    cancelled may just have come to the end of an `asyncio.timeout` of its own.
    """
    await group.ending.wait()
    own = asyncio.current_task()
    while True:
        await asyncio.sleep(CANCEL_AGAIN_S)
        for task in asyncio.all_tasks() - others - {own}:
            task.cancel()


class _WatchedGroup(asyncio.TaskGroup):
    """A TaskGroup that knows its tasks by name and says which one died."""

    def __init__(self, stop: asyncio.Event) -> None:
        super().__init__()
        self._stop = stop
        self.running: set[asyncio.Task[Any]] = set()
        self.cut_off: list[str] = []
        self.ending = asyncio.Event()
        """Every task was cancelled: one has died, or the deadline has passed."""

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task = super().create_task(coro, name=name, context=context)
        self.running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if task.cancelled():
            if self._stop.is_set():
                self.cut_off.append(task.get_name())
        elif (error := task.exception()) is not None:
            self._stop.set()
            self.ending.set()
            self._report(task.get_name(), error)

    def _report(self, name: str, error: BaseException) -> None:
        """At once: the end that follows may be cut off, and then no one else says why."""
        if not isinstance(error, UserError):
            log.error("task_died", task=name, exc_info=error)
        elif name != STARTING:
            log.error("task_died", task=name, error=str(error), remedy=error.remedy)
