"""Commands that show what is going on, and what has been: `status` and `history`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption

if TYPE_CHECKING:
    from daemon.store.candidate_history import Subject
    from daemon.store.connection import Mongo

Row = Mapping[str, Any]
LONGEST = 48


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every integration: its state, its last runs, what waits, and open alerts."""
    from daemon.cli.rendering import on_store
    from daemon.cli.session import show
    from daemon.cli.status_view import show_status
    from daemon.runtime.clock import SystemClock
    from daemon.store.overview import Overview

    picture = on_store(config, lambda mongo: Overview(mongo, SystemClock()).everything())
    show(picture, show_status, as_json=as_json)


def history(
    candidate: Annotated[
        str,
        typer.Argument(
            help="ClearView's id of the candidate, or the id that the ATS gave.", show_default=False
        ),
    ],
    integration: IntegrationOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what happened to one candidate: when, on which side, what, and in which run."""
    from daemon.cli.rendering import on_store
    from daemon.cli.session import show
    from daemon.store.candidate_history import MongoCandidateHistory

    async def read(mongo: "Mongo") -> Row:
        history = MongoCandidateHistory(mongo)
        subject = _the_one(candidate, await history.find(candidate, integration=integration))
        return {
            "candidate": subject,
            "applications": await history.applications(subject.id),
            "events": await history.events(subject.id),
        }

    show(on_store(config, read, integration=integration), _show_history, as_json=as_json)


def _the_one(name: str, found: "Sequence[Subject]") -> "Subject":
    from models.errors import UserError

    if not found:
        raise UserError(
            f'nothing is recorded about a candidate "{name}"',
            remedy="give ClearView's id of the candidate, or exactly the id that the ATS gave",
        )
    if len(found) > 1:
        named = ", ".join(sorted(one.integration or str(one.id) for one in found))
        raise UserError(
            f'"{name}" means a candidate in each of: {named}', remedy="choose with --integration"
        )
    return found[0]


def _show_history(found: Row) -> None:
    from daemon.cli.rendering import moment, table
    from daemon.cli.session import out

    subject = found["candidate"]
    facts = (subject.name, subject.integration, subject.external_id, str(subject.id))
    out.print(" · ".join(filter(None, facts)), soft_wrap=True)
    for one in found["applications"]:
        job = _named(one.get("job")) or one.get("external_id")
        line = f"  {job}: {one.get('status')} ({_named(one.get('stage'))})"
        out.print(line)
    lines = table("when (UTC)", "side", "what", "run")
    for event in found["events"]:
        run = str(event["run_id"])[:8] if event["run_id"] else ""
        lines.add_row(moment(event["at"]), event["by"], sentence(event), run)
    out.print(lines)


def _named(part: object) -> object:
    """The name of a job or stage; people may have written something else there."""
    return part.get("name") if isinstance(part, Mapping) else None


def sentence(event: Row) -> str:
    """Returns what happened, in one line or two."""
    match event["kind"]:
        case "change":
            return f"{event['path']}: {_short(event['old'])} -> {_short(event['new'])}"
        case "import":
            fields = f" ({', '.join(event['changed_fields'])})" if event["changed_fields"] else ""
            failed = f": {event['error_message']}" if event["error_message"] else ""
            return f"import {event['outcome']}: {event['change']}{fields}{failed}"
        case "status_update":
            why = f" ({event['reason']})" if event["reason"] else ""
            return f"push {event['outcome']}: {event['previous_status']} -> {event['status']}{why}"
    decided = f"{event['winner']} won" if event["winner"] else f"{event['state']}, no side won"
    return (
        f"conflict: from {event['base']} to {event['ats']} at the ATS and to "
        f"{event['clearview']} in ClearView; {decided}"
    )


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
