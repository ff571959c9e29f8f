"""Candidates that the ATS has anonymised: with the policy `erase` they are erased here as well.

The ATS keeps their records. These are left out, now and later: the receipt has hashes of their ids.
"""

from connectors.values import ListFacts
from daemon.core.erasure import PersonIds
from daemon.importing.context import ImportContext
from daemon.importing.deletions import judge_named, raise_brake
from daemon.importing.erased import without_records
from daemon.importing.prepared_page import PreparedPage


async def erase_anonymised(
    context: ImportContext, facts: ListFacts, prepared: PreparedPage
) -> PreparedPage:
    """Erases the candidates of a page that are anonymised; returns the page without their records.

    More than `deletions.max_percent` of a list are not believed: they are imported as they are, and an
    alert asks a person.
    """
    if context.rules.deletions != "erase":
        return prepared
    found = {
        mapped.external_id: str(mapped.candidate["external_id"])
        for mapped, _ in prepared.changed
        if mapped.is_anonymised and mapped.candidate is not None
    }
    context.anonymised.update(found.values())
    if not found:
        return prepared
    blocked = await judge_named(context, facts, len(context.anonymised))
    if blocked is not None:
        await raise_brake(context, facts, blocked)
        return prepared
    people = PersonIds(context.integration_id, frozenset(found.values()))
    await context.ports.erasures.erase_deleted(people, reason="anonymised")
    return without_records(prepared, found)
