"""`demo`: everything at once, with nothing to install or configure."""

import asyncio
import os
import shutil
import socket
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from secrets import token_hex

import typer
from pydantic import SecretStr
from rich.console import Console

from config.settings import Settings, load_settings
from daemon.app.process import Daemon
from daemon.cli.run import opened
from daemon.cli.session import err, showing_errors
from daemon.core.alert_policy import AlertPolicy
from daemon.demo.actors import Breakdown, BusyAts, Recruiter
from daemon.demo.environment import DemoEnvironment, started_environment
from daemon.demo.narrator import Narrator
from daemon.runtime.checked_config import load_checked_config
from daemon.runtime.lifecycle import MARGIN, Watchdog, drain_share, serve
from daemon.runtime.log_redaction import Redactor
from daemon.runtime.logs import configure_logs
from daemon.runtime.task_group import run_until_stopped
from daemon.store.embedded.folder import cannot_be_used, owner_is_alive, running_embedded
from daemon.store.embedded.server import EmbeddedMongo
from models.errors import UserError

FOLDER = "demo"
ORPHAN_ENDS_WITHIN = timedelta(seconds=15)
GROUPED_FOR = timedelta(milliseconds=300)


def demo() -> None:
    """Show all three flows at work until Ctrl-C.

    Raises:
        typer.Exit: with the exit code.
    """
    with showing_errors():
        settings = _settings()
        _fresh_folder(settings.data_dir)
        log = settings.data_dir / "daemon.log"
        with log.open("w", encoding="utf-8") as stream:
            redactor = configure_logs(log_format="json", level=settings.log_level, stream=stream)
            code = serve(
                lambda stop: _play(settings, redactor, stop),
                grace=settings.shutdown_grace,
                watchdog=Watchdog(settings.shutdown_grace + MARGIN),
            )
    if code:
        err.print(f"the demo has failed; the reason is in {log}", soft_wrap=True)
    raise typer.Exit(code)


def _settings() -> Settings:
    """Data apart from a real daemon's; port 8080 if it is free."""
    asked = load_settings()
    chosen: dict[str, object] = {"data_dir": asked.data_dir / FOLDER}
    if asked.encryption_key is None:
        # The data does not outlive the demo, so that its key need not either.
        chosen["encryption_key"] = SecretStr(token_hex(32))
    if "ATS_SYNC_HTTP_PORT" not in os.environ and not _is_free(asked.http_host, asked.http_port):
        chosen["http_port"] = 0
    return load_settings(**chosen)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _fresh_folder(folder: Path) -> None:
    """The simulated ATSs begin again each time, so what was imported from them must too."""
    if running_embedded(folder) is not None and owner_is_alive(folder):
        raise UserError(
            f"a demo is running already, with its data in {folder}",
            remedy="end it with Ctrl-C, or set ATS_SYNC_DATA_DIR to another folder",
        )
    # A mongod whose daemon was killed ends by itself a moment later.
    deadline = time.monotonic() + ORPHAN_ENDS_WITHIN.total_seconds()
    while running_embedded(folder) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_be_used(folder, error) from error


async def _play(settings: Settings, redactor: Redactor, stop: asyncio.Event) -> None:
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 100)
    console.print("[bold]ClearView ATS Sync, demo[/]  starting MongoDB and three simulated ATSs")
    narrator = Narrator(console, time.monotonic)
    async with started_environment(
        load_checked_config(settings.config).loaded.value
    ) as environment:
        checked = load_checked_config(
            settings.config, environment={**os.environ, **environment.variables()}
        )
        environment.refuse_other_accounts(checked.loaded)
        policy = AlertPolicy(failed_runs=1, group_window=GROUPED_FOR)
        async with opened(settings, checked, policy, stop, redactor) as (daemon, embedded):

            async def begin(group: asyncio.TaskGroup) -> None:
                mongo, narrate = daemon.app.mongo, narrator.narrate
                if embedded is not None:
                    group.create_task(embedded.watch(stop), name="embedded MongoDB")
                await daemon.start(group, stop)
                await daemon.http.listening.wait()
                _introduce(console, daemon, embedded, environment)
                group.create_task(narrator.follow(mongo, environment, stop), name="narrator")
                for name, actor in (
                    ("recruiter", Recruiter(mongo, environment, narrate, Random(1))),  # noqa: S311 - a play
                    ("busy ATS", BusyAts(environment, narrate, Random(2))),  # noqa: S311
                    ("breakdown", Breakdown(mongo, daemon.app.integrations, environment, narrate)),
                ):
                    group.create_task(actor.run(stop), name=name)

            await run_until_stopped(begin, stop=stop, grace=drain_share(settings.shutdown_grace))
    console.print("[bold]the demo has ended[/]; its data stays until the next one starts")


def _introduce(
    console: Console, daemon: Daemon, embedded: EmbeddedMongo | None, environment: DemoEnvironment
) -> None:
    """Addresses, and three queries to paste."""
    host = daemon.settings.http_host
    console.print(f"  status page  http://{host}:{daemon.http.port}/", soft_wrap=True)
    if embedded is not None:
        console.print(f"  MongoDB      {embedded.uri}", soft_wrap=True)
    for simulator in environment.simulators.values():
        console.print(f"  {simulator.NAME:<12} {simulator.url}", soft_wrap=True)
    console.print(f"  log          {daemon.settings.data_dir / 'daemon.log'}", soft_wrap=True)
    console.print("  queries to paste into mongosh:")
    for query in (
        "use ats_sync",
        "db.sync_runs.find().sort({started_at: -1}).limit(5)",
        "db.application_status_update_log.find().sort({updated_at: -1}).limit(5)",
        "db.candidate_changes.find({path: /status$/}).sort({changed_at: -1}).limit(5)",
    ):
        console.print(f"    {query}", markup=False, soft_wrap=True)
    console.print(
        "  push = a status changed in ClearView, import = a change at the ATS in ClearView"
    )
    console.print("  Ctrl-C ends everything\n")
