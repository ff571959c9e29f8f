"""Reports of a run beside its counts: issues of reading, failing records, unmapped stages."""

from collections.abc import Sequence

from connectors.values import ReadIssue
from daemon.core.alert_texts import import_incomplete, records_failing, unmapped_stages
from daemon.core.conditions import AlertKind, alert_key
from daemon.importing.context import ImportContext
from daemon.importing.failures import are_many, cause_of

_NO_ALERT = frozenset({"body", "key"})
"""Nothing is missing of what the ATS answered."""
NAMED = 20
"""At most this many issues are named on a run; the rest are counted."""


def not_read(issues: Sequence[ReadIssue]) -> str:
    """Returns the run's message: the parts that were passed over."""
    named = "; ".join(f"{issue.name}: {issue.reason}" for issue in issues[:NAMED])
    more = f"; and {len(issues) - NAMED} more" if len(issues) > NAMED else ""
    return f"not everything could be read: {named}{more}"


def name_issues(context: ImportContext, issues: Sequence[ReadIssue]) -> None:
    """Names them on the run."""
    if issues:
        context.run.details["issues"] = [
            {"kind": one.kind, "name": one.name, "reason": one.reason, "count": one.count}
            for one in issues[:NAMED]
        ]
        context.run.details["issue_count"] = sum(issue.count for issue in issues)


async def report_issues(
    context: ImportContext, issues: Sequence[ReadIssue], failure: Exception | None
) -> None:
    """Names them on the run, and keeps one alert open while any of them loses something.

    `failure` is the error that ended a list. An outage has an alert of its own. A field that could
    not be read counts until each of its records is mapped again.
    """
    name_issues(context, issues)
    key = alert_key(AlertKind.IMPORT_INCOMPLETE, context.connector.integration)
    parts = [f"{issue.name} ({issue.reason})" for issue in issues if issue.kind not in _NO_ALERT]
    if failure is not None and cause_of(failure) != "outage":
        parts.append(str(failure))
    named = {issue.name for issue in issues}
    parts += [part for field, part in _unread_parts(context) if field not in named]
    if parts:
        await context.ports.alerts.raise_condition(
            import_incomplete(context.of, run_id=context.run.id, parts=parts)
        )
    elif context.walked_everything:
        await context.ports.alerts.resolve(key)


def _unread_parts(context: ImportContext) -> list[tuple[str, str]]:
    """Returns the fields that earlier polls could not read, each with the part of the message."""
    parts: list[tuple[str, str]] = []
    for facts in context.connector.lists:
        unread = context.state.unread_of(facts.name)
        more = " or more" if unread.has_more else ""
        for field, records in sorted(unread.by_field().items()):
            parts.append((field, f"{field} (in {records}{more} records of {facts.name})"))
    return parts


async def report_failing_records(context: ImportContext) -> None:
    """Keeps an alert open while many records of the integration fail."""
    failing = sum(context.unidentified.values())
    for facts in context.connector.lists:
        failing += len(await context.ports.failed.all_ids(facts.name))
    seen = context.run.counts.seen if context.was_sweep else None
    key = alert_key(AlertKind.RECORDS_FAILING, context.connector.integration)
    if are_many(failing, seen=seen):
        await context.ports.alerts.raise_condition(
            records_failing(context.of, failing=failing, run_id=context.run.id)
        )
    elif not failing or seen is not None:
        await context.ports.alerts.resolve(key)


async def report_unmapped(context: ImportContext) -> None:
    """Keeps an alert open while stages are without a rule, as far as this run knows."""
    run = context.run
    if context.unmapped_stages:
        stages = sorted(context.unmapped_stages)
        run.details["unmapped_stages"] = stages
        await context.ports.alerts.raise_condition(
            unmapped_stages(context.of, stages=stages, applications=run.counts.unmapped)
        )
    elif run.details.get("sweep"):
        key = alert_key(AlertKind.UNMAPPED_STAGES, context.connector.integration)
        await context.ports.alerts.resolve(key)
