"""The command `ats-sync`.

Modules of this folder import little at their top: what a command needs is imported inside it, so
that help and completion answer at once.
"""

import sys

import typer

from daemon.cli import (
    alerts,
    analytics,
    attachments,
    configuration,
    connectors,
    erase,
    health,
    integrations,
    keys,
    legal_hold,
    outbox,
    retention,
    roles,
    simulate,
)
from daemon.cli import commands as operating
from daemon.cli import status as inspect
from daemon.cli.early_signals import end_on_sigterm
from daemon.cli.process_tuning import collect_rarely, keep_memory
from daemon.cli.standard_streams import open_standard_streams

HELP = """Keeps ClearView and its customers' Applicant Tracking Systems in step, both ways.

Start with [bold]ats-sync demo[/bold], which needs nothing; then write your own YAML, check it with
[bold]ats-sync validate[/bold] and start the daemon with [bold]ats-sync run[/bold].
Exit codes: 0 fine, 1 the thing failed, 2 wrong usage or configuration."""

PARTS = (
    operating,
    inspect,
    health,
    outbox,
    attachments,
    alerts,
    integrations,
    analytics,
    erase,
    legal_hold,
    retention,
    configuration,
    roles,
    keys,
    connectors,
    simulate,
)


def build_app() -> typer.Typer:
    """The command with all its sub-commands."""
    app = typer.Typer(
        name="ats-sync",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for part in PARTS:
        part.register(app)
    return app


def main() -> None:
    """The console script."""
    open_standard_streams()
    end_on_sigterm()
    collect_rarely()
    keep_memory()
    try:
        build_app()(prog_name="ats-sync")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - no traceback: its text may quote anything
        sys.exit(_shown(error))


def _shown(error: Exception) -> int:
    from daemon.cli.session import EXIT_FAILED, show_error, shown_as

    show_error(shown_as(error))
    return EXIT_FAILED
