"""Queues the files of all known candidates, where the operator's rules have changed."""

from collections.abc import AsyncIterator, Sequence

from connectors.values import ListFacts
from daemon.attachments.context import AttachmentPorts, FetchContext
from daemon.core.attachments import AttachmentRules, CandidateFiles, files_of

AT_ONCE = 500


async def has_other_rules(ports: AttachmentPorts, name: str, rules: AttachmentRules) -> bool:
    """Returns True if files were last queued by other rules than these."""
    stored = await ports.checkpoints.load(_key(name))
    return str((stored or {}).get("rules", "")) != rules.digest


async def queue_known(context: FetchContext, *, fence: int) -> None:
    """Queues what is to be fetched of all candidates. Imports queue the changes that follow."""
    ports, rules = context.ports, context.rules
    if rules.downloads:
        await context.queue.retry_skipped(at=ports.clock.now())
        for facts in context.connector.lists:
            if facts.holds == "applications":
                continue
            async for files in _batches(context, facts):
                await ports.imports.update(facts.name, files, at=ports.clock.now())
    await ports.checkpoints.save(_key(context.of.name), {"rules": rules.digest}, fence=fence)


async def _batches(
    context: FetchContext, facts: ListFacts
) -> AsyncIterator[Sequence[CandidateFiles]]:
    batch: list[CandidateFiles] = []
    async for snapshot in context.ports.known.with_attachments(facts.name):
        if snapshot.candidate is not None:
            # As if new: a record that an import changes meanwhile is for the import to judge.
            batch.append(
                files_of(
                    snapshot,
                    context.rules,
                    from_details=facts.files_from_details,
                    is_new=True,
                )
            )
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    yield batch


def _key(name: str) -> str:
    return f"attachments:{name}"
