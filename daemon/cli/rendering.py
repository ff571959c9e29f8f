"""Rendering shared by the commands that read MongoDB."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from config.problems import suggestion
from daemon.cli.session import audit_of_command, database, run_async, settings_and_file, usage_error
from daemon.runtime.clock import SystemClock
from daemon.store.connection import Mongo
from daemon.store.integrations import MongoIntegrations

T = TypeVar("T")
Admin = TypeVar("Admin")

COLORS = {
    **dict.fromkeys(("active", "success", "Success", "delivered"), "green"),
    **dict.fromkeys(
        ("partial", "waiting", "interrupted", "warning", "retrying", "paused"), "yellow"
    ),
    **dict.fromkeys(("auth_failed", "failed", "Failed", "error", "critical", "dead"), "red"),
}


def on_store(
    config: Path | None,
    work: Callable[[Mongo], Coroutine[Any, Any, T]],
    *,
    integration: str | None = None,
) -> T:
    """Runs a command's work on MongoDB, as the operator's file and the settings name it.

    Raises:
        typer.Exit: 1 if it fails or MongoDB cannot be had, 2 if no integration has this name.
    """

    async def run() -> T:
        settings, file = settings_and_file(config)
        async with database(settings, file) as mongo:
            if integration is not None:
                stored = await MongoIntegrations(mongo, SystemClock()).states()
                require_known(integration, sorted({*stored, *file.integrations}))
            return await work(mongo)

    return run_async(run)


def on_admin(
    config: Path | None,
    kind: Callable[..., Admin],
    work: Callable[[Admin], Coroutine[Any, Any, T]],
    *,
    integration: str | None = None,
) -> T:
    """Runs a command's work with a store of this kind, which writes down who has run it."""

    async def run(mongo: Mongo) -> T:
        return await work(kind(mongo, SystemClock(), audit=audit_of_command(mongo)))

    return on_store(config, run, integration=integration)


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A plain table; columns of numbers are set to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left")
    return made


def colored(word: str) -> Text:
    """A state in its colour, where there are colours."""
    return Text.assemble((word, COLORS.get(word, "")))


def paragraph(text: str | Text, indent: int) -> Padding:
    """A text that wraps at the width of the output, each line indented."""
    shown = Text(text) if isinstance(text, str) else text
    return Padding(shown, (0, 0, 0, indent), expand=False)


def require_known(name: str, known: list[str]) -> None:
    """Raises:
    typer.Exit: 2, because there is no integration of this name.
    """
    if name not in known:
        raise usage_error(f'no integration is named "{name}" ({suggestion(name, known)})')


def require_states(states: Sequence[str] | None, known: Sequence[str], what: str) -> None:
    """Raises:
    typer.Exit: 2, because no such thing is ever in one of these states.
    """
    for state in states or ():
        if state not in known:
            raise usage_error(f'no {what} is ever "{state}" ({suggestion(state, known)})')


def moment(value: datetime | None) -> str:
    """To the second, in UTC."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
