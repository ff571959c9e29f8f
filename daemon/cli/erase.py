"""`ats-sync erase` and `ats-sync export-person`: one person's data, removed or shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, IntegrationOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from daemon.app.services import AppServices
    from daemon.core.erasure import ErasureReceipt
    from daemon.erasing.requests import PersonRequest, PersonRequests

CandidateOption = Annotated[
    str | None,
    typer.Option(
        "--candidate",
        help="ClearView's id of the candidate, or the id that the ATS gave.",
        show_default=False,
    ),
]
EmailOption = Annotated[
    str | None,
    typer.Option(
        "--email",
        help="An e-mail address: all candidates of all integrations that have or had it.",
        show_default=False,
    ),
]


ReceiptsOption = Annotated[
    Path | None,
    typer.Option(
        "--receipts",
        help="With --replay: receipts that were saved before the restore.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
SaveOption = Annotated[
    Path | None,
    typer.Option(
        "--save-receipts",
        help="Write all receipts to a file, to be kept apart from the backups of MongoDB.",
        show_default=False,
    ),
]


LiftOption = Annotated[
    bool,
    typer.Option(
        "--lift",
        help="Let imports bring an erased person again, who has applied again and agreed to it.",
    ),
]


def erase(
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="After a restore: erase again whom the backup brought back."),
    ] = False,
    receipts: ReceiptsOption = None,
    save_receipts: SaveOption = None,
    lift: LiftOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a person's data for good, and keep imports from bringing it back.

    What the ATS itself has is not touched. Repeating it is harmless.
    """
    if replay or save_receipts is not None:
        _archive(config, receipts, save_receipts)
        return
    from daemon.cli.session import show, usage_error

    wanted = person_request(candidate, email, integration)
    if lift and dry_run:
        raise usage_error("--lift has no --dry-run")
    if lift:
        _lift(config, wanted)
        return

    async def work(requests: "PersonRequests") -> "ErasureReceipt | None":
        return await (requests.plan(wanted) if dry_run else requests.erase(wanted))

    receipt = with_requests(config, work)
    found: dict[str, Any] = {"receipt": None, "counts": {}, "dry_run": dry_run}
    if receipt is not None:
        found |= {
            "receipt": None if dry_run else receipt.id,
            "candidates": receipt.candidates,
            "counts": receipt.counts,
            "requested_at": receipt.requested_at,
            "finished_at": receipt.finished_at,
        }
    show(found, lambda _: _show_receipt(receipt, dry_run=dry_run), as_json=as_json)


def _archive(config: Path | None, receipts: Path | None, save_to: Path | None) -> None:
    """Saves receipts, or erases again by them."""
    from daemon.cli.session import out

    if save_to is not None:
        _write(save_to, _with_app(config, lambda app, _: app.archive.save()))
        out.print(f"Receipts written to {save_to}.")
        return

    content = None if receipts is None else receipts.read_bytes()

    async def replay(app: "AppServices", requests: "PersonRequests") -> tuple[int, int]:
        added = 0 if content is None else await app.archive.restore(content)
        return added, await requests.replay()

    added, erased = _with_app(config, replay)
    out.print(f"Receipts added: {added}. Candidates erased again: {erased}.")


def _lift(config: Path | None, wanted: "PersonRequest") -> None:
    from daemon.cli.session import out

    lifted = with_requests(config, lambda requests: requests.lift(wanted))
    if not lifted:
        out.print("No erasure keeps this person from being imported.")
        return
    erasures = "1 erasure no longer keeps" if lifted == 1 else f"{lifted} erasures no longer keep"
    out.print(f"{erasures} this person from being imported.")
    out.print(
        "A change at the ATS brings the person; `ats-sync poll NAME --sweep` does it at once."
    )


def export_person(
    candidate: CandidateOption = None,
    email: EmailOption = None,
    integration: IntegrationOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write; otherwise standard output."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write all that is held about a person as one JSON document."""
    import json

    from daemon.cli.session import out, print_json
    from daemon.runtime.json_values import to_json

    wanted = person_request(candidate, email, integration)
    found = with_requests(config, lambda requests: requests.documents(wanted))
    if output is None:
        print_json({"collections": found})
        return
    shown = json.dumps(to_json({"collections": found}), indent=2, sort_keys=True)
    _write(output, f"{shown}\n".encode())
    documents = sum(map(len, found.values()))
    out.print(f"{documents} documents written to {output}")


def _write(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read; a pipe or a device is written to as it is."""
    from config.files import replace_file
    from daemon.cli.session import showing_errors
    from models.errors import UserError

    with showing_errors():
        try:
            if path.is_file() or not path.exists():
                replace_file(path.resolve(), content)
            else:
                path.write_bytes(content)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None


def person_request(
    candidate: str | None, email: str | None, integration: str | None
) -> "PersonRequest":
    """Returns the request that the options word, or ends with wrong usage."""
    from daemon.cli.session import usage_error
    from daemon.erasing.requests import PersonRequest
    from models.ids import integration_id

    if (candidate is None) == (email is None):
        raise usage_error("give either --candidate or --email")
    if email is not None and "@" not in email:
        raise usage_error("--email takes an e-mail address, such as someone@example.org")
    if email is not None and integration is not None:
        raise usage_error("--email covers all integrations; leave --integration out")
    scope = None if integration is None else integration_id(integration)
    return PersonRequest(candidate=candidate, email=email, integration=scope)


def with_requests(config: Path | None, work: "Callable[[PersonRequests], Awaitable[Any]]") -> Any:
    """Answers a request about a person in the name of who runs the command."""
    return _with_app(config, lambda _app, requests: work(requests))


def _with_app(
    config: Path | None, work: "Callable[[AppServices, PersonRequests], Awaitable[Any]]"
) -> Any:
    from daemon.cli.command_context import services_on
    from daemon.cli.session import run_async, settings_and_file

    async def run() -> Any:
        async with services_on(*settings_and_file(config)) as app:
            return await work(app, app.requests_by(app.audit))

    return run_async(run)


def _show_receipt(receipt: "ErasureReceipt | None", *, dry_run: bool) -> None:
    from daemon.cli.rendering import moment, table
    from daemon.cli.session import out

    if receipt is None:
        out.print("Nothing is held about this person.")
        return
    lines = table("collection", "documents", numbers=("documents",))
    for name, count in sorted(receipt.counts.items()):
        lines.add_row(name, f"{count:,}")
    out.print(lines)
    if dry_run:
        out.print("Nothing was removed. Run it without --dry-run to remove this for good.")
        return
    finished = moment(receipt.finished_at)
    out.print(f"Erased {finished} UTC, receipt {receipt.id}.")
    out.print("What the ATS has is still there: erase the person there as well.")
