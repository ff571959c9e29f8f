"""Real processes and real signals: how the daemon ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from daemon.runtime.lifecycle import (
    Watchdog,
    close_within,
    drain_share,
)
from daemon.runtime.task_group import TaskDied, run_until_stopped
from models.errors import UserError

PREAMBLE = """
import asyncio, sys, time
from datetime import timedelta
from daemon.runtime.lifecycle import Watchdog, serve, unless_stopped
from daemon.runtime.task_group import run_until_stopped
from daemon.runtime.logs import configure_logs
from models.errors import UserError

GRACE = timedelta(seconds=float(sys.argv[1]))

def ready():
    print("ready", flush=True)

def go(start):
    configure_logs(log_format="json")
    async def main(stop):
        await run_until_stopped(lambda tasks: start(tasks, stop), stop=stop, grace=GRACE)
    watchdog = Watchdog(GRACE + timedelta(seconds=1))
    sys.exit(serve(main, grace=GRACE, watchdog=watchdog))
"""

DRAINS = """
async def work(stop):
    ready()
    await stop.wait()
    await asyncio.sleep(0.2)
    print("drained", flush=True)

async def start(tasks, stop):
    tasks.create_task(work(stop), name="worker")
"""

STUCK = """
async def work():
    ready()
    try:
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

async def start(tasks, stop):
    tasks.create_task(work(), name="stuck-worker")
"""

UNCANCELLABLE = """
async def work():
    ready()
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass

async def start(tasks, stop):
    tasks.create_task(work(), name="worker")
"""

BLOCKED = """
async def work():
    ready()
    time.sleep(3600)

async def start(tasks, stop):
    tasks.create_task(work(), name="worker")
"""

THREAD_LEFT = """
import threading

async def work(stop):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    ready()
    await stop.wait()

async def start(tasks, stop):
    tasks.create_task(work(stop), name="worker")
"""

SLOW_START = """
async def start(tasks, stop):
    ready()
    await asyncio.sleep(3600)
"""

OPENING = """
async def open_database():
    ready()
    await asyncio.sleep(3600)

async def opening(stop):
    await unless_stopped(open_database(), stop, doing="the database was opened")

def go(_start):
    configure_logs(log_format="json")
    sys.exit(serve(opening, grace=GRACE, watchdog=Watchdog(GRACE + timedelta(seconds=1))))

start = None
"""

NESTED = """
async def release():
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(3600)

async def nest():
    async with asyncio.TaskGroup() as inner:
        inner.create_task(release())
        ready()

async def start(tasks, stop):
    tasks.create_task(nest(), name="nest")
"""

UNDEAD = """
async def undead():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def work(stop):
    ready()
    await stop.wait()

async def start(tasks, stop):
    tasks.create_task(work(stop), name="worker")

def go(start):
    configure_logs(log_format="json")
    async def main(stop):
        kept = asyncio.create_task(undead())
        await run_until_stopped(lambda tasks: start(tasks, stop), stop=stop, grace=GRACE)
    sys.exit(serve(main, grace=GRACE, watchdog=Watchdog(GRACE + timedelta(seconds=1))))
"""

MONGOD_DIES = """
async def watch():
    ready()
    raise UserError("the mongod was killed", remedy="start again")

async def start(tasks, stop):
    tasks.create_task(watch(), name="mongod")
"""

CRASHES = """
async def work():
    ready()
    raise ValueError("boom")

async def other(stop):
    try:
        await stop.wait()
        await asyncio.sleep(3600)
    finally:
        print("cancelled", flush=True)

async def start(tasks, stop):
    tasks.create_task(other(stop), name="other")
    tasks.create_task(work(), name="outbox-delivery")
"""

CRASHES_WITH_A_STUBBORN_NEIGHBOUR = (
    UNCANCELLABLE.replace("start", "start_stubborn")
    + """
async def crash():
    await asyncio.sleep(0.05)
    raise ValueError("boom")

async def start(tasks, stop):
    await start_stubborn(tasks, stop)
    tasks.create_task(crash(), name="crasher")
"""
)


def _first_line(fd: int) -> bytes:
    """Byte by byte: `readline` would read on, and keep what `communicate` is to give."""
    line = b""
    while (byte := os.read(fd, 1)) not in (b"\n", b""):
        line += byte
    return line


class Ended:
    def __init__(self, process: subprocess.Popen[str], out: str, err: str, took: float) -> None:
        self.code, self.out, self.took = process.returncode, out, took
        self.err = err
        self.events = [json.loads(x) for x in err.splitlines() if x.startswith("{")]

    def named(self, name: str) -> dict[str, object]:
        return next(event for event in self.events if event["event"] == name)


async def end(program: str, *signals: signal.Signals, grace: float = 5.0) -> Ended:
    """Runs the program, sends the signals once it is ready, and waits for its end."""
    async with running(program, grace) as process:
        began = time.monotonic()
        for number in signals:
            process.send_signal(number)
            if len(signals) > 1:
                await asyncio.to_thread(_wait_for_event, process, "shutdown_started")
        out, err = await asyncio.to_thread(process.communicate, timeout=30)
        return Ended(process, out, err, time.monotonic() - began)


def _wait_for_event(process: subprocess.Popen[str], event: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if event in line:
            return


@asynccontextmanager
async def running(program: str, grace: float) -> AsyncIterator[subprocess.Popen[str]]:
    code = f"{PREAMBLE}\n{program}\ngo(start)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert await asyncio.to_thread(_first_line, process.stdout.fileno()) == b"ready"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_work_in_flight_finishes_and_the_exit_is_clean(number: signal.Signals) -> None:
    ended = await end(DRAINS, number)

    assert ended.code == 0
    assert ended.out == "drained\n"
    assert ended.took < 3
    assert ended.named("shutdown_finished")


@pytest.mark.fault
async def test_a_stuck_task_is_cancelled_at_the_deadline_and_named() -> None:
    ended = await end(STUCK, signal.SIGTERM, grace=0.5)

    assert ended.code == 0
    assert ended.out == "cancelled\n"
    assert 0.5 <= ended.took < 1.5
    assert "stuck-worker" in ended.named("shutdown_deadline_reached")["tasks"]  # type: ignore[operator]


@pytest.mark.fault
@pytest.mark.parametrize(
    "program",
    [UNCANCELLABLE, BLOCKED, THREAD_LEFT],
    ids=["uncancellable task", "blocked event loop", "thread that never ends"],
)
async def test_whatever_hangs_the_watchdog_ends_the_process(program: str) -> None:
    ended = await end(program, signal.SIGTERM, grace=0.5)

    assert ended.code == 75
    assert 1.5 <= ended.took < 3
    assert "cut off" in ended.err


@pytest.mark.fault
async def test_a_second_signal_ends_the_process_at_once() -> None:
    ended = await end(STUCK, signal.SIGTERM, signal.SIGTERM, grace=60)

    assert ended.code == 128 + signal.SIGTERM
    assert ended.took < 5


async def test_a_signal_during_start_up_is_heard() -> None:
    ended = await end(SLOW_START, signal.SIGTERM, grace=20)

    assert ended.code == 0
    assert ended.took < 5


async def test_a_signal_while_something_is_opened_ends_it_and_says_what_it_was() -> None:
    ended = await end(OPENING, signal.SIGTERM, grace=20)

    assert (ended.code, ended.took < 5) == (0, True)
    assert ended.named("shutdown_before_start")["reason"] == (
        "a signal came while the database was opened"
    )


@pytest.mark.fault
async def test_tasks_of_inner_groups_are_cancelled_again_too() -> None:
    ended = await end(NESTED, signal.SIGTERM, grace=0.5)

    assert ended.code == 0
    assert ended.named("shutdown_finished")


@pytest.mark.fault
async def test_a_task_that_ends_by_no_cancellation_keeps_no_finished_daemon_from_its_exit() -> None:
    ended = await end(UNDEAD, signal.SIGTERM, grace=8)

    assert (ended.code, ended.took < 6) == (0, True)
    assert "cut off" not in ended.err


async def test_a_task_that_dies_for_a_person_to_act_is_named_at_once() -> None:
    ended = await end(MONGOD_DIES)
    died = ended.named("task_died")

    assert ended.code == 1
    assert (died["task"], died["error"]) == ("mongod", "the mongod was killed")
    assert "exception" not in died


async def test_a_dead_task_stops_the_daemon_loudly() -> None:
    ended = await end(CRASHES)
    died = ended.named("task_died")

    assert ended.code == 1
    assert died["task"] == "outbox-delivery"
    assert str(died["exception"]).startswith("ValueError at ")
    assert ended.out == "cancelled\n"


@pytest.mark.fault
async def test_a_dead_task_beside_a_stubborn_one_still_ends_the_process() -> None:
    ended = await end(CRASHES_WITH_A_STUBBORN_NEIGHBOUR, grace=0.5)

    assert ended.code == 75
    assert ended.named("task_died")["task"] == "crasher"


async def test_a_mistake_of_the_operator_is_passed_on_without_a_task_death() -> None:
    class WrongPassword(UserError):
        """The password is wrong."""

    async def start(_tasks: asyncio.TaskGroup) -> None:
        raise WrongPassword

    stop = asyncio.Event()
    with capture_logs() as events, pytest.raises(WrongPassword):
        await run_until_stopped(start, stop=stop, grace=timedelta(seconds=1))

    assert events == []
    assert stop.is_set()


async def test_a_task_that_returns_is_no_death() -> None:
    stop = asyncio.Event()

    async def short() -> None:
        asyncio.get_running_loop().call_soon(stop.set)

    async def start(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(short(), name="one-run")

    async with asyncio.timeout(5):
        await run_until_stopped(start, stop=stop, grace=timedelta(seconds=1))
    assert stop.is_set()


async def test_an_error_while_draining_is_a_death_too() -> None:
    stop = asyncio.Event()

    async def work() -> None:
        await stop.wait()
        raise ValueError

    async def start(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(work(), name="worker")
        stop.set()

    with capture_logs() as events, pytest.raises(TaskDied):
        await run_until_stopped(start, stop=stop, grace=timedelta(seconds=1))

    assert [event["task"] for event in events if event["event"] == "task_died"] == ["worker"]


def test_a_disarmed_watchdog_does_nothing() -> None:
    bites: list[int] = []
    watchdog = Watchdog(timedelta(milliseconds=50), exit_process=bites.append)
    watchdog.arm()
    watchdog.disarm()
    watchdog._timer.join(5)

    assert bites == []


def test_an_armed_watchdog_bites_once_however_often_it_was_armed() -> None:
    bites: list[int] = []
    watchdog = Watchdog(timedelta(milliseconds=10), exit_process=bites.append)
    watchdog.arm()
    watchdog.arm()
    watchdog._timer.join(5)

    assert bites == [75]


async def test_a_close_that_hangs_or_fails_is_given_up_and_reported() -> None:
    async def fail() -> None:
        raise OSError

    async def hang() -> None:
        await asyncio.Event().wait()

    with capture_logs() as events:
        await close_within(timedelta(milliseconds=10), "a", hang)
        await close_within(timedelta(seconds=5), "b", fail)

    said = [(event["event"], event["component"], event["error_type"]) for event in events]
    assert said == [("close_failed", "a", "TimeoutError"), ("close_failed", "b", "OSError")]


def test_closing_connections_has_its_share_of_the_grace_period() -> None:
    assert drain_share(timedelta(seconds=8)) == timedelta(seconds=6)
