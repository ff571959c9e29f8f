"""The command `ats-sync`.

Modules of this folder import little at their top: what a command needs is imported inside it, so
that help and completion answer at once.
"""

import atexit
import gc

import typer

from daemon.cli import (
    alerts,
    analytics,
    configuration,
    connectors,
    inspect,
    integrations,
    operating,
    outbox,
    simulate,
)

HELP = """Keeps ClearView and its customers' Applicant Tracking Systems in step, both ways.

Start with [bold]ats-sync demo[/bold], which needs nothing; then write your own YAML, check it with
[bold]ats-sync validate[/bold] and start the daemon with [bold]ats-sync run[/bold].
Exit codes: 0 fine, 1 the thing failed, 2 wrong usage or configuration."""

GC_THRESHOLD = 50_000
PARTS = (
    operating,
    inspect,
    outbox,
    alerts,
    integrations,
    analytics,
    configuration,
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
    collect_rarely()
    build_app()(prog_name="ats-sync")


def collect_rarely() -> None:
    """Spare most of the garbage collector's work, for as long as this process is there.

    Pages of records are many young objects: looking at them less often saves a third of an
    import's time. At the end nothing is worth looking at: that takes a third of a second.
    """
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(gc.freeze)
