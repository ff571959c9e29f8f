"""The parts that every command needs: settings, the operator's file, MongoDB; and how errors are shown."""

import asyncio
import getpass
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer
from click import ClickException
from rich.console import Console

from config.loader import load_operator_config
from config.operator import OperatorConfig
from config.problems import ConfigError
from config.settings import Settings, load_settings
from daemon.core.runs import in_words
from daemon.runtime.clock import SystemClock
from daemon.runtime.lifecycle import StoppedEarly, run_command
from daemon.runtime.logs import configure_logs
from daemon.store.audit_log import Actor, MongoAuditTrail
from daemon.store.connection import DatabaseError, Mongo
from daemon.store.embedded.folder import running_embedded
from daemon.store.embedded.server import start_embedded, watched
from daemon.store.mongo_errors import is_outage
from daemon.store.opening import open_mongo
from daemon.store.start_errors import command_error
from models.errors import AtsSyncError, UserError

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2

# Texts of ATSs and of people are shown as they are: "[x]" is no markup, and ":key:" no picture.
out = Console(
    width=None if sys.stdout.isatty() else 100, highlight=False, markup=False, emoji=False
)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def settings_for(config: Path | None = None) -> Settings:
    """The process settings, with the command line's own choice of file."""
    return load_settings(**({} if config is None else {"config": config}))


def settings_and_file(config: Path | None) -> tuple[Settings, OperatorConfig]:
    """The process settings, and the operator's file that they name, checked."""
    settings = settings_for(config)
    return settings, load_operator_config(settings.config).value


@asynccontextmanager
async def database(
    settings: Settings, config: OperatorConfig | None = None, *, prepare: bool = False
) -> AsyncIterator[Mongo]:
    """MongoDB as the daemon uses it: by URI, that of a running daemon, or one of our own.

    Raises:
        UserError: it cannot be had, with what to do.
    """
    where = {} if config is None else clearview_database_of(config)
    embedded = None
    if settings.mongodb_uri is not None:
        address = settings.mongodb_uri.get_secret_value()
    elif (running := running_embedded(settings.data_dir)) is not None:
        address = running
    else:
        embedded = await start_embedded(
            settings.data_dir, binary=settings.mongod, cache_gb=settings.mongod_cache_gb
        )
        address = embedded.uri
    try:
        async with watched(embedded):
            mongo = await open_mongo(address, database=settings.database, prepare=prepare, **where)
            try:
                yield mongo
            finally:
                await mongo.close()
    finally:
        if embedded is not None:
            await embedded.stop()


def clearview_database_of(config: OperatorConfig) -> dict[str, Any]:
    """Returns what `open_mongo` wants to know about ClearView's database."""
    clearview = config.clearview.mongodb
    return {
        "clearview_uri": clearview.uri.get_secret_value() if clearview.uri else None,
        "clearview_database": clearview.database,
        "writes_clearview": config.clearview.candidates.mode == "mongodb",
    }


def audit_actor() -> Actor:
    """Returns whom the audit log names for a command: the user and the machine that it runs as."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name; before Python 3.13 a KeyError
        user = f"uid {os.getuid()}"
    return Actor(f"{user}@{socket.gethostname()}", "cli")


def audit_of_command(mongo: Mongo) -> MongoAuditTrail:
    """Returns the audit trail of the user who runs this command."""
    return MongoAuditTrail(mongo, SystemClock(), audit_actor())


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's coroutine; what a person must act on is printed without a traceback.

    Raises:
        typer.Exit: 1 for what failed, 2 for what was wrong from the start.
    """
    with showing_errors():
        configure_logs(log_format="console", level="warning")
        try:
            return run_command(work)
        except StoppedEarly:
            err.print("ats-sync: interrupted by a signal")
            raise typer.Exit(EXIT_FAILED) from None


class showing_errors:  # noqa: N801 - reads as what it does in a with statement
    """Print errors without a traceback, and leave with the right exit code.

    Of an error of no known kind type and location are shown: its text may quote anything.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None or isinstance(error, _PASSED_ON):
            return
        if isinstance(error, ConfigError):
            err.print(str(error))
            raise typer.Exit(EXIT_USAGE) from None
        show_error(shown_as(error))
        raise typer.Exit(EXIT_FAILED) from None


_PASSED_ON = (
    *(typer.Exit, typer.Abort, ClickException, KeyboardInterrupt, SystemExit, BrokenPipeError),
    *(asyncio.CancelledError, GeneratorExit),
)
"""Not errors, or Typer's own to show."""


def shown_as(error: BaseException) -> UserError:
    """Returns an error as a person should see it, with its remedy."""
    if isinstance(error, UserError):
        return error
    if is_outage(error):
        return UserError(
            f"MongoDB did not answer ({type(error).__name__})",
            remedy="see that it runs and can be reached, and try again; what was stored is safe",
        )
    if isinstance(error, DatabaseError):
        return command_error(error)
    if isinstance(error, AtsSyncError):
        return UserError(in_words(error), remedy="see `ats-sync doctor`")
    return UserError(
        in_words(error),
        remedy="what was stored is safe; try again, and report this line if it comes again",
    )


def show_error(error: UserError) -> None:
    """Prints what happened, and what to do."""
    err.print(f"ats-sync: {error}")
    if error.remedy:
        err.print(f"  -> {error.remedy}")


def show(value: T, render: Callable[[T], object], *, as_json: bool) -> None:
    """Prints a value: as one JSON document for scripts, or as `render` does it for people."""
    if as_json:
        print_json(value)
    else:
        render(value)


def print_json(value: Any) -> None:
    """Prints one JSON document for scripts."""
    from daemon.runtime.json_values import to_json

    sys.stdout.write(json.dumps(to_json(value), indent=2, sort_keys=True) + "\n")


def usage_error(problem: str | UserError) -> typer.Exit:
    """Wrong usage, said plainly."""
    show_error(problem if isinstance(problem, UserError) else UserError(problem))
    return typer.Exit(EXIT_USAGE)
