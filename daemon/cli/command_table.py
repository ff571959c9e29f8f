"""Every command of `ats-sync`, by the panel of the help that lists it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import typer

from daemon.cli import (
    alerts,
    analytics,
    attachments,
    configuration,
    connectors,
    erase,
    health,
    integration_settings,
    integrations,
    keys,
    legal_hold,
    outbox,
    retention,
    roles,
    simulate,
    status,
    work_commands,
)

HELP = """Keeps ClearView and its customers' Applicant Tracking Systems in step, both ways.

Start with [bold]ats-sync demo[/bold], which needs nothing; then write your own YAML, check it with
[bold]ats-sync validate[/bold] and start the daemon with [bold]ats-sync run[/bold].
Exit codes: 0 fine, 1 the thing failed, 2 wrong usage or configuration."""

Command = Callable[..., Any]


class Group(NamedTuple):
    """Commands below a common word."""

    name: str
    panel: str
    help: str
    commands: Mapping[str, Command]


COMMANDS: Mapping[str, tuple[Command, ...]] = {
    "Work": (
        *(work_commands.run, work_commands.demo, work_commands.poll),
        *(work_commands.plan, work_commands.verify, work_commands.doctor),
    ),
    "Looking": (status.status, status.history, health.health),
    "Personal data": (erase.erase, erase.export_person, retention.retention),
    "Configuration": (configuration.validate, configuration.explain, configuration.version),
    "Connectors": (simulate.simulate,),
}
"""By the panel of the help that lists them."""
GROUPS = (
    Group(
        "outbox",
        "Looking",
        "Look at pushes, send dead letters again, drop what shall not be sent.",
        {
            "list": outbox.list_pushes,
            "show": outbox.show_push,
            "replay": outbox.replay,
            "drop": outbox.drop,
        },
    ),
    Group(
        "attachments",
        "Looking",
        "Look at candidates' files that are to be fetched, and fetch them again.",
        {"list": attachments.list_files, "retry": attachments.retry},
    ),
    Group(
        "alerts",
        "Looking",
        "List what is wrong; mute what shall send no messages for a while.",
        {"list": alerts.list_alerts, "mute": alerts.mute, "unmute": alerts.unmute},
    ),
    Group(
        "integrations",
        "Looking",
        "List integrations; add, change and remove them; pause and resume; set up webhooks.",
        {
            "list": integrations.list_integrations,
            "pause": integrations.pause,
            "resume": integrations.resume,
            "webhook-url": integrations.webhook_url,
            "add": integration_settings.add,
            "update": integration_settings.update,
            "remove": integration_settings.remove,
        },
    ),
    Group(
        "analytics",
        "Looking",
        "Look at the hiring metrics that are exported to an ATS, and export them now.",
        {"show": analytics.show_metrics, "export": analytics.export},
    ),
    Group(
        "legal-hold",
        "Personal data",
        "Keep candidates from being erased: set, release, list.",
        {
            "set": legal_hold.set_hold,
            "release": legal_hold.release,
            "list": legal_hold.list_holds,
        },
    ),
    Group(
        "roles",
        "Configuration",
        "Print the privileges needed on MongoDB.",
        {"print": roles.print_roles},
    ),
    Group(
        "keys",
        "Configuration",
        "Show which key encrypts what in MongoDB, and rotate keys.",
        {"list": keys.list_keys, "rotate": keys.rotate},
    ),
    Group(
        "connectors",
        "Connectors",
        "List, show, check and start connector definitions.",
        {
            "list": connectors.list_connectors,
            "show": connectors.show_connector,
            "schema": connectors.schema,
            "test": connectors.check_definitions,
            "check": connectors.check_openapi,
            "new": connectors.new,
        },
    ),
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
    for panel, functions in COMMANDS.items():
        for function in functions:
            app.command(rich_help_panel=panel)(function)
    for each in GROUPS:
        group = typer.Typer(help=each.help, no_args_is_help=True)
        for name, function in each.commands.items():
            group.command(name)(function)
        app.add_typer(group, name=each.name, rich_help_panel=each.panel)
    return app
