"""`ats-sync roles`: the privileges that are needed on MongoDB."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.store.roles import Databases, Role

RoleOption = Annotated[
    Literal["daemon", "reader", "operator"] | None,
    typer.Option("--role", help="Only this role.", show_default=False),
]


def print_roles(
    role: RoleOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Print mongosh commands that create the roles of the daemon, a reader and an operator."""
    from daemon.cli.session import show, showing_errors
    from daemon.store.roles import ROLES, role_commands

    with showing_errors():
        databases = _databases(config)
    wanted: list[Role] = [role] if role is not None else list(ROLES)
    found = {
        name: [
            {"cluster": one.cluster, "database": "admin", "command": one.command}
            for one in role_commands(name, databases)
        ]
        for name in wanted
    }
    show(found, _show, as_json=as_json)


def _show(found: "Mapping[Role, list[dict[str, Any]]]") -> None:
    import json

    from daemon.store.roles import ROLES

    for name, roles in found.items():
        for one in roles:
            command = json.dumps(one["command"], indent=2)
            typer.echo(f"// {name}: {ROLES[name]}. On the cluster of {one['cluster']}:")
            typer.echo(f'db.getSiblingDB("admin").runCommand({command})\n')


def _databases(config: "ConfigOption") -> "Databases":
    """Names from the settings and the operator's file, if there is one."""
    from config.loader import load_operator_config
    from config.operator_clearview import ClearView
    from daemon.cli.session import settings_for
    from daemon.store.roles import Databases

    settings = settings_for(config)
    is_there = config is not None or settings.config.is_file()
    clearview = load_operator_config(settings.config).value.clearview if is_there else ClearView()
    uri = clearview.mongodb.uri
    own = settings.mongodb_uri
    return Databases(
        own=settings.database,
        clearview=clearview.mongodb.database,
        apart=uri is not None and own is not None and uri != own,
        writes_candidates=clearview.candidates.mode == "mongodb",
    )
