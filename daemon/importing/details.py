"""Details of records, read in the background and imported like any other change.

A list's record is imported first, and marked in its snapshot as due for details. The mark goes with
the write that stores them, after the checkpoint has named the records: a kill at any moment leaves
either the mark, or a page that the next run finishes from the snapshots.
"""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from connectors.errors import BrokenAnswer, Rejected, Unavailable, UnexpectedPayload
from connectors.values import DetailFacts, JobsOfRecords, ListFacts, MappingFailed, RecordDetails
from daemon.core.details import (
    APPLICATION,
    CANDIDATE,
    Pace,
    with_details,
    without_details,
)
from daemon.core.import_plan import RecordPlan
from daemon.core.poll_state import PageInFlight
from daemon.core.record_change import RecordChange, compare
from daemon.core.snapshot import Record, Snapshot, newest_candidates, owners_of
from daemon.importing.apply import apply_plans, log_plans, plan_changes
from daemon.importing.context import ImportContext
from daemon.importing.erased import remove_erased
from daemon.importing.failures import unexpected

log = structlog.get_logger("daemon.importing.details")

Answer = RecordDetails | MappingFailed | None
_OF_RECORDS = (BrokenAnswer, Rejected, Unavailable, UnexpectedPayload)
"""The errors that records may be to blame for, if the ATS has answered."""
_LOOK_EVERY_S = 0.2
"""While a batch is read, it is looked so often if something urgent waits."""


async def count_pending(context: ImportContext) -> None:
    """Counts, on the run, the records that wait for their details."""
    context.run.counts.details_pending = sum(
        [
            await context.ports.details.count(facts.name)
            for facts in context.connector.lists
            if facts.detail is not None
        ]
    )


async def import_details(context: ImportContext, paces: MutableMapping[str, Pace]) -> None:
    """Reads and imports what is due, until something more urgent is.

    `paces`, by list, are what earlier runs found to fit; they are kept up to date.

    Raises:
        AtsError: the ATS is away, or refuses the credential or all details.
    """
    for facts in context.connector.lists:
        if facts.detail is not None:
            # One batch at least: polls that are always due would leave no time for details.
            await _DetailImport(context, facts, facts.detail, paces).run()


@dataclass(slots=True)
class _DetailImport:
    """The details of one list."""

    context: ImportContext
    facts: ListFacts
    detail: DetailFacts
    paces: MutableMapping[str, Pace]
    _failures: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        ports, name = self.context.ports, self.facts.name
        while True:
            pace = self.paces.get(name, Pace())
            due = await ports.details.due(name, ports.clock.now(), limit=pace.records)
            if not due:
                return
            began = ports.clock.monotonic()
            answers = await self._read_unless_urgent(due, began + pace.patience_s)
            if answers is None:
                self.paces[name] = pace.after_giving_way()
                return
            await self._import(answers)
            self.paces[name] = pace.after(len(due), ports.clock.monotonic() - began)
            if self.context.request.must_yield():
                return

    async def _read_unless_urgent(
        self, external_ids: Sequence[str], until: float
    ) -> Mapping[str, Answer] | None:
        """Reads a batch; None if something more urgent waits and it is not read by then.

        A batch may wait for its rate budget for as long as pushes use it up.
        """
        reading = asyncio.create_task(self._read(external_ids), name=f"details: {self.facts.name}")
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=_LOOK_EVERY_S)
                is_late = self.context.ports.clock.monotonic() >= until
                if is_late and not reading.done() and self.context.request.must_yield():
                    return None
            return reading.result()
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _import(self, answers: Mapping[str, Answer]) -> None:
        """Takes what was read of a batch to ClearView and the logs."""
        read = {e: a for e, a in answers.items() if isinstance(a, RecordDetails)}
        self._failures = {e: a.message for e, a in answers.items() if isinstance(a, MappingFailed)}
        absent = [external_id for external_id, answer in answers.items() if answer is None]
        self.context.require_lease()
        changes = await self._changes(read)
        plans = await plan_changes(
            self.context.ports.clearview,
            self.context.rules.conflicts,
            [change for change in changes if not change.is_empty],
        )
        await self._note_failures()
        await self._write(plans)
        ports = self.context.ports
        equal = [change.after for change in changes if change.is_empty]
        at = ports.clock.now()
        if absent and (gone := await ports.details.absent(self.facts.name, absent, at)):
            left = await ports.snapshots.load(self.facts.name, sorted(gone))
            equal += [without_details(one, version=self.detail.version, at=at) for one in left]
        await ports.details.unchanged(self.facts.name, equal)
        self.context.run.counts.seen += len(answers)
        self.context.run.counts.unchanged += len(equal)

    async def _read(self, external_ids: Sequence[str]) -> Mapping[str, Answer]:
        """Raises the error of a batch that fails as a whole; its records are read after others."""
        jobs = await self._jobs(external_ids) if self.detail.per_application else None
        try:
            return await self.context.connector.read_details(self.facts.name, external_ids, jobs)
        except _OF_RECORDS as error:
            if error.status is not None:
                self._failures = dict.fromkeys(external_ids, str(error))
                await self._note_failures()
            raise

    async def _jobs(self, external_ids: Sequence[str]) -> JobsOfRecords:
        """Returns the jobs of the records' applications, as lists have shown them."""
        return {
            known.external_id: {
                application["external_id"]: job
                for application in known.applications
                if (job := application["job"]["external_id"])
            }
            for known in await self.context.ports.snapshots.load(self.facts.name, external_ids)
        }

    async def _changes(self, read: dict[str, RecordDetails]) -> list[RecordChange]:
        """Compares the records, as they are known now, with what was read of them."""
        snapshots = await self.context.ports.snapshots.load(self.facts.name, list(read))
        known = await self._of_candidates(snapshots)
        bases = newest_candidates(known.values())
        changes = []
        for before in snapshots:
            owner = before.owner
            siblings = [
                one
                for one in known.values()
                if owner and one.owner == owner and one.external_id != before.external_id
            ]
            try:
                base = bases.get(owner)
                change = self._compared(before, read[before.external_id], base, siblings)
            except Exception as error:  # noqa: BLE001  # one record's odd details stop no other
                self._failures[before.external_id] = unexpected(error)
                continue
            changes.append(change)
            known[before.external_id] = change.after
            if change.after.candidate is not None:
                bases[owner] = change.after.candidate
        return changes

    def _compared(
        self,
        before: Snapshot,
        read: RecordDetails,
        base: Record | None,
        siblings: Sequence[Snapshot],
    ) -> RecordChange:
        after = with_details(
            before,
            {CANDIDATE: read.candidate, APPLICATION: read.application},
            of_applications=read.applications,
            version=self.detail.version,
            candidate_base=base,
            siblings=siblings,
            own_field=self.context.rules.own_field,
            at=self.context.ports.clock.now(),
        )
        return compare(after, before, candidate_base=base or before.candidate)

    async def _of_candidates(self, snapshots: Sequence[Snapshot]) -> dict[str, Snapshot]:
        """Returns these records and all others of the list that hold one of their candidates."""
        known = {one.external_id: one for one in snapshots}
        owners = owners_of(snapshots)
        if self.facts.holds == "candidates" or not owners:
            return known
        store = self.context.ports.snapshots
        found = await store.load_by_candidate(self.facts.name, owners)
        return {one.external_id: one for one in found} | known

    async def _note_failures(self) -> None:
        if not self._failures:
            return
        ports, run = self.context.ports, self.context.run
        await ports.details.failed(self.facts.name, self._failures, ports.clock.now())
        run.counts.failed += len(self._failures)
        external_id, reason = next(iter(self._failures.items()))
        log.warning(
            "details_not_read",
            integration=self.context.connector.integration,
            list=self.facts.name,
            count=len(self._failures),
            external_id=external_id,
            reason=reason,
        )

    async def _write(self, plans: Sequence[RecordPlan]) -> None:
        """Takes plans through the steps of a page: announced, stored, in ClearView, logged."""
        if not plans:
            return
        context, name = self.context, self.facts.name
        page = PageInFlight(name, tuple(plan.change.external_id for plan in plans), uuid4())
        context.state.applying.append(page)
        await context.save()
        refused = await context.ports.details.write(
            name, [plan.change.after for plan in plans], page.import_id
        )
        self._failures = dict(refused)
        await self._note_failures()
        stored = [plan for plan in plans if plan.change.external_id not in refused]
        applied = await apply_plans(context, name, stored, page.import_id)
        await log_plans(context, applied)
        # Also a detail may show an address by which a person was erased.
        await remove_erased(context, name, [plan.change.after for plan in plans])
        context.state.applying.remove(page)
