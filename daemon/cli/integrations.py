"""`ats-sync integrations`: list all, pause and resume one, print the address of its webhooks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption, NameArgument

if TYPE_CHECKING:
    from connectors.definition.webhook import Webhook
    from daemon.core.integrations import State


def list_integrations(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the integrations that the daemon knows, with their state."""
    from daemon.cli.rendering import on_store
    from daemon.cli.session import show
    from daemon.runtime.clock import SystemClock
    from daemon.store.overview import Overview

    rows = on_store(config, lambda mongo: Overview(mongo, SystemClock()).integrations())
    show(rows, _show, as_json=as_json)


def _show(rows: list[dict[str, Any]]) -> None:
    from daemon.cli.rendering import colored, moment, table
    from daemon.cli.session import out

    if not rows:
        out.print("No integration is known yet: `ats-sync run` stores those of the YAML file.")
        return
    lines = table("name", "connector", "state", "since (UTC)", "reason")
    for row in rows:
        reason = row["state_reason"] or ""
        state = colored(row["state"])
        lines.add_row(row["name"], row["connector"], state, moment(row["updated_at"]), reason)
    out.print(lines)


def pause(
    name: NameArgument,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; `status` shows it.")
    ] = "paused by an operator",
    config: ConfigOption = None,
) -> None:
    """Stop polls and pushes of an integration. Status changes wait in the outbox meanwhile."""
    _set(config, name, "paused", reason)


def resume(name: NameArgument, config: ConfigOption = None) -> None:
    """Let an integration go on, also after the ATS refused its credential."""
    _set(config, name, "active", None)


def webhook_url(
    name: NameArgument,
    base: Annotated[
        str, typer.Option("--base", help="The address under which the ATS reaches this service.")
    ] = "https://YOUR-HOST",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the address for an integration's webhooks, and the steps at the vendor."""
    from daemon.cli.command_context import configuration_of
    from daemon.cli.session import print_json, showing_errors
    from models.errors import UserError

    with showing_errors():
        checked = configuration_of(name, config)
        model = checked.definition_of(name).model
        if model.webhook is None:
            reason = model.waivers.get("webhook", "its definition declares none")
            raise UserError(
                f"{model.title} sends no webhooks: {reason}", remedy="polls find changes"
            )
    address = f"{base.rstrip('/')}/webhooks/{name}"
    secret = model.webhook.signature.secret
    has_key = secret in checked.loaded.value.integrations[name].credentials
    if as_json:
        print_json({"url": address, "credential": secret, "has_key": has_key})
        return
    _show_steps(address, model.title, model.webhook, has_key=has_key)


def _show_steps(address: str, title: str, webhook: "Webhook", *, has_key: bool) -> None:
    from daemon.cli.session import out

    secret = webhook.signature.secret
    steps = [f"enter this address at {title}" + (f" ({webhook.setup})" if webhook.setup else "")]
    if not has_key:
        steps.append(f"set credentials.{secret} to the key that {title} signs with")
    steps.append(
        f"to replace the key, give both for a while, with a blank in between (credentials.{secret})"
    )
    out.print(address, soft_wrap=True)
    for number, step in enumerate(steps, 1):
        out.print(f"  {number}. {step}", soft_wrap=True)
    if not has_key:
        out.print("Until the key is set every event is refused.")


def _set(config: Path | None, name: str, state: "State", reason: str | None) -> None:
    from daemon.cli.rendering import on_admin, require_known
    from daemon.cli.session import out
    from daemon.store.integrations import MongoIntegrations
    from models.errors import UserError

    async def store(integrations: MongoIntegrations) -> None:
        require_known(name, sorted(await integrations.states()))
        if not await integrations.set_state(name, state, reason=reason):
            raise UserError(f"{name} is disabled", remedy="set `enabled` to true first")

    on_admin(config, MongoIntegrations, store)
    out.print(f"{name} is {state}.")
