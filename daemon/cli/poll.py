"""`poll`, `verify` and `plan`: one integration, looked at or imported now."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.problems import did_you_mean
from connectors.base import Connector
from connectors.registry import create_connector
from daemon.assembly import Shared, import_ports, import_rules
from daemon.checked_config import CheckedConfig, load_checked_config
from daemon.cli.session import (
    EXIT_FAILED,
    database,
    err,
    out,
    run_async,
    settings_for,
    showing_errors,
    usage_error,
)
from daemon.importing.context import Request
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.ports.leases import Lease
from daemon.ports.runs import Run, RunCounts
from daemon.store.connection import Row
from models.documents import SyncRun
from models.ids import integration_id

PATIENCE = timedelta(seconds=1.5)
ANSWER_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Bench:
    """One integration on an open MongoDB."""

    name: str
    checked: CheckedConfig
    shared: Shared

    @property
    def id(self) -> UUID:
        return integration_id(self.name)

    def connector(self, observer: "Watcher | None" = None) -> Connector:
        return create_connector(
            name=self.name,
            integration=self.checked.loaded.value.integrations[self.name],
            definition=self.checked.definition_of(self.name),
            observer=observer,
            commons=self.shared.commons,
        )


def checked_for(name: str | None, config: Path | None) -> CheckedConfig:
    """The configuration, in which this integration must be.

    Raises:
        typer.Exit: 2, if it is not.
    """
    checked = load_checked_config(settings_for(config).config)
    known = checked.loaded.value.integrations
    if name is not None and name not in known:
        hint = did_you_mean(name, known)
        meant = f' (did you mean "{hint}"?)' if hint else f"; there are: {', '.join(known)}"
        raise usage_error(f'no integration is called "{name}"{meant}')
    return checked


@asynccontextmanager
async def bench(
    name: str, checked: CheckedConfig, config: Path | None, *, prepare: bool = True
) -> AsyncIterator[Bench]:
    """Everything that one integration needs; `prepare` makes collections where they lack."""
    settings = settings_for(config)
    async with database(settings, checked.loaded.value, prepare=prepare) as mongo:
        shared = Shared(mongo, checked.loaded.value.clearview)
        try:
            yield Bench(name, checked, shared)
        finally:
            await shared.services.close()


def poll(
    name: str,
    *,
    config: Path | None = None,
    sweep: bool = False,
    accept_deletions: bool = False,
) -> None:
    """Import what changed now; a running daemon is asked to do it.

    Raises:
        typer.Exit: 1 if the import failed, or was not allowed to delete what is gone.
    """
    with showing_errors():
        checked = checked_for(name, config)
        if accept_deletions and not sweep:
            raise usage_error("--accept-deletions goes with --sweep: only a sweep deletes")

    async def work() -> bool:
        async with bench(name, checked, config) as on:
            return await _poll(on, sweep=sweep, accept_deletions=accept_deletions)

    if not run_async(work):
        raise typer.Exit(EXIT_FAILED)


async def _poll(on: Bench, *, sweep: bool, accept_deletions: bool) -> bool:
    lease = await _lease(on)
    if lease is None:
        return await _ask_the_daemon(on, sweep=sweep, accept_deletions=accept_deletions)
    done = asyncio.Event()
    renewing = asyncio.create_task(on.shared.leases.run(done), name="leases")
    try:
        return await _poll_here(on, lease, sweep=sweep, accept_deletions=accept_deletions)
    finally:
        done.set()
        await renewing


async def _lease(on: Bench) -> Lease | None:
    clock = on.shared.clock
    until = clock.monotonic() + PATIENCE.total_seconds()
    while (lease := await on.shared.leases.acquire(f"poll:{on.name}")) is None:
        if clock.monotonic() > until:
            return None
        await clock.sleep(PATIENCE / 5)
    return lease


async def _poll_here(on: Bench, lease: Lease, *, sweep: bool, accept_deletions: bool) -> bool:
    with Watcher(on.name) as watcher:
        connector = on.connector(watcher)
        await connector.open()
        try:
            job = ImportPoll(
                connector,
                on.id,
                import_ports(on.shared, on.id),
                import_rules(on.checked.loaded.value.integrations[on.name]),
            )
            request = Request(
                fence=lease.token,
                still_held=lease.still_held,
                sweep=sweep,
                accept_deletions=accept_deletions,
                progress=watcher,
            )
            run = await job.run(request)
        except ImportFailed as failed:
            _show(failed.run.counts, failed.run.details, error=str(failed.cause))
            return False
        finally:
            await connector.close()
    _show(run.counts, run.details, error=None)
    return not run.details.get("brakes")


async def _ask_the_daemon(on: Bench, *, sweep: bool, accept_deletions: bool) -> bool:
    """The daemon holds the lease, so it polls; this command waits for what comes of it."""
    asked_at = on.shared.clock.now()
    await on.shared.integrations.ask(on.name, sweep=sweep, accept_deletions=accept_deletions)
    err.print(f"a running daemon works on {on.name}; it was asked to poll now", markup=False)
    run = await _answer(on, asked_at)
    counts = RunCounts(**{name: run[name] for name in RunCounts.__dataclass_fields__})
    _show(counts, run["details"], error=run["error_message"])
    return run["outcome"] == "success" and not run["details"].get("brakes")


async def _answer(on: Bench, asked_at: datetime) -> Row:
    runs = on.shared.mongo.collection(SyncRun)
    clock = on.shared.clock
    until = clock.monotonic() + ANSWER_WITHIN.total_seconds()
    query = {
        "job": "import_poll",
        "ats_integration_id": on.id,
        "started_at": {"$gte": asked_at},
        "finished_at": {"$ne": None},
    }
    while clock.monotonic() < until:
        if (run := await runs.find_one(query)) is not None:
            return run
        await clock.sleep(timedelta(milliseconds=200))
    raise usage_error(f"the daemon has not polled {on.name}; see `ats-sync status`")


def _show(counts: RunCounts, details: Row, *, error: str | None) -> None:
    words = [f"{getattr(counts, name)} {name}" for name in RunCounts.__dataclass_fields__]
    out.print(", ".join(w for w in words if not w.startswith("0 ")) or "nothing new", markup=False)
    for brake in details.get("brakes", []):
        err.print(f"deletions stopped: {brake}; see `ats-sync status`", markup=False)
    if error is not None:
        err.print(f"failed: {error}", markup=False)


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
