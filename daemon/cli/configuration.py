"""Commands about the operator's file: is it right, and what does it come to?"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from config.explain import Explained
    from config.problems import ConfigIssue
    from daemon.runtime.checked_config import CheckedConfig

PANEL = "Configuration"


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (validate, explain, version):
        app.command(rich_help_panel=PANEL)(command)


def validate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the YAML file and the process settings. Every mistake is shown; any exits with 2."""
    from config.problems import ConfigError
    from daemon.cli.session import EXIT_USAGE, print_json, showing_errors

    with showing_errors():
        try:
            checked = _checked(config)
        except ConfigError as error:
            if not as_json:
                raise
            print_json({"valid": False, "problems": [str(one) for one in error.problems]})
            raise typer.Exit(EXIT_USAGE) from None
        if as_json:
            print_json(_valid(checked))
        else:
            _show_valid(checked)


def _valid(checked: "CheckedConfig") -> dict[str, object]:
    return {
        "valid": True,
        "warnings": [str(one) for one in _warnings(checked)],
        "notes": [f"{n.integration}: {n.message}" for n in checked.notes(today=_today())],
    }


def _warnings(checked: "CheckedConfig") -> "Sequence[ConfigIssue]":
    from config.settings import settings_warnings

    return (*settings_warnings(), *checked.loaded.warnings)


def _today() -> date:
    from models.times import utc_now

    return utc_now().date()


def _checked(config: Path | None) -> "CheckedConfig":
    """The whole configuration; mistakes of the environment and of the file come together."""
    from config.problems import ConfigError
    from daemon.cli.session import settings_for
    from daemon.runtime.checked_config import load_checked_config

    try:
        path = settings_for(config).config
    except ConfigError as error:
        if config is None:
            raise
        raise ConfigError([*error.problems, *_problems_of(config)]) from None
    return load_checked_config(path)


def _problems_of(config: Path) -> "Sequence[ConfigIssue]":
    from config.problems import ConfigError
    from daemon.runtime.checked_config import load_checked_config

    try:
        load_checked_config(config)
    except ConfigError as error:
        return error.problems
    return ()


def _show_valid(checked: "CheckedConfig") -> None:
    from daemon.cli.session import err, out

    warnings = _warnings(checked)
    for warning in warnings:
        err.print(f"warning  {warning}", markup=False)
    for note in checked.notes(today=_today()):
        out.print(f"note  {note.integration}: {note.message}", markup=False, soft_wrap=True)
    integrations = checked.loaded.value.integrations
    for name, one in integrations.items():
        state = "" if one.enabled else ", disabled"
        out.print(f"  {name}: {one.connector}{state}", markup=False)
    counted = f"{len(integrations)} integration{'' if len(integrations) == 1 else 's'}"
    unwise = f", {len(warnings)} warning{'' if len(warnings) == 1 else 's'}" if warnings else ""
    out.print(
        f"{checked.loaded.document.file} is valid: {counted}{unwise}.", markup=False, soft_wrap=True
    )


def explain(
    name: Annotated[str, typer.Argument(help="The integration's name.", show_default=False)],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an integration's effective configuration, and where each value comes from.

    Secrets are masked.
    """
    from config.explain import explain_integration
    from daemon.cli.command_context import configuration_of
    from daemon.cli.session import showing_errors

    with showing_errors():
        loaded = configuration_of(name, config).loaded
        _show_values(explain_integration(loaded, name), as_json=as_json)


def _show_values(values: "Sequence[Explained]", *, as_json: bool) -> None:
    from rich.table import Table

    from daemon.cli.session import out, print_json

    if as_json:
        print_json([{"path": v.path, "value": v.value, "origin": str(v.origin)} for v in values])
        return
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for one in values:
        table.add_row(one.path, one.value, str(one.origin))
    out.print(table, markup=False)


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(f"ats-sync {version_of('clearview-ats-sync')}")
