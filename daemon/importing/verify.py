"""Comparing the ATS, the snapshots and ClearView completely. Nothing is written anywhere.

Reads a complete listing, page by page; memory stays flat (eight bytes for each id seen).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from connectors.connector import Connector
from connectors.values import DetailFacts, ListFacts, Mapped, RawRecord, Window
from daemon.core.details import with_known_details
from daemon.core.exported_field import without_own
from daemon.core.runs import no_progress
from daemon.core.snapshot import Known, Record, Snapshot, newest_candidates
from daemon.core.verification import (
    Drift,
    Held,
    Remembered,
    Said,
    VerificationCounts,
    compare_record,
)
from daemon.importing.context import peers_of
from daemon.importing.erased import KnownIds, ListRecord, erased_test
from daemon.importing.hashed_id_set import HashedIdSet
from daemon.ports.erasures import ErasedPeople
from daemon.ports.imports import ClearViewReader, Snapshots
from models.ids import integration_id

BY_ID_BATCH = 50

Progress = Callable[[str, VerificationCounts, int | None], None]
"""Called after each page: the list, the counts so far, the expected number of records."""


@dataclass(slots=True)
class Verification:
    """One comparison of one integration."""

    connector: Connector
    snapshots: Snapshots
    clearview: ClearViewReader | None
    """None: ClearView cannot be read here, and is left out."""
    deletions: Literal["mark", "ignore", "erase"] = "mark"
    own_field: str | None = None
    """The field that our own analytics export writes to: not compared."""
    erased: ErasedPeople | None = None
    """Their records are at the ATS and are not imported: that is no drift."""
    progress: Progress = no_progress
    counts: VerificationCounts = field(default_factory=VerificationCounts)
    _candidates: HashedIdSet = field(default_factory=HashedIdSet)
    _applications: HashedIdSet = field(default_factory=HashedIdSet)

    async def differences(self) -> AsyncIterator[Drift]:
        """Yields every difference as it is found; `counts` is complete at the end.

        Raises:
            AtsError: the ATS could not be read to the end.
        """
        if self.erased is not None:
            await self.erased.refresh()
        listed = {facts.name: HashedIdSet() for facts in self.connector.lists}
        for facts in self.connector.lists:
            await self.connector.prepare_mapping(facts.name)
            async for item in self._compare_list(facts, listed[facts.name]):
                yield self.counts.note(item)
        for facts in self.connector.lists:
            names = (facts.name, *peers_of(self.connector, facts))
            async for item in self._unlisted(facts, [listed[name] for name in names]):
                yield self.counts.note(item)
        async for item in self._strays():
            yield self.counts.note(item)

    async def _compare_list(self, facts: ListFacts, listed: HashedIdSet) -> AsyncIterator[Drift]:
        async for page in self.connector.pages(facts.name, Window()):
            for failure in page.failed:
                yield Drift("cannot be mapped", "record", failure.external_id or "", facts.name)
                listed.add_all([failure.external_id] if failure.external_id else [])
            listed.add_all(record.external_id for record in page.records)
            for item in await self._compare_records(facts, page.records):
                yield item
            self.counts.pages += not page.is_continued
            self.progress(facts.name, self.counts, page.expected_total)

    async def _compare_records(self, facts: ListFacts, records: Sequence[RawRecord]) -> list[Drift]:
        found, said = await self._mapped(facts, records)
        ids = [one.external_id for one in said]
        known = await self.snapshots.known(facts.name, ids)
        loaded = {s.external_id: s for s in await self.snapshots.load(facts.name, ids)}
        siblings = await self._siblings(facts, said)
        newest = newest_candidates(siblings)
        if facts.detail is not None:
            said = [_with_details(facts.detail, one, loaded, siblings) for one in said]
        held = await self._held(said)
        self.counts.records += len(records)
        for one in said:
            snapshot = loaded.get(one.external_id)
            remembered = _remembered(snapshot, known.get(one.external_id), newest)
            found += compare_record(one, remembered, held)
        return found

    async def _mapped(
        self, facts: ListFacts, records: Sequence[RawRecord]
    ) -> tuple[list[Drift], list[Said]]:
        found: list[Drift] = []
        said: list[Said] = []
        results = await self.connector.map_records(facts.name, records) if records else []
        is_erased = self._erased_in(facts)
        for record, result in zip(records, results, strict=True):
            if is_erased(result if isinstance(result, Mapped) else KnownIds(record.external_id)):
                continue
            if isinstance(result, Mapped):
                said.append(_said(facts.name, result, self.own_field))
            else:
                found.append(Drift("cannot be mapped", "record", record.external_id, facts.name))
        return found, said

    def _erased_in(self, facts: ListFacts) -> Callable[[ListRecord], bool]:
        if self.erased is None or self.erased.is_empty:
            return lambda _: False
        return erased_test(self.erased, integration_id(self.connector.integration), facts.name)

    async def _siblings(self, facts: ListFacts, said: Sequence[Said]) -> Sequence[Snapshot]:
        """Returns every record that holds one of the candidates: ClearView got what was seen last."""
        owners = {str(one.candidate["external_id"]) for one in said if one.candidate is not None}
        if facts.holds != "both" or not owners:
            return []
        return await self.snapshots.load_by_candidate(facts.name, sorted(owners))

    async def _held(self, said: Sequence[Said]) -> Held | None:
        people = {str(one.candidate["external_id"]) for one in said if one.candidate is not None}
        applications = {external_id for one in said for external_id in one.applications}
        self.counts.candidates += _add_new(self._candidates, people)
        self.counts.applications += _add_new(self._applications, applications)
        if self.clearview is None:
            return None
        return Held(
            candidates=await self.clearview.candidates(sorted(people)),
            applications=await self.clearview.applications(sorted(applications)),
            pending=await self.clearview.pending_pushes(sorted(applications)),
        )

    async def _unlisted(
        self, facts: ListFacts, listed: Sequence[HashedIdSet]
    ) -> AsyncIterator[Drift]:
        """Yields live snapshots that no listing of their kind showed: deleted, or hidden from it."""
        batch: list[str] = []
        async for external_id, _ in self.snapshots.live_ids(facts.name):
            if not any(external_id in one for one in listed):
                batch.append(external_id)
            if len(batch) == BY_ID_BATCH:
                for item in await self._judge_unlisted(facts, batch):
                    yield item
                batch = []
        for item in await self._judge_unlisted(facts, batch):
            yield item

    async def _judge_unlisted(self, facts: ListFacts, batch: Sequence[str]) -> list[Drift]:
        if not batch:
            return []
        hidden: list[RawRecord] = []
        if facts.reads_by_id:
            answers = await self.connector.fetch(facts.name, batch)
            hidden = [record for e in batch if (record := answers.get(e)) is not None]
        found = await self._compare_records(facts, hidden)
        there = {record.external_id for record in hidden}
        gone = [e for e in batch if e not in there]
        await self._account_for(facts, gone)
        kind: Literal["present here, gone there", "kept by policy"] = (
            "kept by policy" if self.deletions == "ignore" else "present here, gone there"
        )
        return [*found, *(Drift(kind, "record", e, facts.name) for e in gone)]

    async def _account_for(self, facts: ListFacts, gone: Sequence[str]) -> None:
        """Takes that a record was reported, so that its candidate and applications are not."""
        for snapshot in await self.snapshots.load(facts.name, gone):
            if snapshot.owner is not None:
                self._candidates.add(snapshot.owner)
            _add_new(self._applications, {a["external_id"] for a in snapshot.applications})

    async def _strays(self) -> AsyncIterator[Drift]:
        """Yields live documents of ClearView that no record of the ATS and no snapshot has."""
        if self.clearview is None:
            return
        async for external_id in self.clearview.live_candidates():
            if external_id not in self._candidates:
                yield Drift("present here, gone there", "candidate", external_id)
        async for external_id in self.clearview.live_applications():
            if external_id not in self._applications:
                yield Drift("present here, gone there", "application", external_id)


def _said(list_name: str, mapped: Mapped, own_field: str | None) -> Said:
    candidate = mapped.candidate
    applications = [without_own(a, own_field) for a in mapped.applications]
    return Said(
        external_id=mapped.external_id,
        list_name=list_name,
        candidate=None if candidate is None else without_own(candidate, own_field),
        applications={a["external_id"]: a for a in applications},
    )


def _with_details(
    detail: DetailFacts, said: Said, loaded: Mapping[str, Snapshot], siblings: Sequence[Snapshot]
) -> Said:
    """Returns a listed record with what details gave of it, which a listing cannot confirm."""
    known = loaded.get(said.external_id)
    if known is None:
        return said
    listed = replace(known, candidate=said.candidate, applications=list(said.applications.values()))
    whole = with_known_details(
        listed,
        known,
        fields=detail.fields,
        version=detail.version,
        candidate_base=known.candidate,
        siblings=[one for one in siblings if one.owner == known.owner],
    )
    applications = {a["external_id"]: a for a in whole.applications}
    return replace(said, candidate=whole.candidate, applications=applications)


def _add_new(ids: HashedIdSet, external_ids: Iterable[str]) -> int:
    """Returns how many of them are new; each counts once."""
    new = [external_id for external_id in dict.fromkeys(external_ids) if external_id not in ids]
    for external_id in new:
        ids.add(external_id)
    return len(new)


def _remembered(
    snapshot: Snapshot | None, known: Known | None, newest: Mapping[str | None, Record]
) -> Remembered | None:
    if snapshot is None:
        return None
    return Remembered(
        candidate=snapshot.candidate,
        applications={a["external_id"]: a for a in snapshot.applications},
        deleted=known is not None and known.deleted,
        given=newest.get(snapshot.owner),
    )
