"""Records that webhook events name, read again by id and imported like any other."""

from collections.abc import Sequence

from connectors.connector import ListFacts
from daemon.core.poll_state import Deleting
from daemon.importing.context import ImportContext
from daemon.importing.deletions import delete_records
from daemon.importing.failures import note_failures
from daemon.importing.page import import_records
from daemon.importing.retry import read_by_id

EVENTS_AT_ONCE = 500
"""Events of one run; the next run takes the others."""


async def apply_webhooks(context: ImportContext) -> None:
    """Reads what waiting events name, each record once, and imports it.

    An event is applied only after everything that follows from it is durable. A kill before that
    leaves it waiting, and reading a record again changes nothing.

    Raises:
        AtsError: the ATS is away or refuses the credential; the events wait for the next run.
    """
    ports = context.ports
    events = await ports.webhooks.pending(EVENTS_AT_ONCE)
    if not events.ids:
        return
    for facts in context.connector.lists:
        external_ids = events.of_list(facts.name)
        if external_ids and facts.reads_by_id:
            await _import_again(context, facts, external_ids)
    await ports.webhooks.applied(events.ids, run_id=context.run.id, at=ports.clock.now())
    context.run.details["webhook_events"] = len(events.ids)


async def _import_again(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> None:
    asked_at = context.ports.clock.now()
    answers, failures = await read_by_id(context.connector, facts.name, external_ids)
    await note_failures(context, facts.name, failures)
    records = [record for record in answers.values() if record is not None]
    await import_records(context, facts, records, asked_at=asked_at)
    await _delete(context, facts, [e for e, record in answers.items() if record is None])


async def _delete(context: ImportContext, facts: ListFacts, external_ids: Sequence[str]) -> None:
    """Deletes records that the ATS, asked by id, no longer has."""
    if not external_ids or context.rules.deletions == "ignore":
        return
    known = await context.ports.snapshots.known(facts.name, external_ids)
    gone = [external_id for external_id, one in known.items() if not one.deleted]
    if gone:
        context.state.deleting = Deleting(facts.name, tuple(gone))
        await context.save()
        await delete_records(context, facts, gone)
        context.state.deleting = None
