"""Detects which records of a page have changed, and maps only those; nothing is written here.

A record is unchanged if its digest (of the bytes that the mapping reads) is that of its snapshot,
or else if its fingerprint (of its content) is.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from connectors.connector import Connector
from connectors.errors import AtsError
from connectors.http.vendor_words import harmless
from connectors.values import ListFacts, Mapped, MappingFailed, Page, RawRecord, Unchanged
from daemon.core.snapshot import Known, record_changed_at
from daemon.importing.failures import unexpected
from daemon.importing.prepared_page import PreparedPage
from daemon.ports.imports import Snapshots
from models.candidate import AtsRef, CandidateRecord
from models.times import EPOCH

PAGES_IN_HAND = 3
"""Pages that may be detected before the snapshots of the first of them are written, at most."""

Result = Mapped | Unchanged | MappingFailed


@dataclass(slots=True)
class Detected:
    """The records of one page, and those of them that their bytes do not prove unchanged."""

    records: Mapping[str, RawRecord]
    candidates: Sequence[RawRecord]
    known: Mapping[str, Known]
    """By external id of a candidate: the known part of its snapshot."""
    unwritten: frozenset[str]
    """Changed by a page before this one whose snapshots may not be written yet."""


@dataclass(slots=True)
class ChangeDetector:
    """Detects the changes of one list, page by page in their order."""

    facts: ListFacts
    connector: Connector
    snapshots: Snapshots
    failing: frozenset[str] = frozenset()
    """External ids that failed before: mapped even if they are unchanged."""
    remap_all: bool = False
    """Unchanged records are mapped, too, since their lookup lists have changed."""
    unmapped_stages: set[str] = field(default_factory=set)
    _in_hand: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=PAGES_IN_HAND))
    """Changed records of the latest pages: a record is on two pages when the listing shifts."""

    async def identify(self, shown: Sequence[RawRecord]) -> dict[str, RawRecord]:
        """Returns one record for each id: the newest of several versions on one page."""
        records = {record.external_id: record for record in shown}
        if len(records) == len(shown):
            return records
        versions: dict[str, list[RawRecord]] = {}
        for record in shown:
            versions.setdefault(record.external_id, []).append(record)
        for external_id, several in versions.items():
            if len({bytes(version.raw) for version in several}) > 1:
                records[external_id] = newest_version(several, await self._results(several, {}))
        return records

    async def detect(self, records: Mapping[str, RawRecord]) -> Detected:
        """Compares digests with those of the snapshots."""
        unwritten = frozenset[str]().union(*self._in_hand)
        name, version = self.facts.name, "" if self.remap_all else self.facts.mapping_version
        if all(record.digest is None for record in records.values()):
            known = await self.snapshots.known(name, list(records))
            return Detected(records, list(records.values()), known, unwritten)
        digests = await self.snapshots.digests(name, list(records), mapping_version=version)
        candidates = [
            record
            for external_id, record in records.items()
            if record.digest is None
            or record.digest != digests.get(external_id)
            or external_id in self.failing
            or external_id in unwritten
        ]
        ids = [record.external_id for record in candidates if record.external_id in digests]
        known = await self.snapshots.known(name, ids) if ids else {}
        return Detected(records, candidates, known, unwritten)

    async def map(self, page: Page, detected: Detected) -> PreparedPage:
        """Maps the candidates for a change, and compares their fingerprints.

        Raises:
            AtsError: the ATS did not answer a read that the mapping needs.
        """
        prepared = PreparedPage(
            page=replace(page, records=()),
            external_ids=tuple(detected.records),
            unchanged=len(detected.records) - len(detected.candidates),
            changed=[],
            returned=[],
            found_again={},
            known=detected.known,
            failures={f.external_id: f.message for f in page.failed if f.external_id},
            unidentified=[f.message for f in page.failed if not f.external_id],
            recovered=[],
            shown_before=detected.unwritten.intersection(detected.records),
            unmapped=0,
            filled=Counter(),
            unread={},
        )
        if detected.candidates:
            results = await self._results(detected.candidates, self._fingerprints(detected))
            for record, result in zip(detected.candidates, results, strict=True):
                self._classify(prepared, record, result, detected)
        self._in_hand.append(frozenset(mapped.external_id for mapped, _ in prepared.changed))
        return prepared

    async def _results(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> Sequence[Result]:
        """Maps records; after an unexpected error one by one, so that one record fails alone."""
        try:
            return await self.connector.map_records(self.facts.name, records, known=known)
        except AtsError:
            raise
        except Exception as error:  # noqa: BLE001  # any bug of a mapping is one record's failure
            if len(records) == 1:
                return [MappingFailed(records[0].external_id, unexpected(error))]
        return [result for record in records for result in await self._results([record], known)]

    def _fingerprints(self, detected: Detected) -> dict[str, bytes]:
        """Returns the fingerprints of records that need no mapping while these are the same."""
        return {
            external_id: old.fingerprint
            for external_id, old in detected.known.items()
            if not old.deleted
            and self._has_same_mapping(old)
            and external_id not in self.failing
            and external_id not in detected.unwritten
        }

    def _has_same_mapping(self, old: Known) -> bool:
        return old.mapping_version == self.facts.mapping_version and not self.remap_all

    def _classify(
        self, prepared: PreparedPage, record: RawRecord, result: Result, detected: Detected
    ) -> None:
        old = prepared.known.get(record.external_id)
        if isinstance(result, MappingFailed):
            prepared.failures[record.external_id] = result.message
            return
        if isinstance(result, Mapped):
            self._note_mapped(prepared, result)
            if old is not None and old.deleted:
                prepared.returned.append(record.external_id)
            if old is None or not self._is_unchanged(result, old, detected):
                # Without a digest the record is mapped again at the next poll.
                digest = None if result.provisional else record.digest
                prepared.changed.append((result, digest))
                return
        prepared.unchanged += 1
        if old is not None and old.missing:
            prepared.found_again[record.external_id] = record.digest

    def _is_unchanged(self, mapped: Mapped, old: Known, detected: Detected) -> bool:
        return (
            old.fingerprint == mapped.fingerprint
            and self._has_same_mapping(old)
            and mapped.external_id not in detected.unwritten
            and not old.deleted
        )

    def _note_mapped(self, prepared: PreparedPage, mapped: Mapped) -> None:
        prepared.recovered += [mapped.external_id] * (mapped.external_id in self.failing)
        prepared.unmapped += len(mapped.unmapped_stages)
        prepared.filled[mapped.filled] += 1
        prepared.unread[mapped.external_id] = mapped.unread_fields
        self.unmapped_stages |= {
            shown_stage(stage, mapped.candidate) for stage in mapped.unmapped_stages
        }


def shown_stage(stage: AtsRef, candidate: CandidateRecord | None) -> str:
    """Returns the stage's name for operators; one that names the person is masked, with its id."""
    name, known_id = stage["name"], stage["external_id"] or "?"
    if name is None:
        return known_id
    person = () if candidate is None else (candidate["first_name"], candidate["last_name"])
    names = [text for text in person if isinstance(text, str)]
    masked = harmless(name, names)
    return name if masked == " ".join(name.split()) else f"{masked} ({known_id})"


def newest_version(records: Sequence[RawRecord], mapped: Sequence[Result]) -> RawRecord:
    """Returns the version that the ATS changed last; of equal ones the one it showed last."""
    times = [_changed_at(result) for result in mapped]
    newest = max(range(len(records)), key=lambda at: (times[at], at))
    return records[newest]


def _changed_at(result: Result) -> datetime:
    if not isinstance(result, Mapped):
        return EPOCH
    return record_changed_at(result.candidate, result.applications) or EPOCH
