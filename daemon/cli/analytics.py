"""`ats-sync analytics`: the hiring metrics of an integration, on the terminal."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from config.operator import OperatorConfig
    from daemon.core.analytics import Period

DAY = timedelta(hours=24)
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", help="Where the period begins: a date or a moment, in UTC.", show_default=False
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", help="Where it ends, itself not included; otherwise now.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(
        help="Look at the hiring metrics that are exported to an ATS, and export them now.",
        no_args_is_help=True,
    )
    group.command("show")(show)
    group.command("export")(export)
    app.add_typer(group, name="analytics", rich_help_panel="Looking")


def show(
    name: Annotated[str, typer.Argument(help="The integration's name.", show_default=False)],
    start: FromOption = None,
    end: ToOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an integration's hiring metrics: funnel, conversion, hiring time, sources, jobs.

    Without --from it is the last period that is over, as it was or will be exported.
    """
    from daemon.cli.session import print_json, run_async

    metrics = run_async(lambda: _counted(name, start, end, config))
    if as_json:
        print_json(metrics)
    else:
        _show(name, metrics)


def export(
    name: Annotated[str, typer.Argument(help="The integration's name.", show_default=False)],
    config: ConfigOption = None,
) -> None:
    """Send every period that is over and has not been exported yet. Exits with 1 if one fails."""
    from daemon.cli.exporting import export_now

    export_now(name, config)


async def _counted(
    name: str, start: str | None, end: str | None, config: Path | None
) -> Mapping[str, Any]:
    from daemon.cli.rendering import require_known
    from daemon.cli.session import database, operator_config, settings_for
    from daemon.runtime.clock import SystemClock
    from daemon.store.clearview_backends import ClearViewBackends
    from models.ids import integration_id

    settings = settings_for(config)
    loaded = operator_config(settings)
    require_known(name, list(loaded.value.integrations))
    period = _period(name, start, end, loaded.value)
    async with database(settings, loaded.value) as mongo:
        services = ClearViewBackends(loaded.value.clearview, mongo, SystemClock())
        try:
            return await services.metrics.metrics(integration_id(name), period)
        finally:
            await services.close()


def _period(name: str, start: str | None, end: str | None, config: "OperatorConfig") -> "Period":
    from daemon.cli.session import usage_error
    from daemon.core.analytics import Period, latest_complete
    from models.times import utc_now

    if start is None:
        if end is not None:
            raise usage_error("--to needs --from")
        analytics = config.integrations[name].analytics
        return latest_complete(utc_now(), DAY if analytics is None else analytics.every)
    period = Period(_moment(start), utc_now() if end is None else _moment(end))
    if period.start >= period.end:
        raise usage_error("--from must lie before --to")
    return period


def _moment(text: str) -> datetime:
    from datetime import UTC

    from daemon.cli.session import usage_error
    from models.times import to_milliseconds

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wanted = "a date such as 2026-11-01 or a moment such as 2026-11-01T08:00:00Z"
        raise usage_error(f'"{text}" must be {wanted}') from None
    return to_milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _show(name: str, metrics: Mapping[str, Any]) -> None:
    from daemon.cli.analytics_view import report_view
    from daemon.cli.session import out

    period = metrics.get("period") or {}
    out.print(f"{name}, {period.get('from')} to {period.get('to')}", markup=False, soft_wrap=True)
    out.print()
    out.print(report_view(metrics))
