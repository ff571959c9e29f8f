"""One page of records compared with what is known of them; nothing is written here."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.base import (
    Connector,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    RawRecord,
    Unchanged,
)
from daemon.core.import_plan import RecordChange, compare, newest_candidates
from daemon.core.own_writes import without_own
from daemon.ports.clock import Clock
from daemon.ports.imports import Known, Record, Snapshot, Snapshots
from models.times import EPOCH

PAGES_IN_HAND = 3
"""Pages that were looked at before the snapshots of the first of them are written, at most."""


@dataclass(slots=True)
class PreparedPage:
    """A page of which the unchanged records are known, and the others are mapped."""

    external_ids: tuple[str, ...]
    unchanged: int
    changed: list[tuple[Mapped, bytes | None]]
    returned: list[str]
    """Marked deleted once, and listed again."""
    found_again: dict[str, bytes | None]
    """Missing from the last complete listing, unchanged and listed again: with their digests."""
    known: Mapping[str, Known]
    """What is remembered of the records that had to be looked at."""
    failures: dict[str, str]
    mended: list[str]
    """Failed before, and can be mapped now."""
    shown_before: frozenset[str]
    """Records of this page that pages just before it have changed."""
    unmapped: int
    filled: Counter[frozenset[str]]
    """By the mapped fields that a record has values in: how many records."""

    @property
    def seen(self) -> int:
        """How many records the page showed."""
        return len(self.external_ids)


@dataclass(slots=True)
class PageReading:
    """Looks at the pages of one list, one after the other."""

    facts: ListFacts
    connector: Connector
    snapshots: Snapshots
    clock: Clock
    failing: frozenset[str] = frozenset()
    """External ids that failed before: looked at again even if they are unchanged."""
    anew: bool = False
    """Records are mapped although they are equal, since what they are looked up in has changed."""
    own_field: str | None = None
    """What our own analytics export writes to."""
    unmapped_stages: set[str] = field(default_factory=set)
    in_hand: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=PAGES_IN_HAND))
    """Changed records of the latest pages, which may not be stored yet: a record may stand on two
    pages when the listing shifts."""
    _unsettled: frozenset[str] = frozenset()
    last_stamp: datetime = EPOCH
    """Each page is seen later than the one before it, however coarse the clock."""

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        records = {record.external_id: record for record in page.records}
        self._unsettled = frozenset().union(*self.in_hand)
        doubtful, known = await self._doubtful(records)
        prepared = PreparedPage(
            external_ids=tuple(records),
            unchanged=len(records) - len(doubtful),
            changed=[],
            returned=[],
            found_again={},
            known=known,
            failures={f.external_id or "": f.message for f in page.failed},
            mended=[],
            shown_before=self._unsettled.intersection(records),
            unmapped=0,
            filled=Counter(),
        )
        if doubtful:
            mapped = await self.connector.map_records(
                self.facts.name, doubtful, known=self._fingerprints(doubtful, known)
            )
            for record, result in zip(doubtful, mapped, strict=True):
                self._sort_in(prepared, record, result)
        self.in_hand.append(frozenset(mapped.external_id for mapped, _ in prepared.changed))
        return prepared

    async def _doubtful(
        self, records: Mapping[str, RawRecord]
    ) -> tuple[list[RawRecord], Mapping[str, Known]]:
        """The records whose bytes do not settle it, and what is remembered of them."""
        name, version = self.facts.name, "" if self.anew else self.facts.mapping_version
        if all(record.digest is None for record in records.values()):
            return list(records.values()), await self.snapshots.known(name, list(records))
        same = await self.snapshots.digests(name, list(records), mapping_version=version)
        doubtful = [
            record
            for external_id, record in records.items()
            if record.digest is None
            or record.digest != same.get(external_id)
            or external_id in self.failing
            or external_id in self._unsettled
        ]
        known = [record.external_id for record in doubtful if record.external_id in same]
        return doubtful, await self.snapshots.known(name, known) if known else {}

    def _was_mapped_alike(self, old: Known) -> bool:
        return old.mapping_version == self.facts.mapping_version and not self.anew

    def _fingerprints(
        self, records: Sequence[RawRecord], known: Mapping[str, Known]
    ) -> dict[str, bytes]:
        """Of what need not be mapped again as long as its content is the same."""
        return {
            record.external_id: old.fingerprint
            for record in records
            if (old := known.get(record.external_id)) is not None
            and not old.deleted
            and self._was_mapped_alike(old)
            and record.external_id not in self.failing
            and record.external_id not in self._unsettled
        }

    def _sort_in(
        self,
        prepared: PreparedPage,
        record: RawRecord,
        result: Mapped | Unchanged | MappingFailed,
    ) -> None:
        if isinstance(result, MappingFailed):
            prepared.failures[record.external_id] = result.message
            return
        if isinstance(result, Unchanged):
            prepared.unchanged += 1
            if prepared.known[record.external_id].missing:
                prepared.found_again[record.external_id] = record.digest
            return
        prepared.mended += [record.external_id] * (record.external_id in self.failing)
        prepared.unmapped += len(result.unmapped_stages)
        self.unmapped_stages |= {
            stage["name"] or stage["external_id"] or "?" for stage in result.unmapped_stages
        }
        prepared.filled[result.filled] += 1
        old = prepared.known.get(record.external_id)
        same_content = (
            old is not None
            and old.fingerprint == result.fingerprint
            and self._was_mapped_alike(old)
            and record.external_id not in self._unsettled
        )
        if old is not None and same_content and not old.deleted:
            prepared.unchanged += 1
            if old.missing:
                prepared.found_again[record.external_id] = record.digest
        else:
            prepared.changed.append((result, record.digest))
        if old is not None and old.deleted:
            prepared.returned.append(record.external_id)

    async def compare(self, prepared: PreparedPage) -> list[RecordChange]:
        """What changed records mean, compared with what was known of them."""
        now = self.last_stamp = max(self.clock.now(), self.last_stamp + timedelta(milliseconds=1))
        after = [self._snapshot(mapped, digest, now) for mapped, digest in prepared.changed]
        returned = frozenset(prepared.returned)
        before = await self._known_snapshots(prepared, after)
        bases = await self._candidate_bases(after, before)
        changes = []
        for snapshot in after:
            owner = str(snapshot.candidate["external_id"]) if snapshot.candidate else None
            change = compare(
                snapshot,
                before.get(snapshot.external_id),
                candidate_base=bases.get(owner) if owner else None,
                returned=snapshot.external_id in returned,
            )
            if owner and snapshot.candidate is not None:
                bases[owner] = snapshot.candidate
            changes.append(change)
        return changes

    def _snapshot(self, mapped: Mapped, digest: bytes | None, now: datetime) -> Snapshot:
        return Snapshot(
            external_id=mapped.external_id,
            fingerprint=mapped.fingerprint,
            digest=digest,
            candidate=None
            if mapped.candidate is None
            else without_own(mapped.candidate, self.own_field),
            applications=[without_own(a, self.own_field) for a in mapped.applications],
            mapping_version=self.facts.mapping_version,
            seen_at=now,
        )

    async def _known_snapshots(
        self, prepared: PreparedPage, after: Sequence[Snapshot]
    ) -> dict[str, Snapshot]:
        ids = [
            s.external_id
            for s in after
            if s.external_id in prepared.known or s.external_id in prepared.shown_before
        ]
        if not ids:
            return {}
        loaded = await self.snapshots.load(self.facts.name, ids)
        return {s.external_id: s for s in loaded}

    async def _candidate_bases(
        self, after: Sequence[Snapshot], before: Mapping[str, Snapshot]
    ) -> dict[str, Record]:
        """The candidates as they were last seen, in whichever record of the list."""
        if self.facts.holds == "candidates":
            return newest_candidates(list(before.values()))
        owners = {str(s.candidate["external_id"]) for s in after if s.candidate is not None}
        if not owners:
            return {}
        loaded = await self.snapshots.load_by_candidate(self.facts.name, sorted(owners))
        return newest_candidates([*before.values(), *loaded])
