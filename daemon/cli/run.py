"""`run`: the daemon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import typer

from config.encryption_key import encryption_keys
from config.settings import Settings, settings_warnings
from daemon.app.process import Daemon
from daemon.app.services import AppServices
from daemon.cli.run_once import run_once
from daemon.cli.session import (
    EXIT_FAILED,
    clearview_database_of,
    err,
    settings_for,
    showing_errors,
    shown_as,
)
from daemon.core.alert_policy import AlertPolicy
from daemon.core.runs import in_words
from daemon.core.unexpected import stack
from daemon.runtime.checked_config import CheckedConfig, load_checked_config, secrets_of
from daemon.runtime.lifecycle import (
    MARGIN,
    StoppedEarly,
    Watchdog,
    close_within,
    drain_share,
    serve,
    unless_stopped,
)
from daemon.runtime.log_redaction import Redactor
from daemon.runtime.logs import configure_logs
from daemon.runtime.task_group import TaskDied, run_until_stopped
from daemon.runtime.timeouts import bounded
from daemon.store.connection import DatabaseError, Mongo
from daemon.store.embedded.server import EmbeddedMongo, start_embedded, watched
from daemon.store.opening import open_mongo
from models.errors import UserError

ANSWERS_WITHIN_S = 0.4
AWAY = "{} does not answer: leases run out by themselves, the next start goes on with the work"

log = structlog.get_logger("daemon")


def run(*, config: Path | None = None, once: bool = False) -> None:
    """Run the daemon until it is stopped, or once.

    Raises:
        typer.Exit: with the exit code.
    """
    with showing_errors():
        settings = settings_for(config)
        redactor = configure_logs(log_format=settings.log_format, level=settings.log_level)
        checked = load_checked_config(settings.config)
        for warning in (*settings_warnings(), *checked.loaded.warnings):
            err.print(f"warning: {warning}")
        raise typer.Exit(start(settings, checked, redactor, once=once))


def start(
    settings: Settings,
    checked: CheckedConfig,
    redactor: Redactor,
    *,
    once: bool,
) -> int:
    """Serve until stopped; the exit code."""
    own = [
        each.get_secret_value() for each in (settings.admin_token, settings.encryption_key) if each
    ]
    own += [key.text for key in encryption_keys(own[-1])] if settings.encryption_key else []
    for secret in (*own, *secrets_of(checked.loaded)):
        redactor.remember(secret)
    exit_code = EXIT_FAILED if once else 0

    async def main(stop: asyncio.Event) -> None:
        nonlocal exit_code
        async with opened(settings, checked, AlertPolicy(), stop, redactor) as opening:
            daemon, embedded = opening
            if once:
                exit_code = await _run_once(daemon, embedded, stop)
            else:
                await _run(daemon, embedded, stop, settings)

    async def guarded(stop: asyncio.Event) -> None:
        try:
            await main(stop)
        except (UserError, TaskDied, StoppedEarly):
            raise
        except Exception as error:  # noqa: BLE001 - a traceback's text may quote anything
            log.error("daemon_failed", error=in_words(error), stack=stack(error))  # noqa: TRY400
            raise shown_as(error) from None

    watchdog = Watchdog(settings.shutdown_grace + MARGIN)
    return serve(guarded, grace=settings.shutdown_grace, watchdog=watchdog) or exit_code


async def _run_once(daemon: Daemon, embedded: EmbeddedMongo | None, stop: asyncio.Event) -> int:
    """Everything once; a signal interrupts it, and what was done stays done."""
    try:
        async with watched(embedded):
            outcome = await unless_stopped(run_once(daemon), stop, doing="it ran once")
    except StoppedEarly:
        err.print("ats-sync: interrupted; the next run goes on from here")
        return EXIT_FAILED
    for name, reason in outcome.failed.items():
        err.print(f"ats-sync: {name}: {reason}")
    return EXIT_FAILED if outcome.failed else 0


async def _run(
    daemon: Daemon, embedded: EmbeddedMongo | None, stop: asyncio.Event, settings: Settings
) -> None:
    async def begin(group: asyncio.TaskGroup) -> None:
        if embedded is not None:
            group.create_task(embedded.watch(stop), name="embedded MongoDB")
        await daemon.start(group, stop)
        log.info("daemon_started", integrations=len(daemon.config.loaded.value.integrations))

    await run_until_stopped(begin, stop=stop, grace=drain_share(settings.shutdown_grace))


@asynccontextmanager
async def opened(
    settings: Settings,
    checked: CheckedConfig,
    policy: AlertPolicy,
    stop: asyncio.Event,
    redactor: Redactor,
) -> AsyncIterator[tuple[Daemon, EmbeddedMongo | None]]:
    """The daemon on an open MongoDB, which is closed again at the end.

    Raises:
        StoppedEarly: `stop` came before MongoDB was open.
    """
    embedded = None
    if settings.mongodb_uri is None:
        starting = start_embedded(
            settings.data_dir, binary=settings.mongod, cache_gb=settings.mongod_cache_gb
        )
        log.info("mongodb_opening", kind="embedded")
        embedded = await unless_stopped(starting, stop, doing="the embedded MongoDB was starting")
    try:
        if embedded is None:
            log.info("mongodb_opening", kind="configured")
        async with watched(embedded):
            connecting = _connect(settings, checked, embedded)
            mongo = await unless_stopped(connecting, stop, doing="MongoDB was being looked for")
        try:
            app = AppServices(
                mongo,
                checked.loaded.value.clearview,
                policy=policy,
                encryption_key=settings.encryption_key,
            )
            if embedded is not None:
                # Its data folder has one owner at a time: a process that held leases before is dead.
                await app.leases.end_all()
            daemon = Daemon(settings, checked, app, remember_secret=redactor.remember)
            try:
                yield daemon, embedded
            finally:
                await close_within(MARGIN, "services", daemon.close)
        finally:
            await _close(mongo)
    finally:
        if embedded is not None:
            await embedded.stop()


async def _close(mongo: Mongo) -> None:
    """One that is away is named as the reason why the end took its time."""
    clients = {"MongoDB": mongo.client, "ClearView's MongoDB": mongo.clearview_client}
    if mongo.clearview_client is mongo.client:
        del clients["ClearView's MongoDB"]
    answers = await asyncio.gather(*map(_answers, clients.values()))
    for name, answered in zip(clients, answers, strict=True):
        if not answered:
            log.warning("mongodb_unreachable_at_shutdown", reason=AWAY.format(name))
    await close_within(MARGIN if all(answers) else MARGIN / 2, "mongodb", mongo.close)


async def _answers(client: Any) -> bool:
    try:
        await bounded(client.admin.command("ping"), ANSWERS_WITHIN_S, name="ping")
    except (DatabaseError, TimeoutError):
        return False
    return True


async def _connect(
    settings: Settings, checked: CheckedConfig, embedded: EmbeddedMongo | None
) -> Mongo:
    uri = settings.mongodb_uri
    return await open_mongo(
        embedded.uri if embedded is not None else uri.get_secret_value() if uri else "",
        database=settings.database,
        **clearview_database_of(checked.loaded.value),
    )
