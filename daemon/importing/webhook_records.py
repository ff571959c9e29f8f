"""Records that webhook events name, read again by id and imported like any other."""

from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from connectors.values import ListFacts
from daemon.core.webhook_health import WebhookHealth
from daemon.core.webhooks import PendingEvents
from daemon.importing.context import ImportContext
from daemon.importing.deletions import delete_proved
from daemon.importing.failures import note_failures
from daemon.importing.page import import_records
from daemon.importing.records_by_id import read_by_id
from models.times import EPOCH

log = structlog.get_logger("daemon.importing.webhooks")

EVENTS_AT_ONCE = 500
"""Events whose records are read together."""
OTHERS = 3
"""Records beside those that are absent, of which the ATS has to show one."""
SHOWS_NONE = (
    "a webhook event names the record, and the ATS shows neither it nor others by their ids"
)
NOT_THERE_YET = "a webhook event names the record, but the ATS does not have it"


async def apply_webhooks(context: ImportContext) -> None:
    """Reads what waiting events name, each record once, and imports it.

    An event is applied only after everything that follows from it is durable. A kill before that
    leaves it waiting, and reading a record again changes nothing. A record that cannot be read is
    kept in `failed_records`, and holds up no other. Those that come meanwhile are the next run's: an
    ATS that sends events faster than they can be read keeps no poll from its lists.

    Raises:
        AtsError: the ATS is away or refuses the credential; the events wait for the next run.
    """
    queue, applied = context.ports.webhooks, 0
    waiting = await queue.count_pending()
    while applied < waiting and (events := await queue.pending(EVENTS_AT_ONCE)).ids:
        await _apply(context, events)
        applied += len(events.ids)
        context.run.details["webhook_events"] = applied


async def _apply(context: ImportContext, events: PendingEvents) -> None:
    """Also the applications of a candidate who is gone are read: deleted, or another's after a merge."""
    gone: list[str] = []
    for facts in sorted(context.connector.lists, key=lambda facts: facts.holds == "applications"):
        external_ids = events.of_list(facts.name)
        if gone and facts.holds == "applications":
            theirs = await context.ports.snapshots.applications_of(facts.name, gone)
            external_ids = list(dict.fromkeys([*external_ids, *theirs]))
        if external_ids and facts.reads_by_id:
            absent = await _import_again(context, facts, external_ids)
            gone += absent if facts.holds == "candidates" else []
    at = context.ports.clock.now()
    await context.ports.webhooks.applied(events.ids, run_id=context.run.id, at=at)


async def _import_again(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> Sequence[str]:
    """Returns the known records that the ATS no longer has."""
    asked_at = context.ports.clock.now()
    answers, failures = await read_by_id(context.connector, facts.name, external_ids)
    doubtful = [e for e in external_ids if e not in answers and e not in failures]
    failures |= dict.fromkeys(doubtful, "the answer of the ATS does not show the record")
    await note_failures(context, facts.name, failures)
    records = [record for record in answers.values() if record is not None]
    await import_records(context, facts, records, asked_at=asked_at)
    absent = [e for e, record in answers.items() if record is None]
    return await _settle_absent(context, facts, absent, shows_some=bool(records))


async def _settle_absent(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str], *, shows_some: bool
) -> Sequence[str]:
    """Deletes known records that the ATS, asked by id, no longer has; returns them.

    An ATS that shows none at all by id, as without a permission, proves nothing: sweeps decide then.
    One that was never imported may be so new that the ATS does not show it yet: it is read again
    like a record that failed, and forgotten if it is absent then.
    """
    known = await context.ports.snapshots.known(facts.name, external_ids)
    unknown = [external_id for external_id in external_ids if external_id not in known]
    await note_failures(context, facts.name, dict.fromkeys(unknown, NOT_THERE_YET))
    live = [external_id for external_id, one in known.items() if not one.deleted]
    if live and not (shows_some or await _shows_others(context, facts, live)):
        await note_failures(context, facts.name, dict.fromkeys(live, SHOWS_NONE))
        return []
    await delete_proved(context, facts, live)
    return list(known)  # also those of before a kill


async def _shows_others(
    context: ImportContext, facts: ListFacts, external_ids: Sequence[str]
) -> bool:
    """Returns True if the ATS shows a record that is not among these, or none other is known."""
    others: list[str] = []
    async for external_id, _ in context.ports.snapshots.live_ids(facts.name):
        if external_id not in external_ids:
            others.append(external_id)
        if len(others) == OTHERS:
            break
    if not others:
        return True
    answers, _ = await read_by_id(context.connector, facts.name, others)
    return any(record is not None for record in answers.values())


async def judge_webhooks(context: ImportContext) -> None:
    """Judges the webhooks by what the lists of a complete poll showed.

    A poll that an interrupted one began knows only half of it, and judges nothing.
    """
    if not context.rules.judges_webhooks:
        context.state.webhooks = None
        return
    before = context.state.webhooks or WebhookHealth()
    if context.run.details["resumed"]:
        context.state.webhooks = replace(before, healthy=False)
        return
    news = await context.ports.webhooks.news(before.polled_at or EPOCH)
    after = before.after_poll(context.run.started_at, context.changed_records, news)
    context.state.webhooks = after
    context.run.details["webhooks_healthy"] = after.healthy
    if before.healthy and not after.healthy:
        log.warning("webhook_gap_found", integration=context.connector.integration)
