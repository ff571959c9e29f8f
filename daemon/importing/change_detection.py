"""One page of records compared with what is known of them; nothing is written here."""

from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.connector import (
    Connector,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    RawRecord,
    Unchanged,
)
from connectors.errors import AtsError
from daemon.core.exported_field import without_own
from daemon.core.keep_known import keep_fields, keep_missing
from daemon.core.record_change import RecordChange, compare
from daemon.core.snapshot import (
    Known,
    Record,
    Snapshot,
    changed_at,
    newest_candidates,
    record_changed_at,
)
from daemon.importing.failures import unexpected
from daemon.ports.clock import Clock
from daemon.ports.imports import Snapshots
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
    """By external id: why the record could not be mapped."""
    unidentified: list[str]
    """Why records without a usable id could not be read: they cannot be retried one by one."""
    recovered: list[str]
    """Failed before, and can be mapped now."""
    shown_before: frozenset[str]
    """Records of this page that pages just before it have changed."""
    unmapped: int
    filled: Counter[frozenset[str]]
    """By the mapped fields that a record has values in: how many records."""
    unread: dict[str, frozenset[str]]
    """By external id of every mapped record: the fields that could not be read."""
    is_rest: bool = False
    """One changed record of a page that is written in parts; the page itself was counted."""

    def split(self) -> "Iterator[PreparedPage]":
        """The same page as one page for each changed record, the rest of it on the first."""
        yield replace(self, changed=[], returned=[], recovered=[])
        for mapped, digest in self.changed:
            external_id = mapped.external_id
            yield replace(
                self,
                is_rest=True,
                external_ids=(),
                unchanged=0,
                changed=[(mapped, digest)],
                returned=[e for e in self.returned if e == external_id],
                found_again={},
                failures={},
                unidentified=[],
                recovered=[e for e in self.recovered if e == external_id],
                unmapped=0,
                filled=Counter(),
                unread={},
            )

    @property
    def seen(self) -> int:
        """How many records the page showed."""
        return len(self.external_ids)


def newest_version(
    records: Sequence[RawRecord], mapped: Sequence[Mapped | Unchanged | MappingFailed]
) -> RawRecord:
    """The version that the ATS changed last; of equal ones the one it showed last."""
    times = [_changed_at(result) for result in mapped]
    newest = max(range(len(records)), key=lambda at: (times[at], at))
    return records[newest]


def _changed_at(result: Mapped | Unchanged | MappingFailed) -> datetime:
    if not isinstance(result, Mapped):
        return EPOCH
    return record_changed_at(result.candidate, result.applications) or EPOCH


def completed(snapshot: Snapshot, mapped: Mapped, old: Snapshot) -> Snapshot:
    """The record with what is known from before of the fields that could not be read now."""
    if mapped.failed_fields:
        snapshot = keep_fields(snapshot, old, mapped.failed_fields)
    return keep_missing(snapshot, old) if mapped.provisional else snapshot


@dataclass(slots=True)
class ChangeDetector:
    """Looks at the pages of one list, one after the other."""

    facts: ListFacts
    connector: Connector
    snapshots: Snapshots
    clock: Clock
    failing: frozenset[str] = frozenset()
    """External ids that failed before: looked at again even if they are unchanged."""
    remap_all: bool = False
    """Records are mapped although they are equal, since what they are looked up in has changed."""
    own_field: str | None = None
    """What our own analytics export writes to."""
    walk_began_at: datetime = EPOCH
    shown: Container[str] = ()
    """External ids that earlier pages of this walk have shown."""
    peers: Sequence[str] = ()
    """Other lists of the integration that hold the same kind of record: a record may move."""
    unmapped_stages: set[str] = field(default_factory=set)
    in_hand: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=PAGES_IN_HAND))
    """Changed records of the latest pages, which may not be stored yet: a record may stand on two
    pages when the listing shifts."""
    _unsettled: frozenset[str] = frozenset()
    last_stamp: datetime = EPOCH
    """Each page is seen later than the one before it, however coarse the clock."""

    async def prepare(self, page: Page) -> PreparedPage:
        """Look up what is known, and decode and map only what is not."""
        records = await self._newest_versions(page.records)
        self._unsettled = frozenset().union(*self.in_hand)
        doubtful, known = await self._changed_candidates(records)
        prepared = PreparedPage(
            external_ids=tuple(records),
            unchanged=len(records) - len(doubtful),
            changed=[],
            returned=[],
            found_again={},
            known=known,
            failures={f.external_id: f.message for f in page.failed if f.external_id},
            unidentified=[f.message for f in page.failed if not f.external_id],
            recovered=[],
            shown_before=self._unsettled.intersection(records),
            unmapped=0,
            filled=Counter(),
            unread={},
        )
        if doubtful:
            mapped = await self._mapped(doubtful, self._fingerprints(doubtful, known))
            for record, result in zip(doubtful, mapped, strict=True):
                self._classify(prepared, record, result)
        self.in_hand.append(frozenset(mapped.external_id for mapped, _ in prepared.changed))
        return prepared

    async def _newest_versions(self, shown: Sequence[RawRecord]) -> dict[str, RawRecord]:
        """One record for each id. Of several versions on one page the newest counts, in any order."""
        records = {record.external_id: record for record in shown}
        if len(records) == len(shown):
            return records
        versions: dict[str, list[RawRecord]] = {}
        for record in shown:
            versions.setdefault(record.external_id, []).append(record)
        for external_id, several in versions.items():
            if len({bytes(version.raw) for version in several}) > 1:
                records[external_id] = newest_version(several, await self._mapped(several, {}))
        return records

    async def _mapped(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> Sequence[Mapped | Unchanged | MappingFailed]:
        """Maps records; one that no connector should fail for fails alone.

        Raises:
            AtsError: the ATS could not be asked for what mapping needs.
        """
        try:
            return await self.connector.map_records(self.facts.name, records, known=known)
        except AtsError:
            raise
        except Exception as error:  # noqa: BLE001  # any bug of a mapping is one record's failure
            if len(records) == 1:
                return [MappingFailed(records[0].external_id, unexpected(error))]
        return [result for record in records for result in await self._mapped([record], known)]

    async def _changed_candidates(
        self, records: Mapping[str, RawRecord]
    ) -> tuple[list[RawRecord], Mapping[str, Known]]:
        """The records whose bytes do not settle it, and what is remembered of them."""
        name, version = self.facts.name, "" if self.remap_all else self.facts.mapping_version
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
        return old.mapping_version == self.facts.mapping_version and not self.remap_all

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

    def _classify(
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
        prepared.recovered += [record.external_id] * (record.external_id in self.failing)
        prepared.unmapped += len(result.unmapped_stages)
        self.unmapped_stages |= {
            stage["name"] or stage["external_id"] or "?" for stage in result.unmapped_stages
        }
        prepared.filled[result.filled] += 1
        prepared.unread[record.external_id] = result.unread_fields
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
            # What an optional list would have added is missing: the record is mapped again.
            prepared.changed.append((result, None if result.provisional else record.digest))
        if old is not None and old.deleted:
            prepared.returned.append(record.external_id)

    async def compare(self, prepared: PreparedPage) -> list[RecordChange]:
        """What changed records mean, compared with what was known of them.

        A version older than one that this walk has already shown changes nothing.
        """
        now = self.last_stamp = max(self.clock.now(), self.last_stamp + timedelta(milliseconds=1))
        after = [self._snapshot(mapped, digest, now) for mapped, digest in prepared.changed]
        mapped_as = {mapped.external_id: mapped for mapped, _ in prepared.changed}
        returned = frozenset(prepared.returned)
        before = await self._known_snapshots(prepared, after)
        before |= await self._moved_here(after, before)
        bases = await self._candidate_bases(after, before)
        changes = []
        for snapshot in after:
            owner = str(snapshot.candidate["external_id"]) if snapshot.candidate else None
            old = before.get(snapshot.external_id)
            if old is not None and self._was_shown_newer(snapshot, old):
                continue
            if old is not None:
                snapshot = completed(snapshot, mapped_as[snapshot.external_id], old)  # noqa: PLW2901
            change = compare(
                snapshot,
                old,
                candidate_base=bases.get(owner) if owner else None,
                returned=snapshot.external_id in returned,
            )
            if owner and snapshot.candidate is not None:
                bases[owner] = snapshot.candidate
            changes.append(change)
        return changes

    def _was_shown_newer(self, snapshot: Snapshot, old: Snapshot) -> bool:
        now, before = changed_at(snapshot), changed_at(old)
        if now is None or before is None or before <= now:
            return False
        return old.seen_at >= self.walk_began_at or snapshot.external_id in self.shown

    def _snapshot(self, mapped: Mapped, digest: bytes | None, now: datetime) -> Snapshot:
        return Snapshot(
            external_id=mapped.external_id,
            # An impossible fingerprint: the next poll maps the record whatever its content is.
            fingerprint=b"" if mapped.provisional else mapped.fingerprint,
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
        return {s.external_id: s for s in await self.snapshots.load(self.facts.name, ids)}

    async def _moved_here(
        self, after: Sequence[Snapshot], before: dict[str, Snapshot]
    ) -> dict[str, Snapshot]:
        """What other lists of the same kind said of records that are new to this one."""
        new = [s.external_id for s in after if s.external_id not in before]
        if not self.peers or not new:
            return {}
        found = [s for peer in self.peers for s in await self.snapshots.load(peer, new)]
        return {s.external_id: s for s in sorted(found, key=lambda s: s.seen_at)}

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
