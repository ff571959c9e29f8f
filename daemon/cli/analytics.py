"""`ats-sync analytics`: the hiring metrics of an integration, on the terminal."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption, NameArgument

if TYPE_CHECKING:
    from config.operator import OperatorConfig
    from daemon.core.analytics import ExportOutcome, Period

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


def show_metrics(
    name: NameArgument,
    start: FromOption = None,
    end: ToOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an integration's hiring metrics: funnel, conversion, hiring time, sources, jobs.

    Without --from it is the last period that is over, as it was or will be exported.
    """
    from daemon.cli.session import run_async, show

    metrics = run_async(lambda: _counted(name, start, end, config))
    show(metrics, lambda shown: _show(name, shown), as_json=as_json)


def export(name: NameArgument, config: ConfigOption = None) -> None:
    """Send every period that is over and has not been exported yet. Exits with 1 if one fails."""
    from daemon.cli.session import EXIT_FAILED, out, run_async

    outcome = run_async(lambda: _exported(name, config))
    for period in outcome.exported:
        out.print(f"exported {period.key}")
    if outcome.reason is not None or not outcome.exported:
        out.print(outcome.reason or "no period is due")
    if not outcome.ok:
        raise typer.Exit(EXIT_FAILED)


async def _exported(name: str, config: Path | None) -> "ExportOutcome":
    from daemon.app.jobs import export_job
    from daemon.cli.command_context import command_context
    from daemon.cli.session import usage_error

    async with command_context(name, config) as on:
        wanted = on.checked.loaded.value.integrations[name]
        if wanted.analytics is None:
            raise usage_error(
                f"integrations.{name} has no `analytics`: nothing is exported to this ATS"
            )
        async with on.connected() as (connector, _):
            job = export_job(on.app, wanted, connector)
            assert job is not None, "it is configured"
            return await job.run(at_once=True)


async def _counted(
    name: str, start: str | None, end: str | None, config: Path | None
) -> Mapping[str, Any]:
    from daemon.cli.command_context import services_on
    from daemon.cli.rendering import require_known
    from daemon.cli.session import settings_and_file
    from models.ids import integration_id

    settings, file = settings_and_file(config)
    require_known(name, list(file.integrations))
    period = _period(name, start, end, file)
    async with services_on(settings, file) as app:
        return await app.services.metrics.metrics(integration_id(name), period)


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
    out.print(f"{name}, {period.get('from')} to {period.get('to')}", soft_wrap=True)
    out.print()
    out.print(report_view(metrics))
