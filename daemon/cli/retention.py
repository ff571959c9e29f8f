"""`ats-sync retention`: the periods for which rows are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption


def retention(
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Set the periods of the YAML file now, and erase the deleted candidates that are due.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how long rows are kept, what is in force, and what waits to be deleted."""
    from daemon.cli.session import run_async, show

    show(run_async(lambda: _retention(config, apply=apply)), _show, as_json=as_json)


def _worded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns periods as the YAML file has them."""
    from datetime import timedelta

    from config.durations import format_duration

    return {k: format_duration(v) if isinstance(v, timedelta) else v for k, v in row.items()}


async def _retention(config: Path | None, *, apply: bool) -> Mapping[str, Any]:
    from msgspec.structs import asdict

    from daemon.cli.command_context import renewed_leases, services_on
    from daemon.cli.session import settings_and_file
    from daemon.store.people import MongoDeletedCandidates

    settings, file = settings_and_file(config)
    wanted, erased = file.retention, 0
    async with services_on(settings, file, prepare=apply) as app:
        if apply:
            await app.retention.apply(wanted)
            async with renewed_leases(app):
                erased = await app.erase_deleted_candidates(wanted.deleted_candidates)
        now = app.clock.now()
        kept = await app.retention.inspect(wanted, now)
        deleted = MongoDeletedCandidates(app.mongo)
        return {
            "collections": [_worded(asdict(one)) for one in kept],
            "deleted_candidates": _worded(
                {
                    "wanted": wanted.deleted_candidates,
                    "erased": erased,
                    "expired": await deleted.count(now - wanted.deleted_candidates),
                }
            ),
        }


def _show(found: Mapping[str, Any]) -> None:
    from daemon.cli.rendering import table
    from daemon.cli.session import out

    lines = table("collection", "setting", "kept", "in force", "older", numbers=("older",))
    for one in found["collections"]:
        in_force = one["in_force"] or "for ever"
        older = f"{one['expired']:,}"
        lines.add_row(one["collection"], one["setting"], one["wanted"], in_force, older)
    out.print(lines)
    deleted = found["deleted_candidates"]
    after = deleted["wanted"]
    out.print(f"Candidates that the ATS no longer has are erased after {after}.")
    out.print(f"{deleted['erased']:,} erased now, {deleted['expired']:,} records are due.")
