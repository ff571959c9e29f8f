"""Records that are read by id: those that failed, when their time has come, and those that a push has moved."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from connectors.connector import Connector
from connectors.errors import AtsError, AuthRefused, Transient
from connectors.values import ListFacts, RawRecord
from daemon.importing.context import ImportContext
from daemon.importing.failures import note_failures, unexpected
from daemon.importing.page import import_records

log = structlog.get_logger("daemon.importing.pushed")

Answers = dict[str, RawRecord | None]

BROKEN = 500
"""The HTTP status of a server that fails at one request; an outage mostly has another one."""
PUSHED_AT_ONCE = 50
"""Records of a list that one poll compares because a push has moved them."""
BROKEN_IN_A_ROW = 5
"""Ids answered so, and none well, after which the others are not requested."""


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
    context.state.unread_of(facts.name).forget(gone)
    records = [record for record in answers.values() if record is not None]
    await import_records(
        context, facts, records, asked_at=asked_at, failing=frozenset(external_ids)
    )


async def compare_pushed(context: ImportContext) -> None:
    """Compares records that a push has moved and no list has shown since, to find pushes that the ATS lost.

    A list that shows only what changed does not show a record of which nothing changed.
    """
    for facts in context.connector.lists:
        if facts.reads_by_id and facts.holds != "candidates":
            await _compare_pushed(context, facts)


async def _compare_pushed(context: ImportContext, facts: ListFacts) -> None:
    ports = context.ports
    began = context.run.started_at
    external_ids = await ports.snapshots.pushed(facts.name, before=began, limit=PUSHED_AT_ONCE)
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


async def read_by_id(
    connector: Connector, list_name: str, external_ids: Sequence[str]
) -> tuple[Answers, dict[str, str]]:
    """Returns the answers, and the reasons of ids that could not be read.

    An id that fails does not fail the others: not even by an HTTP 500, which may be about the one
    record. An id that an answer leaves in doubt is in neither.

    Raises:
        AtsError: the ATS is away or refuses the credential.
    """
    reads = _ReadsById(connector, list_name)
    await reads.read(external_ids)
    return reads.answers, reads.failures


@dataclass(slots=True)
class _ReadsById:
    """Reads of one list, in halves of halves around the ids that fail."""

    connector: Connector
    list_name: str
    answers: Answers = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    _broken: int = 0
    """Ids that were answered with HTTP 500."""

    async def read(self, external_ids: Sequence[str]) -> None:
        if self._broken >= BROKEN_IN_A_ROW and not self.answers:
            self.failures |= dict.fromkeys(external_ids, "the ATS answered others with HTTP 500")
            return
        try:
            self.answers |= await self.connector.fetch(self.list_name, external_ids)
        except Exception as error:
            if not _may_be_one_records(error):
                raise
            if len(external_ids) == 1:
                self._fail(external_ids[0], error)
                return
        else:
            return
        half = len(external_ids) // 2
        await self.read(external_ids[:half])
        await self.read(external_ids[half:])

    def _fail(self, external_id: str, error: Exception) -> None:
        self._broken += isinstance(error, Transient)
        self.failures[external_id] = (
            f"{error}" if isinstance(error, AtsError) else unexpected(error)
        )


def _may_be_one_records(error: Exception) -> bool:
    """Returns False for what says nothing about a record: an outage, a limit, the credential."""
    if isinstance(error, Transient):
        return error.status == BROKEN
    return not isinstance(error, AuthRefused)
