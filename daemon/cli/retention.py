"""`ats-sync retention`: the periods for which rows are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from config.operator_retention import Retention
    from daemon.app.services import AppServices


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("retention", rich_help_panel="Personal data")(retention)


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
    from daemon.cli.session import print_json, run_async

    found = run_async(lambda: _retention(config, apply=apply))
    if as_json:
        print_json(_in_words(found))
    else:
        _show(found)


def _in_words(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns periods as the YAML file has them."""
    from datetime import timedelta

    import msgspec

    from config.durations import format_duration

    def worded(row: Mapping[str, Any]) -> dict[str, Any]:
        return {k: format_duration(v) if isinstance(v, timedelta) else v for k, v in row.items()}

    rows = [worded(msgspec.structs.asdict(one)) for one in found["collections"]]
    return {"collections": rows, "deleted_candidates": worded(found["deleted_candidates"])}


async def _retention(config: Path | None, *, apply: bool) -> Mapping[str, Any]:
    from daemon.app.services import AppServices
    from daemon.cli.session import audit_actor, database, operator_config, settings_for
    from daemon.store.people import MongoDeletedCandidates

    settings = settings_for(config)
    loaded = operator_config(settings)
    wanted = loaded.value.retention
    async with database(settings, loaded.value, prepare=apply) as mongo:
        app = AppServices(
            mongo,
            loaded.value.clearview,
            encryption_key=settings.encryption_key,
            actor=audit_actor(),
        )
        try:
            erased = await _apply(app, wanted) if apply else 0
            now = app.clock.now()
            deleted = MongoDeletedCandidates(mongo)
            return {
                "collections": await app.retention.inspect(wanted, now),
                "deleted_candidates": {
                    "wanted": wanted.deleted_candidates,
                    "erased": erased,
                    "expired": await deleted.count(now - wanted.deleted_candidates),
                },
            }
        finally:
            await app.services.close()


async def _apply(app: "AppServices", wanted: "Retention") -> int:
    import asyncio

    await app.retention.apply(wanted)
    done = asyncio.Event()
    renewing = asyncio.create_task(app.leases.run(done), name="leases")
    try:
        return await app.erase_deleted_candidates(wanted.deleted_candidates)
    finally:
        done.set()
        await renewing


def _show(found: Mapping[str, Any]) -> None:
    from config.durations import format_duration
    from daemon.cli.rendering import table
    from daemon.cli.session import out

    lines = table("collection", "setting", "kept", "in force", "older", numbers=("older",))
    for one in found["collections"]:
        in_force = "for ever" if one.in_force is None else format_duration(one.in_force)
        kept = format_duration(one.wanted)
        lines.add_row(one.collection, one.setting, kept, in_force, f"{one.expired:,}")
    out.print(lines)
    deleted = found["deleted_candidates"]
    period = format_duration(deleted["wanted"])
    out.print(f"Candidates that the ATS no longer has are erased after {period}.", markup=False)
    out.print(f"{deleted['erased']:,} erased now, {deleted['expired']:,} records are due.")
