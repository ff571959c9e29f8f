"""`ats-sync alerts`: open conditions, and mutes of their messages."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption, LimitOption

if TYPE_CHECKING:
    from daemon.store.alerts import AlertMutes
    from daemon.store.connection import Mongo

WhatArgument = Annotated[
    str,
    typer.Argument(
        help="An integration's name, a kind such as auth_refused, or an alert's key or id.",
        show_default=False,
    ),
]


def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Also those that are resolved.")] = False,
    integration: IntegrationOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List open alerts, the latest first, and what is muted."""
    from daemon.cli.session import show
    from daemon.store.overview import AlertFilter, Overview

    which = AlertFilter(state="all" if every else "open", integration=integration)

    async def read(mongo: "Mongo", mutes: "AlertMutes") -> dict[str, Sequence[Any]]:
        page = await Overview(mongo, mutes.clock).alerts(which, limit=limit)
        return {"alerts": page.rows, "mutes": await mutes.in_force()}

    show(_with_mutes(config, read, integration), _show, as_json=as_json)


def mute(
    what: WhatArgument,
    lasts: Annotated[
        str | None, typer.Option("--for", help="How long, such as 2h.", show_default=False)
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="Until when, such as 2026-11-23T08:00:00Z.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Send no messages about some conditions for a while, whether they are open yet or not.

    They are still recorded. A message about what is open when the mute ends is sent then; the end
    of a condition is reported if its beginning was.
    """
    from daemon.cli.rendering import moment
    from daemon.cli.session import out, usage_error
    from daemon.core.mutes import mute_end
    from models.times import utc_now

    try:
        end = mute_end(lasts, until, now=utc_now())
    except ValueError as error:
        raise usage_error(str(error)) from None

    async def work(mongo: "Mongo", mutes: "AlertMutes") -> tuple[str, int]:
        named = await _named(what, mongo, mutes)
        return named, await mutes.mute(named, end)

    named, count = _with_mutes(config, work)
    out.print(f"{named} is muted until {moment(end)} UTC; {count} open.")


def unmute(what: WhatArgument, config: ConfigOption = None) -> None:
    """Send messages again, at once if one about an open condition was held back."""
    from daemon.cli.rendering import moment
    from daemon.cli.session import out
    from models.errors import UserError

    async def work(_: "Mongo", mutes: "AlertMutes") -> tuple[str, datetime | None]:
        named = await _key_of(what, mutes) or what
        if not await mutes.unmute(named):
            raise UserError(f"{named} is not muted", remedy="see: ats-sync alerts list")
        return named, await mutes.until(named, _subject(named))

    named, still = _with_mutes(config, work)
    wider = f"; a wider mute covers it until {moment(still)} UTC" if still else ""
    out.print(f"{named} is not muted any more{wider}.")


async def _named(what: str, mongo: "Mongo", mutes: "AlertMutes") -> str:
    """Returns what is to be muted, if there is such a thing.

    Raises:
        typer.Exit: 2, because nothing is called so; a typing error would mute nothing.
    """
    from config.problems import suggestion
    from daemon.cli.rendering import require_known
    from daemon.cli.session import usage_error
    from daemon.core.conditions import AlertKind
    from daemon.store.integrations import MongoIntegrations

    if key := await _key_of(what, mutes):
        return key
    integrations = sorted(await MongoIntegrations(mongo, mutes.clock).states())
    if what in integrations or await mutes.is_known(what):
        return what
    kind, subject = what.partition(":")[0], _subject(what)
    if kind not in set(AlertKind):
        meant = suggestion(what, [*integrations, *AlertKind])
        raise usage_error(f'no integration and no kind of alert is named "{what}" ({meant})')
    if subject is not None:
        require_known(subject, integrations)
    return what


async def _key_of(what: str, mutes: "AlertMutes") -> str | None:
    """The key of the alert that has this id; None if it is no id."""
    from models.errors import UserError

    with suppress(ValueError):
        if (alert := await mutes.alert(UUID(what))) is None:
            raise UserError("no alert has this id", remedy="see: ats-sync alerts list --all")
        return str(alert["key"])
    return None


def _subject(key: str) -> str | None:
    return key.partition(":")[2].partition(":")[0] or None


def _show(found: Mapping[str, Sequence[Any]]) -> None:
    from daemon.cli.rendering import colored, moment, paragraph
    from daemon.cli.session import out
    from daemon.http.page_parts import mute_of
    from models.times import utc_now

    now = utc_now()
    for one in found["alerts"]:
        over = one["resolved_at"]
        since = f"since {moment(one['opened_at'])}" + (f", over {moment(over)}" if over else "")
        out.print(paragraph(colored(one["severity"]) + f"  {one['title']}", 0))
        out.print(f"  {one['key']}, {since}, seen {one['count']:,} times")
        if until := mute_of(one, now):
            out.print(f"  muted until {moment(until)}")
        out.print(paragraph(one["message"], 2))
    if not found["alerts"]:
        out.print("No alert is open.")
    for each in found["mutes"]:
        out.print(f"Muted until {moment(each.until)}: {each.what}")


def _with_mutes(
    config: Path | None,
    work: "Callable[[Mongo, AlertMutes], Awaitable[Any]]",
    integration: str | None = None,
) -> Any:
    from daemon.cli.rendering import on_store
    from daemon.cli.session import audit_of_command
    from daemon.runtime.clock import SystemClock
    from daemon.store.alerts import AlertMutes

    async def run(mongo: "Mongo") -> Any:
        return await work(mongo, AlertMutes(mongo, SystemClock(), audit=audit_of_command(mongo)))

    return on_store(config, run, integration=integration)
