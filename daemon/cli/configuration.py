"""Commands about the operator's file: is it right, and what does it come to?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption, NameArgument

if TYPE_CHECKING:
    from config.problems import ConfigIssue
    from daemon.runtime.checked_config import CheckedConfig


def validate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the YAML file and the process settings. Every mistake is shown; any exits with 2."""
    from config.problems import ConfigError
    from config.settings import settings_warnings
    from daemon.cli.session import EXIT_USAGE, print_json, show, showing_errors
    from models.times import utc_now

    with showing_errors():
        try:
            checked = _checked(config)
        except ConfigError as error:
            if not as_json:
                raise
            print_json({"valid": False, "problems": [str(one) for one in error.problems]})
            raise typer.Exit(EXIT_USAGE) from None
        warnings = [str(one) for one in (*settings_warnings(), *checked.loaded.warnings)]
        notes = [f"{n.integration}: {n.message}" for n in checked.notes(today=utc_now().date())]
        show(
            {"valid": True, "warnings": warnings, "notes": notes},
            lambda found: _show_valid(checked, found),
            as_json=as_json,
        )


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


def _show_valid(checked: "CheckedConfig", found: Mapping[str, Any]) -> None:
    from daemon.cli.session import err, out

    warnings = found["warnings"]
    for warning in warnings:
        err.print(f"warning  {warning}")
    for note in found["notes"]:
        out.print(f"note  {note}", soft_wrap=True)
    integrations = checked.loaded.value.integrations
    for name, one in integrations.items():
        state = "" if one.enabled else ", disabled"
        out.print(f"  {name}: {one.connector}{state}")
    counted = f"{len(integrations)} integration{'' if len(integrations) == 1 else 's'}"
    unwise = f", {len(warnings)} warning{'' if len(warnings) == 1 else 's'}" if warnings else ""
    out.print(f"{checked.loaded.document.file} is valid: {counted}{unwise}.", soft_wrap=True)


def explain(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show an integration's effective configuration, and where each value comes from.

    Secrets are masked.
    """
    from config.explain import explain_integration
    from daemon.cli.command_context import configuration_of
    from daemon.cli.session import show, showing_errors

    with showing_errors():
        loaded = configuration_of(name, config).loaded
        values = explain_integration(loaded, name)
        rows = [{"path": v.path, "value": v.value, "origin": str(v.origin)} for v in values]
        show(rows, _show_values, as_json=as_json)


def _show_values(rows: Sequence[Mapping[str, str]]) -> None:
    from rich.table import Table

    from daemon.cli.session import out

    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row.values())
    out.print(table)


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(f"ats-sync {version_of('clearview-ats-sync')}")
