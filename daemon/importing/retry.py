"""Records that failed before: read once more by id, when their time has come."""

from collections.abc import Sequence

from connectors.connector import Connector, ListFacts, RawRecord
from connectors.errors import AtsError, AuthRefused, Transient
from daemon.importing.context import ImportContext
from daemon.importing.failures import note_failures, unexpected
from daemon.importing.page import import_records

Answers = dict[str, RawRecord | None]


async def retry_failed(context: ImportContext) -> None:
    """Reads and imports the due records of every list that can be read by id.

    Raises:
        AtsError: the ATS is away, or refuses the credential.
    """
    for facts in context.connector.lists:
        if not facts.reads_by_id:
            continue
        due = await context.ports.failed.due(facts.name, context.ports.clock.now())
        if due:
            await _retry(context, facts, due)


async def _retry(context: ImportContext, facts: ListFacts, external_ids: Sequence[str]) -> None:
    asked_at = context.ports.clock.now()
    answers, failures = await read_by_id(context.connector, facts.name, external_ids)
    await note_failures(context, facts.name, failures)
    gone = [e for e in external_ids if e in answers and answers[e] is None]
    await context.ports.failed.remove(facts.name, gone)
    context.state.forget_unread(facts.name, gone)
    records = [record for record in answers.values() if record is not None]
    await import_records(
        context, facts, records, asked_at=asked_at, failing=frozenset(external_ids)
    )


async def read_by_id(
    connector: Connector, list_name: str, external_ids: Sequence[str]
) -> tuple[Answers, dict[str, str]]:
    """Returns the answers, and the reasons of ids that could not be read.

    An id that fails does not fail the others.
    """
    try:
        return dict(await connector.fetch(list_name, external_ids)), {}
    except (Transient, AuthRefused):
        raise
    except Exception as error:  # noqa: BLE001  # an odd id may meet any error of a definition
        if len(external_ids) == 1:
            reason = f"{error}" if isinstance(error, AtsError) else unexpected(error)
            return {}, {external_ids[0]: reason}
    half = len(external_ids) // 2
    one, one_failed = await read_by_id(connector, list_name, external_ids[:half])
    other, other_failed = await read_by_id(connector, list_name, external_ids[half:])
    return one | other, one_failed | other_failed
