"""`analytics export`: the periods that are due, sent now."""

from pathlib import Path

import typer

from daemon.app.jobs import export_job
from daemon.cli.command_context import CommandContext, command_context
from daemon.cli.poll_progress import Watcher
from daemon.cli.session import EXIT_FAILED, out, run_async, usage_error


def export_now(name: str, config: Path | None) -> None:
    """Export what is due.

    Raises:
        typer.Exit: 1 if a period could not be exported, 2 if none is asked for.
    """

    async def work() -> bool:
        async with command_context(name, config) as on:
            if on.checked.loaded.value.integrations[name].analytics is None:
                raise usage_error(
                    f"integrations.{name} has no `analytics`: nothing is exported to this ATS"
                )
            return await _export(on)

    if not run_async(work):
        raise typer.Exit(EXIT_FAILED)


async def _export(on: CommandContext) -> bool:
    wanted = on.checked.loaded.value.integrations[on.name]
    with Watcher(on.name) as watcher:
        connector = on.connector(watcher)
        await connector.open()
        try:
            job = export_job(on.app, wanted, connector)
            if job is None:
                return True
            outcome = await job.run(at_once=True)
        finally:
            await connector.close()
    for period in outcome.exported:
        out.print(f"exported {period.key}", markup=False)
    if outcome.reason is not None or not outcome.exported:
        out.print(outcome.reason or "no period is due", markup=False)
    return outcome.ok
