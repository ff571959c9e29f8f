"""`ats-sync outbox`: the status changes on their way to an ATS."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption, LimitOption

if TYPE_CHECKING:
    from daemon.store.outbox_admin import MongoOutboxAdmin, OutboxFilter, Ruling

StateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        "-s",
        help="Only pushes in this state; may be given more than once.",
        show_default=False,
    ),
]
ApplicationOption = Annotated[
    UUID | None,
    typer.Option("--application", help="Only this application.", show_default=False),
]
OlderOption = Annotated[
    str | None,
    typer.Option(
        "--older-than", help="Only pushes older than this, such as 2h.", show_default=False
    ),
]
IdArgument = Annotated[UUID, typer.Argument(help="The push's id.", show_default=False)]
IdsArgument = Annotated[
    list[UUID] | None, typer.Argument(help="The pushes' ids.", show_default=False)
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Take all that the other options leave, instead of ids.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only shown.")]


def list_pushes(
    state: StateOption = None,
    integration: IntegrationOption = None,
    application: ApplicationOption = None,
    older_than: OlderOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List pushes, the latest first."""
    from daemon.cli.rendering import on_admin
    from daemon.cli.session import show
    from daemon.store.outbox_admin import MongoOutboxAdmin

    which = _filter(state, integration, application, older_than)

    async def read(outbox_admin: MongoOutboxAdmin) -> tuple[list[dict[str, Any]], int]:
        page = await outbox_admin.listed(which, limit=limit)
        return page.rows, await outbox_admin.count(which)

    rows, count = on_admin(config, MongoOutboxAdmin, read, integration=integration)
    show(rows, lambda shown: _show_rows(shown, count), as_json=as_json)


def show_push(entry: IdArgument, config: ConfigOption = None) -> None:
    """Show one push as JSON, with what the log has about its event."""
    from daemon.cli.rendering import on_admin
    from daemon.cli.session import print_json
    from daemon.store.outbox_admin import MongoOutboxAdmin
    from models.errors import UserError

    async def read(outbox_admin: MongoOutboxAdmin) -> Any:
        found = await outbox_admin.shown(entry)
        if found is None:
            raise UserError("no push has this id", remedy="see: ats-sync outbox list")
        return found

    print_json(on_admin(config, MongoOutboxAdmin, read))


def replay(
    ids: IdsArgument = None,
    every: AllOption = False,
    integration: IntegrationOption = None,
    application: ApplicationOption = None,
    older_than: OlderOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Send dead letters again. Each ATS is read first, so nothing is done twice.

    With ids it is done at once; with --all only with --yes.
    """
    from daemon.store.outbox_admin import MongoOutboxAdmin

    which = _filter(["dead"], integration, application, older_than)
    _require_choice(ids, every, which)
    if ids or yes:
        _decide(config, ids, which, MongoOutboxAdmin.replay, "due again")
    else:
        _decide(config, ids, which, MongoOutboxAdmin.may_replay, "would be due again")
        _say_dry_run()


def drop(
    ids: IdsArgument = None,
    every: AllOption = False,
    state: StateOption = None,
    integration: IntegrationOption = None,
    application: ApplicationOption = None,
    older_than: OlderOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """End pushes without sending them: the ATS keeps its status, ClearView keeps its own.

    Takes pushes that wait and dead letters; with --all only dead letters, unless --state says
    otherwise. Nothing is dropped without --yes.
    """
    from daemon.store.outbox_admin import MongoOutboxAdmin

    which = _filter(state or ["dead"], integration, application, older_than)
    _require_choice(ids, every, which)
    if yes:
        _decide(config, ids, which, MongoOutboxAdmin.drop, "dropped")
    else:
        _decide(config, ids, which, MongoOutboxAdmin.may_drop, "would be dropped")
        _say_dry_run()


def _filter(
    states: Sequence[str] | None,
    integration: str | None,
    application: UUID | None,
    older_than: str | None,
) -> "OutboxFilter":
    from config.durations import parse_duration
    from daemon.cli.rendering import require_states
    from daemon.cli.session import usage_error
    from daemon.store.outbox_admin import STATES, OutboxFilter
    from models.times import utc_now

    require_states(states, STATES, "push")
    try:
        before = None if older_than is None else utc_now() - parse_duration(older_than)
    except (ValueError, OverflowError) as error:
        raise usage_error(f"--older-than {older_than}: {error}") from None
    return OutboxFilter(tuple(states) if states else None, integration, application, before)


def _require_choice(ids: Sequence[UUID] | None, every: bool, which: "OutboxFilter") -> None:
    from daemon.cli.session import usage_error

    if bool(ids) == every:
        raise usage_error("give either ids or --all")
    if ids and (which.integration, which.application, which.before) != (None, None, None):
        raise usage_error("ids say everything; leave out the other choices")


def _decide(
    config: Path | None,
    ids: Sequence[UUID] | None,
    which: "OutboxFilter",
    rule: "Callable[[MongoOutboxAdmin, UUID], Awaitable[Ruling]]",
    granted: str,
) -> None:
    """Rule on each push and say what became of it; exits with 1 if any was refused."""
    from daemon.cli.rendering import on_admin
    from daemon.cli.session import EXIT_FAILED, err, out
    from daemon.store.outbox_admin import MongoOutboxAdmin

    async def work(outbox_admin: MongoOutboxAdmin) -> "list[Ruling]":
        wanted = list(ids) if ids else await outbox_admin.ids(which)
        return [await rule(outbox_admin, entry) for entry in wanted]

    rulings = on_admin(config, MongoOutboxAdmin, work, integration=which.integration)
    for one in rulings:
        if one.refusal is None:
            out.print(f"{one.id}  {granted}")
        else:
            err.print(f"{one.id}  {one.sentence}")
    refused = sum(one.refusal is not None for one in rulings)
    out.print(f"{len(rulings) - refused} {granted}, {refused} refused.")
    if refused:
        raise typer.Exit(EXIT_FAILED)


def _say_dry_run() -> None:
    from daemon.cli.session import out

    out.print("Nothing was changed. Add --yes to do it.")


def _show_rows(rows: Sequence[dict[str, Any]], count: int) -> None:
    from daemon.cli.rendering import colored, moment, table
    from daemon.cli.session import out

    lines = table("id", "made (UTC)", "state", "change", "tries")
    for row in rows:
        state = colored(row["state"]) + (f" {row['reason']}" if row.get("reason") else "")
        change = f"{row.get('expected_status') or '?'} -> {row['target_status']}"
        made = moment(row["created_at"])[5:]
        lines.add_row(str(row["_id"]), made, state, change, str(row["attempts"]))
    out.print(lines)
    out.print(f"{len(rows)} of {count:,} pushes.")
