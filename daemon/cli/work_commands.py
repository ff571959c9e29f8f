"""Commands that do the daemon's work; each hands over to the module of its name."""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption, NameArgument


def _of(module: str, function: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(import_module(f"daemon.cli.{module}"), function)
    return found


def run(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Poll every enabled integration once, deliver and export what is due, then exit.",
        ),
    ] = False,
) -> None:
    """Run the daemon until it is stopped."""
    _of("run", "run")(config=config, once=once)


def demo() -> None:
    """Show all three flows at work, with an embedded MongoDB and simulated ATSs."""
    _of("demo", "demo")()


def poll(
    name: NameArgument,
    config: ConfigOption = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Read the complete listing, which also finds deletions.")
    ] = False,
    accept_deletions: Annotated[
        bool,
        typer.Option(
            "--accept-deletions",
            help="Let this sweep delete more candidates than deletions.max_percent allows.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch an integration's candidates now."""
    _of("poll", "poll")(
        name, config=config, sweep=sweep, accept_deletions=accept_deletions, as_json=as_json
    )


def plan(
    name: Annotated[
        str | None, typer.Argument(help="Only this integration.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the next poll and the next pushes would change. Nothing is written anywhere."""
    _of("plan_verify", "plan")(name, config=config, as_json=as_json)


def verify(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Compare the ATS, the snapshots and ClearView completely. Exits with 1 if they differ."""
    _of("plan_verify", "verify")(name, config=config, as_json=as_json)


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look for what is wrong or will be: MongoDB, credentials, stages, ClearView's services."""
    _of("doctor", "doctor")(config=config, as_json=as_json)
