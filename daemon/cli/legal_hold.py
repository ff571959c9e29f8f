"""`ats-sync legal-hold`: candidates who are not to be erased for now."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from daemon.cli.erase import CandidateOption, EmailOption, person_request, with_requests
from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why, such as a file number. Name no person here.")
]


def set_hold(
    reason: ReasonOption,
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    config: ConfigOption = None,
) -> None:
    """Refuse to erase a person, and keep the person's rows beyond every retention, until it is released."""
    from daemon.cli.session import out, showing_errors
    from models.errors import UserError

    wanted = person_request(candidate, email, integration)
    with showing_errors():
        held = with_requests(config, lambda requests: requests.hold(wanted, reason))
        if not held:
            raise UserError("nothing is held about this person")
    out.print(f"A legal hold is on {held} candidates.")


def release(
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    config: ConfigOption = None,
) -> None:
    """End the legal hold of a person."""
    from daemon.cli.session import out, showing_errors
    from models.errors import UserError

    wanted = person_request(candidate, email, integration)
    with showing_errors():
        released = with_requests(config, lambda requests: requests.release(wanted))
        if not released:
            remedy = "see: ats-sync legal-hold list"
            raise UserError("no legal hold is on this person", remedy=remedy)
    out.print(f"{released} legal holds released.")


def list_holds(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the legal holds, the latest first."""
    from daemon.cli.rendering import on_store
    from daemon.cli.session import show
    from daemon.runtime.clock import SystemClock
    from daemon.store.people import MongoLegalHolds

    rows = on_store(config, lambda mongo: MongoLegalHolds(mongo, SystemClock()).listed())
    show(rows, _show, as_json=as_json)


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    from daemon.cli.rendering import moment, table
    from daemon.cli.session import out

    lines = table("candidate", "since (UTC)", "reason")
    for row in rows:
        lines.add_row(str(row["_id"]), moment(row["set_at"]), row["reason"])
    out.print(lines if rows else "No legal hold is set.")
