"""Deletions that an ATS lists by themselves: found by every poll, and not only by a sweep."""

import structlog

from connectors.errors import AtsError, AuthRefused
from connectors.values import Cursor, ListFacts, Window
from daemon.importing.context import ImportContext
from daemon.importing.deletions import BY_ID_BATCH, batches, delete_proved, judge_named, live_among
from daemon.importing.records_by_id import read_by_id

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
    live, next_cursor = await _listed(context, facts, deleted_by)
    if await judge_named(context, facts, len(live)) is not None:
        # A sweep decides on them: its own guard then stops, and its alert asks a person.
        context.run.details["deletions_left_to_a_sweep"] = len(live)
        return
    in_doubt = False
    for batch in batches(live, BY_ID_BATCH):
        answers, _ = await read_by_id(context.connector, facts.name, batch)
        await delete_proved(context, facts, [e for e in answers if answers[e] is None])
        in_doubt = in_doubt or len(answers) < len(batch)
    if next_cursor is not None and not in_doubt:
        context.state.cursors[deleted_by] = next_cursor


async def _listed(
    context: ImportContext, facts: ListFacts, deleted_by: str
) -> tuple[list[str], Cursor | None]:
    """Returns the listed records that ClearView still has, and the cursor after them."""
    cursor = context.state.cursors.get(deleted_by)
    window = Window() if cursor is None else Window(cursor, context.rules.overlap)
    live: dict[str, None] = {}
    next_cursor: Cursor | None = None
    async for page in context.connector.pages(deleted_by, window):
        ids = [record.external_id for record in page.records]
        live |= dict.fromkeys(await live_among(context, facts, ids))
        next_cursor = page.next_cursor
    return list(live), next_cursor
