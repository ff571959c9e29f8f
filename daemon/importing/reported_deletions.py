"""Deletions that an ATS lists by themselves: found by every poll, and not only by a sweep."""

import structlog

from connectors.connector import Cursor, ListFacts, Window
from connectors.errors import AtsError, AuthRefused
from daemon.importing.context import ImportContext
from daemon.importing.deletions import delete_proved, live_among
from daemon.importing.retry import read_by_id

log = structlog.get_logger(__name__)


async def delete_reported(context: ImportContext) -> None:
    """Reads the lists of deleted records, and deletes those that the ATS no longer has by id.

    A list of deletions that cannot be read does not fail the run: the next one reads it from the
    same cursor, and a sweep finds the deletions as well. `sync_runs.details.deletions_not_read`
    names it.

    Raises:
        AuthRefused: the ATS refuses the credential.
    """
    for facts in context.connector.lists:
        if facts.deleted_by is None:
            continue
        try:
            await _delete_of(context, facts, facts.deleted_by)
        except AuthRefused:
            raise
        except AtsError as error:
            name = context.connector.integration
            log.warning("deletions_not_read", integration=name, list=facts.deleted_by)
            context.run.details["deletions_not_read"] = f"{facts.deleted_by}: {error}"


async def _delete_of(context: ImportContext, facts: ListFacts, deleted_by: str) -> None:
    state = context.state
    cursor = state.cursors.get(deleted_by)
    window = Window() if cursor is None else Window(cursor, context.rules.overlap)
    next_cursor: Cursor | None = None
    async for page in context.connector.pages(deleted_by, window):
        listed = [record.external_id for record in page.records]
        live = await live_among(context, facts, listed)
        if live:
            answers, _ = await read_by_id(context.connector, facts.name, live)
            await delete_proved(
                context, facts, [e for e in live if e in answers and not answers[e]]
            )
        next_cursor = page.next_cursor
    if next_cursor is not None:
        state.cursors[deleted_by] = next_cursor
