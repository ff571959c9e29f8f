"""`ats-sync roles`: the privileges that are needed on MongoDB."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from daemon.store.roles import Databases, Role, RoleOn

RoleOption = Annotated[
    Literal["daemon", "reader", "operator"] | None,
    typer.Option("--role", help="Only this role.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(help="Print the privileges needed on MongoDB.", no_args_is_help=True)
    # A callback keeps the name of an only command.
    group.callback()(_group)
    group.command("print")(print_roles)
    app.add_typer(group, name="roles", rich_help_panel="Configuration")


def _group() -> None:
    """Print the privileges needed on MongoDB."""


def print_roles(
    role: RoleOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Print mongosh commands that create the roles of the daemon, a reader and an operator."""
    from daemon.cli.session import print_json, showing_errors
    from daemon.store.roles import ROLES, role_commands

    with showing_errors():
        databases = _databases(config)
    wanted: list[Role] = [role] if role is not None else list(ROLES)
    found = {name: role_commands(name, databases) for name in wanted}
    if as_json:
        print_json({name: [_to_json(one) for one in roles] for name, roles in found.items()})
        return
    for name, roles in found.items():
        for one in roles:
            typer.echo(f"// {name}: {ROLES[name]}. On the cluster of {one.cluster}:")
            typer.echo(_mongosh(one))


def _databases(config: "ConfigOption") -> "Databases":
    """Names from the settings and the operator's file, if there is one."""
    from config.operator_clearview import ClearView
    from daemon.cli.session import operator_config, settings_for
    from daemon.store.roles import Databases

    settings = settings_for(config)
    is_there = config is not None or settings.config.is_file()
    clearview = operator_config(settings).value.clearview if is_there else ClearView()
    uri = clearview.mongodb.uri
    own = settings.mongodb_uri
    return Databases(
        own=settings.database,
        clearview=clearview.mongodb.database,
        apart=uri is not None and own is not None and uri != own,
        writes_candidates=clearview.candidates.mode == "mongodb",
    )


def _to_json(one: "RoleOn") -> dict[str, object]:
    return {"cluster": one.cluster, "database": "admin", "command": one.command}


def _mongosh(one: "RoleOn") -> str:
    import json

    command = json.dumps(one.command, indent=2)
    return f'db.getSiblingDB("admin").runCommand({command})\n'
