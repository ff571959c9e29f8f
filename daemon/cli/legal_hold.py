"""`ats-sync legal-hold`: candidates who are not to be erased for now."""

from typing import Annotated, Any

import typer

from daemon.cli.erase import CandidateOption, EmailOption, person_request, with_requests
from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why, such as a file number. Name no person here.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(
        help="Keep candidates from being erased: set, release, list.", no_args_is_help=True
    )
    group.command("set")(set_hold)
    group.command("release")(release)
    group.command("list")(list_holds)
    app.add_typer(group, name="legal-hold", rich_help_panel="Personal data")


def set_hold(
    reason: ReasonOption,
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    config: ConfigOption = None,
) -> None:
    """Refuse to erase a person, and keep the person's rows beyond every retention, until it is released."""
    from daemon.cli.session import out
    from models.errors import UserError

    wanted = person_request(candidate, email, integration)

    async def work(requests: Any) -> int:
        held: int = await requests.hold(wanted, reason)
        if not held:
            raise UserError("nothing is held about this person")
        return held

    out.print(f"A legal hold is on {with_requests(config, work)} candidates.")


def release(
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    config: ConfigOption = None,
) -> None:
    """End the legal hold of a person."""
    from daemon.cli.session import out
    from models.errors import UserError

    wanted = person_request(candidate, email, integration)

    async def work(requests: Any) -> int:
        released: int = await requests.release(wanted)
        if not released:
            raise UserError(
                "no legal hold is on this person", remedy="see: ats-sync legal-hold list"
            )
        return released

    out.print(f"{with_requests(config, work)} legal holds released.")


def list_holds(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the legal holds, the latest first."""
    from daemon.cli.rendering import moment, store, table
    from daemon.cli.session import out, print_json, run_async
    from daemon.runtime.clock import SystemClock
    from daemon.store.legal_holds import MongoLegalHolds

    async def listed() -> Any:
        async with store(config) as mongo:
            return await MongoLegalHolds(mongo, SystemClock()).listed()

    rows = run_async(listed)
    if as_json:
        print_json(rows)
        return
    lines = table("candidate", "since (UTC)", "reason")
    for row in rows:
        lines.add_row(str(row["_id"]), moment(row["set_at"]), row["reason"])
    out.print(lines if rows else "No legal hold is set.")
