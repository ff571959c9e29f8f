"""Records that could not be imported: logged, kept, tried again."""

from collections.abc import Mapping

from daemon.core.alert_texts import dead_letters
from daemon.importing.context import ImportContext
from daemon.ports.imports import LogLine


async def note_failures(
    context: ImportContext, list_name: str, failures: Mapping[str, str]
) -> None:
    """Log each record as `Failed` and keep it for another try; the others go on.

    One that is listed again before its time, and fails as before, is no further try: a poll's
    overlap lists the latest records every time.
    """
    if not failures:
        return
    ports, now = context.ports, context.ports.clock.now()
    context.run.counts.failed += len(failures)
    waiting = await ports.failed.waiting(list_name, failures, now=now)
    tried = {e: reason for e, reason in failures.items() if e not in waiting}
    await ports.history.record(
        walk_id=context.walk_id,
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
    if any(died):
        await ports.alerts.raise_condition(
            dead_letters(context.of, records=await ports.failed.dead())
        )
