"""Records that a push has moved and that no list has shown since are read by id."""

import structlog

from connectors.errors import AtsError, AuthRefused
from connectors.values import ListFacts
from daemon.importing.context import ImportContext
from daemon.importing.page import import_records
from daemon.importing.retry import read_by_id

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""Records of a list that one poll reads."""


async def compare_pushed(context: ImportContext) -> None:
    """Compares them with the ATS, so that a push that it did not make is found.

    A list that shows only what changed does not show a record of which nothing changed.
    """
    for facts in context.connector.lists:
        if facts.reads_by_id and facts.holds != "candidates":
            await _compare(context, facts)


async def _compare(context: ImportContext, facts: ListFacts) -> None:
    ports = context.ports
    began = context.run.started_at
    external_ids = await ports.snapshots.pushed(facts.name, before=began, limit=AT_ONCE)
    if not external_ids:
        return
    asked_at = ports.clock.now()
    try:
        answers, _ = await read_by_id(context.connector, facts.name, external_ids)
    except AuthRefused:
        raise
    except AtsError as error:
        # The next poll reads them again; the records of the lists are imported all the same.
        name = context.connector.integration
        log.info("pushed_records_not_read", integration=name, error=type(error).__name__)
        return
    records = [record for record in answers.values() if record is not None]
    await import_records(context, facts, records, asked_at=asked_at)
