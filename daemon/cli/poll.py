"""`ats-sync poll`: one integration, imported now."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import typer
from msgspec.structs import asdict

from daemon.app.jobs import import_ports
from daemon.cli.command_context import CommandContext, command_context, renewed_leases
from daemon.cli.session import EXIT_FAILED, err, out, run_async, show, usage_error
from daemon.core.integrations import IntegrationRef
from daemon.core.leases import HeldLease
from daemon.core.runs import Run, RunCounts, RunRequest
from daemon.jobs.import_poll import ImportFailed, ImportPoll
from daemon.jobs.rules import import_rules
from daemon.runtime.integration_health import IntegrationHealth
from daemon.store.connection import Row
from daemon.store.mongo_errors import is_outage
from models.documents import SyncRun
from models.errors import AtsSyncError, UserError

PATIENCE = timedelta(seconds=1.5)
ANSWER_WITHIN = timedelta(minutes=30)
LOOK_EVERY = timedelta(milliseconds=200)


def poll(
    name: str,
    *,
    config: Path | None = None,
    sweep: bool = False,
    accept_deletions: bool = False,
    as_json: bool = False,
) -> None:
    """Import what changed now; a running daemon is asked to do it.

    Raises:
        typer.Exit: 1 if the import failed, or was not allowed to delete what is gone.
    """
    if accept_deletions and not sweep:
        raise usage_error("--accept-deletions goes with --sweep: only a sweep deletes")

    async def work() -> Polled:
        async with command_context(name, config) as on:
            await _refuse_stopped(on)
            return await _poll(on, sweep=sweep, accept_deletions=accept_deletions)

    polled = run_async(work)
    show(polled.to_json(), lambda _: _show(polled), as_json=as_json)
    if not polled.is_good:
        raise typer.Exit(EXIT_FAILED)


class Polled(msgspec.Struct, frozen=True):
    """A poll that ended, here or in a daemon."""

    run_id: UUID
    integration: str
    outcome: str
    counts: RunCounts
    details: Row
    error: str | None

    @property
    def is_good(self) -> bool:
        return self.outcome == "success" and self.error is None and not self.brakes

    @property
    def brakes(self) -> Sequence[str]:
        """Returns the deletions that the guard stopped."""
        return [str(brake) for brake in self.details.get("brakes", [])]

    def to_json(self) -> Row:
        """Returns the counts as `sync_runs` has them, beside what became of the poll."""
        return {
            "run_id": self.run_id,
            "integration": self.integration,
            "outcome": self.outcome,
            "error_message": self.error,
            "deletions_stopped": self.brakes,
            **asdict(self.counts),
        }


async def _poll(on: CommandContext, *, sweep: bool, accept_deletions: bool) -> Polled:
    lease = await _lease(on)
    if lease is None:
        found = await _asked_for(on, sweep=sweep, accept_deletions=accept_deletions)
        if not isinstance(found, HeldLease):
            counts = RunCounts(**{name: found[name] for name in RunCounts.__struct_fields__})
            outcome, error = found["outcome"], found["error_message"]
            return Polled(found["_id"], on.name, outcome, counts, found["details"], error)
        err.print(f"no daemon works on {on.name} any more; polling it here")
        lease = found
    async with renewed_leases(on.app):
        return await _poll_here(on, lease, sweep=sweep, accept_deletions=accept_deletions)


async def _lease(on: CommandContext) -> HeldLease | None:
    clock = on.app.clock
    until = clock.monotonic() + PATIENCE.total_seconds()
    while (lease := await on.app.leases.acquire(on.lease_key)) is None:
        if clock.monotonic() > until:
            return None
        await clock.sleep(PATIENCE / 5)
    return lease


async def _poll_here(
    on: CommandContext, lease: HeldLease, *, sweep: bool, accept_deletions: bool
) -> Polled:
    app = on.app
    health = IntegrationHealth(IntegrationRef(on.name, on.id), app.alerts, app.clock, app.policy)
    async with on.connected() as (connector, watcher):
        job = ImportPoll(
            connector,
            on.id,
            import_ports(on.app, on.id),
            import_rules(on.checked.loaded.value.integrations[on.name]),
        )
        request = RunRequest(
            fence=lease.token,
            still_held=lease.still_held,
            sweep=sweep,
            accept_deletions=accept_deletions,
            progress=watcher.page_done,
        )
        try:
            run = await job.run(request)
        except ImportFailed as failed:
            if not isinstance(failed.cause, AtsSyncError) and not is_outage(failed.cause):
                await health.broke(failed)
            return _polled(on, failed.run, error=_words(failed))
    await health.worked("import_poll")
    return _polled(on, run, error=run.error)


def _polled(on: CommandContext, run: Run, *, error: str | None) -> Polled:
    return Polled(run.id, on.name, run.outcome, run.counts, run.details, error)


def _words(failed: ImportFailed) -> str:
    if isinstance(failed.cause, AtsSyncError):
        return str(failed.cause)
    return f"MongoDB did not answer: {failed}" if is_outage(failed.cause) else str(failed)


async def _asked_for(on: CommandContext, *, sweep: bool, accept_deletions: bool) -> Row | HeldLease:
    """The run of the daemon that works on it, which is asked for one.

    Or the lease, once it is free: that daemon has died or ended, and no one else will answer.

    Raises:
        UserError: the integration was paused meanwhile, so that the daemon does not answer.
    """
    clock, integrations = on.app.clock, on.app.integrations
    asked_at = clock.now()
    request = await integrations.request_poll(
        on.name, sweep=sweep, accept_deletions=accept_deletions
    )
    err.print(f"a running daemon works on {on.name}; it was asked to poll now")
    until = clock.monotonic() + ANSWER_WITHIN.total_seconds()
    while clock.monotonic() < until:
        if (run := await _run_since(on, asked_at)) is not None:
            return run
        if (lease := await on.app.leases.acquire(on.lease_key)) is not None:
            if request is not None:
                await integrations.answered(on.name, request)
            return lease
        try:
            await _refuse_stopped(on)
        except UserError:
            await integrations.answered(on.name, request)
            raise
        await clock.sleep(LOOK_EVERY)
    raise usage_error(f"the daemon has not polled {on.name}; see `ats-sync status`")


async def _refuse_stopped(on: CommandContext) -> None:
    """Refuses what a person has paused or disabled.

    Raises:
        UserError: with what to do.
    """
    if not on.checked.loaded.value.integrations[on.name].enabled:
        raise UserError(
            f"{on.name} is disabled: it is not polled", remedy="set `enabled` to true first"
        )
    state = (await on.app.integrations.states()).get(on.name)
    if state is not None and state.state == "paused":
        raise UserError(
            f"{on.name} is paused: it is not polled",
            remedy=f"run `ats-sync integrations resume {on.name}`, and poll it then",
        )


async def _run_since(on: CommandContext, asked_at: datetime) -> Row | None:
    return await on.app.mongo.collection(SyncRun).find_one(
        {
            "job": "import_poll",
            "ats_integration_id": on.id,
            "started_at": {"$gte": asked_at},
            "finished_at": {"$ne": None},
        }
    )


def _show(polled: Polled) -> None:
    words = [f"{count} {name}" for name, count in asdict(polled.counts).items() if count]
    out.print(", ".join(words) or "nothing new")
    for brake in polled.brakes:
        err.print(f"deletions stopped: {brake}; see `ats-sync status`")
    if polled.error is not None:
        err.print(f"failed: {polled.error}")
