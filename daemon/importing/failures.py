"""Failures of an import: records, logged, kept and tried again; lists, and their stored positions."""

from collections.abc import Mapping, Sequence

from connectors.errors import (
    AtsError,
    AuthRefused,
    BrokenAnswer,
    Forbidden,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from daemon.core.alert_texts import dead_records
from daemon.core.import_log import LogLine
from daemon.core.poll_state import FailureCause, PageInFlight
from daemon.core.unexpected import unexpected as describe
from daemon.importing.context import ImportContext
from daemon.importing.erased import KnownIds, remove_erased

MANY = 10
"""From this many failing records on a person should look, whatever the size of the account."""
A_FEW, MANY_SHARE = 3, 0.1
"""From this many on, too, where they are this share of the account."""


def are_many(failing: int, *, seen: int | None) -> bool:
    """Returns True if so many records fail that a person should look.

    `seen` is how many records a complete listing showed; None where none was read.
    """
    a_large_share = seen is not None and failing >= max(A_FEW, seen * MANY_SHARE)
    return failing >= MANY or a_large_share


def note_unidentified(context: ImportContext, list_name: str, reasons: Sequence[str]) -> None:
    """Counts records without a usable id: they can be neither stored nor retried."""
    if reasons:
        context.run.counts.failed += len(reasons)
        context.unidentified[list_name] += len(reasons)
        context.run.details["records_without_id"] = dict(context.unidentified)


def unexpected(error: BaseException) -> str:
    """Returns an error as type and line, without its text: that may quote the record."""
    return f"unexpected {describe(error)}"


async def set_aside(context: ImportContext, page: PageInFlight, reason: str) -> None:
    """Sets aside the records of a page that cannot be written at all.

    Records that ClearView refuses one by one are taken back by `daemon.importing.apply`. These are
    as unknown as before the page, and retried like any record that failed.
    """
    await context.ports.snapshots.forget(page.list_name, page.external_ids, page.import_id)
    await note_failures(context, page.list_name, dict.fromkeys(page.external_ids, reason))


async def note_failures(
    context: ImportContext, list_name: str, failures: Mapping[str, str]
) -> None:
    """Logs each record as `Failed`, and keeps it for another try.

    One that is listed again before it is due, and fails as before, is no new try: a poll's
    overlap lists the latest records every time.
    """
    if not failures:
        return
    ports, now = context.ports, context.ports.clock.now()
    context.run.counts.failed += len(failures)
    waiting = await ports.failed.waiting(list_name, failures, now=now)
    tried = {e: reason for e, reason in failures.items() if e not in waiting}
    await ports.history.record(
        walk_id=context.walk.id,
        run_id=context.run.id,
        at=now,
        lines=[
            LogLine(external_id, "updated", status="Failed", error=reason)
            for external_id, reason in tried.items()
        ],
        changes=[],
    )
    died = [
        await ports.failed.add(list_name, external_id, error=reason, now=now)
        for external_id, reason in tried.items()
    ]
    await remove_erased(context, list_name, map(KnownIds, tried))
    if any(died):
        await ports.alerts.raise_condition(
            dead_records(context.of, records=await ports.failed.dead())
        )


def note_list_failure(context: ImportContext, list_name: str, error: Exception) -> None:
    """Counts the failure at the list's position, and names the list if that is forgotten."""
    if context.walk.failed(list_name, cause_of(error)):
        context.run.details.setdefault("positions_forgotten", []).append(list_name)


def cause_of(error: Exception) -> FailureCause:
    """Distinguishes an outage from a failure that the position itself may cause."""
    match error:
        case AtsError(operation="token"):
            return "outage"  # nothing was asked of the list itself
        case RateLimited() | AuthRefused() | Forbidden() | OutcomeUnknown():
            return "outage"
        case Unavailable():
            return "outage" if error.status is None else "answer"
        case BrokenAnswer():
            return "answer"
        case AtsError():
            return "refusal"
        case _:
            return "unexpected"
