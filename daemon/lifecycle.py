"""From start to exit: signals set one event, one TaskGroup owns every task, and the end has a deadline.

Facts that shape this file. Handlers of `signal.signal` also run while synchronous code blocks the event
loop, those of `loop.add_signal_handler` do not. With a frozen MongoDB the driver's threads keep the
interpreter from exiting, so only a thread that calls `os._exit` can promise an end. Logging inside a signal
handler can meet itself half-way through a write: handlers only arm, set and, the second time, exit.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

import structlog

from daemon.bounded import bounded
from models.errors import AtsSyncError, UserError

T = TypeVar("T")

log = structlog.get_logger(__name__)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2
EXIT_CUT_OFF = 75
MARGIN = timedelta(seconds=1)
CANCEL_AGAIN_S = 0.8
"""A task that was cancelled has so long to end before it is cancelled again."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TaskDied(AtsSyncError):
    """A task that must run as long as the daemon has ended with an error."""


class Watchdog:
    """Ends the process if it has not ended by itself in time; needs neither the loop nor the main thread."""

    def __init__(
        self, after: timedelta, *, exit_process: Callable[[int], object] = os._exit
    ) -> None:
        self._timer = threading.Timer(after.total_seconds(), self._bite)
        self._timer.name = "shutdown-watchdog"
        self._timer.daemon = True
        self._exit = exit_process
        self._armed = False

    def arm(self) -> None:
        """Starts the countdown; the second call changes nothing."""
        if not self._armed:
            self._armed = True
            self._timer.start()

    def disarm(self) -> None:
        self._timer.cancel()

    def _bite(self) -> None:
        os.write(2, b"ats-sync: the shutdown took too long and was cut off (exit code 75)\n")
        self._exit(EXIT_CUT_OFF)


@contextmanager
def stop_on_signals(stop: asyncio.Event, watchdog: Watchdog) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once. Main thread only."""
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        watchdog.arm()
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(
    main: Callable[[asyncio.Event], Awaitable[None]],
    *,
    grace: timedelta,
    watchdog: Watchdog | None = None,
) -> int:
    """Runs `main(stop)` as the business of this process; the result is its exit code.

    A caller that exits afterwards hands in a watchdog, which stays armed: threads of a driver can
    still keep the interpreter from exiting. A `UserError` is passed on, to be shown without traceback.
    """
    guard = watchdog or Watchdog(grace + MARGIN)
    try:
        with asyncio.Runner() as runner:
            return runner.run(_serve(main, guard))
    finally:
        if watchdog is None:
            guard.disarm()


async def _serve(main: Callable[[asyncio.Event], Awaitable[None]], watchdog: Watchdog) -> int:
    stop = asyncio.Event()
    arming = asyncio.create_task(_arm_when_stopped(stop, watchdog), name="shutdown-watchdog")
    with stop_on_signals(stop, watchdog):
        try:
            await main(stop)
        except TaskDied:
            return EXIT_FAILED
        except UserError:
            raise
        except Exception:
            log.exception("daemon_failed")
            return EXIT_FAILED
        finally:
            arming.cancel()
            watchdog.arm()
    return EXIT_OK


async def _arm_when_stopped(stop: asyncio.Event, watchdog: Watchdog) -> None:
    await stop.wait()
    watchdog.arm()


async def close_within(
    limit: timedelta, name: str, close: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    """Closes something, or gives it up when that takes too long or fails.

    A MongoDB client says goodbye to its server, and waits half a minute for one that is gone.
    """
    try:
        await bounded(close(), limit.total_seconds(), name=f"close {name}")
    except Exception as error:  # noqa: BLE001 - what comes after it must still be closed
        log.warning("close_failed", component=name, error_type=type(error).__name__)


def drain_share(grace: timedelta) -> timedelta:
    """What tasks may use of the grace period: connections are closed in the rest."""
    return grace * 3 / 4


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
    insisting = asyncio.create_task(_cancel_again(group), name="cancel again")
    try:
        async with asyncio.timeout(None) as deadline, group:
            starting = group.create_task(start(group), name="start")
            await stop.wait()
            at = asyncio.get_running_loop().time() + grace.total_seconds()
            deadline.reschedule(at)
            asyncio.get_running_loop().call_at(at, group.ending.set)
            log.info("shutdown_started", grace_s=grace.total_seconds(), tasks=len(group.running))
            starting.cancel()
    except TimeoutError:
        log.warning("shutdown_deadline_reached", tasks=group.cut_off)
    except BaseExceptionGroup as died:
        raise _what_died(died) from died
    finally:
        insisting.cancel()
        await asyncio.wait({insisting})
    log.info("shutdown_finished")


async def _cancel_again(group: "_WatchedGroup") -> None:
    """A cancellation can be lost (`daemon.bounded`), and the group waits for every task.

    Only once all tasks were told to end: before, one that is being cancelled may just have come to
    the end of an `asyncio.timeout` of its own.
    """
    await group.ending.wait()
    while True:
        await asyncio.sleep(CANCEL_AGAIN_S)
        for task in tuple(group.running):
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
            if not isinstance(error, UserError):
                log.error("task_died", task=task.get_name(), exc_info=error)


def _what_died(died: BaseExceptionGroup) -> BaseException:
    errors = list(_leaves(died))
    return next((error for error in errors if isinstance(error, UserError)), TaskDied(str(died)))


def _leaves(group: BaseExceptionGroup) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
