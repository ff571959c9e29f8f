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
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

import structlog

from daemon.runtime.task_group import CANCEL_AGAIN_S, TaskDied
from daemon.runtime.timeouts import bounded
from models.errors import AtsSyncError, UserError

T = TypeVar("T")

log = structlog.get_logger(__name__)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CUT_OFF = 75
GRACE = timedelta(seconds=8)
MARGIN = timedelta(seconds=1)
TIDY_UP_S = 4.0
"""Seconds that interrupted work has to leave things as they were."""
LAST_ROUNDS = 3
LAST_ROUND_S = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedEarly(AtsSyncError):
    """A signal came before the daemon was at work; the message says what it was doing."""


class Watchdog:
    """Ends the process if it has not ended by itself in time; needs neither the loop nor the main thread."""

    def __init__(
        self, after: timedelta, *, exit_process: Callable[[int], object] = os._exit
    ) -> None:
        self._timer = threading.Timer(after.total_seconds(), self._expire)
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

    def _expire(self) -> None:
        os.write(2, b"ats-sync: the shutdown took too long and was cut off (exit code 75)\n")
        self._exit(EXIT_CUT_OFF)


@contextmanager
def stop_on_signals(stop: asyncio.Event, watchdog: Watchdog) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once.

    Only the main thread hears signals: in any other one nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
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
        return _run(_serve(main, guard))
    finally:
        if watchdog is None:
            guard.disarm()


def run_command(work: Callable[[], Coroutine[Any, Any, T]], *, grace: timedelta = GRACE) -> T:
    """Returns or raises what the work does; a signal cancels it, and it leaves things as they were.

    Raises:
        StoppedEarly: a signal came.
    """
    watchdog = Watchdog(grace + MARGIN)

    async def main() -> T:
        stop = asyncio.Event()
        try:
            with stop_on_signals(stop, watchdog):
                return await unless_stopped(work(), stop, doing="the command was at work")
        finally:
            await _end_what_is_left()

    try:
        return _run(main())
    finally:
        watchdog.disarm()


def _run(main: Coroutine[Any, Any, T]) -> T:
    runner = asyncio.Runner()
    try:
        return runner.run(main)
    finally:
        # Closing waits for every task, and there are tasks that end by no cancellation.
        if not asyncio.all_tasks(runner.get_loop()):
            runner.close()


async def _serve(main: Callable[[asyncio.Event], Awaitable[None]], watchdog: Watchdog) -> int:
    stop = asyncio.Event()
    arming = asyncio.create_task(_arm_when_stopped(stop, watchdog), name="shutdown-watchdog")
    with stop_on_signals(stop, watchdog):
        try:
            await main(stop)
        except StoppedEarly as early:
            log.info("shutdown_before_start", reason=f"a signal came while {early}")
        except TaskDied:
            return EXIT_FAILED
        except UserError:
            raise
        except Exception:
            log.exception("daemon_failed")
            return EXIT_FAILED
        finally:
            watchdog.arm()
            arming.cancel()
            await _end_what_is_left()
    return EXIT_OK


async def _end_what_is_left() -> None:
    """A cancellation can be lost, so there is more than one.

    PyMongo's locks may even wait for a holder that is gone, whatever is cancelled (4.20).
    """
    own = asyncio.current_task()
    for _ in range(LAST_ROUNDS):
        left = asyncio.all_tasks() - {own}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=LAST_ROUND_S)


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event, *, doing: str) -> T:
    """Returns or raises what the work does, unless `stop` comes first: that cancels it.

    Raises:
        StoppedEarly: `stop` came first.
    """
    task = asyncio.create_task(work, name=doing)
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StoppedEarly(doing)
    finally:
        stopping.cancel()
        await _end(task)


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancels a task, and again if that was lost; one that does not end is given up."""
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    for patience in (TIDY_UP_S, CANCEL_AGAIN_S, CANCEL_AGAIN_S):
        if task.done():
            return
        task.cancel()
        await asyncio.wait({task}, timeout=patience)


async def _arm_when_stopped(stop: asyncio.Event, watchdog: Watchdog) -> None:
    await stop.wait()
    watchdog.arm()


async def close_within(
    limit: timedelta,
    name: str,
    close: Callable[[], Coroutine[Any, Any, object]],
) -> None:
    """Closes something, or gives it up when that takes too long or fails.

    A MongoDB client says goodbye to its server, and waits half a minute for one that is gone.
    """
    try:
        await bounded(close(), limit.total_seconds(), name=f"close {name}")
    except Exception as error:  # noqa: BLE001 - what comes after it must still be closed
        log.warning("close_failed", component=name, error_type=type(error).__name__)


def drain_share(grace: timedelta) -> timedelta:
    """Returns the part of the grace period for tasks; connections are closed in the rest."""
    return grace * 3 / 4
