"""`ats-sync attachments`: candidates' files on their way into ClearView."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer

from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption, LimitOption

StateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        "-s",
        help="Only files in this state; may be given more than once.",
        show_default=False,
    ),
]
IdsArgument = Annotated[
    list[UUID] | None, typer.Argument(help="The files' ids.", show_default=False)
]
DeadOption = Annotated[bool, typer.Option("--dead", help="All that were given up, instead of ids.")]


def list_files(
    state: StateOption = None,
    integration: IntegrationOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List files, the last changed first. Their names are in ClearView only."""
    from daemon.cli.rendering import on_admin, require_states
    from daemon.cli.session import show
    from daemon.store.attachment_admin import STATES, FileFilter, MongoAttachmentAdmin

    require_states(state, STATES, "file")
    which = FileFilter(tuple(state) if state else None, integration)

    async def read(admin: MongoAttachmentAdmin) -> tuple[list[dict[str, Any]], int]:
        return await admin.listed(which, limit=limit), await admin.count(which)

    rows, count = on_admin(config, MongoAttachmentAdmin, read, integration=integration)
    show(rows, lambda shown: _show_rows(shown, count), as_json=as_json)


def retry(
    ids: IdsArgument = None,
    integration: IntegrationOption = None,
    dead: DeadOption = False,
    config: ConfigOption = None,
) -> None:
    """Make files due now: given by id, all that were given up, or all of an integration that wait.

    A running daemon fetches them within seconds.
    """
    from daemon.cli.rendering import on_admin
    from daemon.cli.session import EXIT_FAILED, out, usage_error
    from daemon.store.attachment_admin import RETRIED, FileFilter, MongoAttachmentAdmin

    if not (ids or integration or dead):
        raise usage_error("say which files: ids, --dead or --integration")
    states = ("dead",) if dead else RETRIED
    which = FileFilter(states, integration, tuple(ids) if ids else None)

    async def work(admin: MongoAttachmentAdmin) -> int:
        return await admin.retry(which)

    count = on_admin(config, MongoAttachmentAdmin, work, integration=integration)
    out.print(f"{count} files are due again.")
    if ids and count < len(set(ids)):
        raise typer.Exit(EXIT_FAILED)


def _show_rows(rows: Sequence[dict[str, Any]], count: int) -> None:
    from daemon.cli.rendering import colored, table
    from daemon.cli.session import out

    lines = table("id", "state", "kind", "bytes", "tries", "last error", numbers=("bytes", "tries"))
    for row in rows:
        size = "" if row.get("size") is None else f"{row['size']:,}"
        tries, error = str(row.get("attempts") or 0), row.get("last_error") or ""
        lines.add_row(str(row["_id"]), colored(row["state"]), row["kind"], size, tries, error)
    out.print(lines)
    out.print(f"{len(rows)} of {count:,} files.")
