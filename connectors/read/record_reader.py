"""Reads raw records into canonical ones: details, joins, mapping; one bad record stops no other."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.paths import DETAIL
from connectors.errors import OF_ONE_RECORD, BrokenAnswer, NotFound
from connectors.http.decoding import FAILURES, decode
from connectors.read.detail_fetcher import Fetcher, ReadRows
from connectors.read.digests import fingerprint, pruner
from connectors.read.fields_read import Mappers, Reads
from connectors.read.identify import SCOPE
from connectors.read.ids import identifier, scoped_id
from connectors.read.joins import Context, JoinLoader
from connectors.read.listing import AtsList
from connectors.read.mapping import BROKEN, FieldIssue, RecordFailed
from connectors.read.partial_decoder import Decode, partial_decoder
from connectors.read.record_caps import oversize, too_deep
from connectors.values import Mapped, MappingFailed, RawRecord, Unchanged
from models.candidate import ApplicationRecord, AtsRef, CandidateRecord

YIELD_AFTER = 96
"""Comparisons of records after which the event loop gets its turn."""
MAPPING_TAKES = 6
"""Comparisons that take as long as mapping one record."""

ReadRecord = Mapped | Unchanged | MappingFailed


class _Fresh(msgspec.Struct, gc=False):
    """A decoded record that is to be mapped."""

    record: RawRecord
    context: Context
    parts: list[Context]
    fingerprint: bytes


class ListReader:
    """Maps the records of one list."""

    def __init__(
        self,
        listing: AtsList,
        mappers: Mappers,
        reads: Reads,
        *,
        joins: JoinLoader,
        fetcher: Fetcher,
    ) -> None:
        """Compile what records are read with; `mappers` and `reads` are those of the list."""
        self.name = listing.name
        self.spec = listing.spec
        self.joins = joins
        self._fetcher = fetcher
        self._candidates = mappers.candidate
        self._applications = mappers.application
        self._decode: Decode = (
            partial_decoder(sorted(reads.names)) if reads.names is not None else decode
        )
        self._prune = pruner(self.spec.volatile)
        self._id = compile_path(self.spec.id)
        self._issues = fetcher.issues

    async def applications(self, record: Context) -> list[tuple[ApplicationRecord, Context]]:
        """The applications of one record that was read by id, each with what it was read from.

        Raises:
            RecordFailed: the record cannot be read.
        """
        if self._applications is None:
            return []
        if self.spec.detail_reads:
            record = {**record, DETAIL: None}
        parts = self._parts(record)
        await self.joins.join([record], parts)
        issues: list[FieldIssue] = []
        found = [(self._applications.read(part, issues).application, part) for part in parts]
        self._issues.note_fields(issues)
        return found

    async def record(
        self, key: str, *, urgent: bool = False, background: bool = False
    ) -> Context | None:
        """Reads one record by its id; None if the ATS does not have it.

        Raises:
            BrokenAnswer: the answer does not show the record.
        """
        try:
            read = await self._fetcher.read(self.name, [key], urgent=urgent, background=background)
        except NotFound:
            return None
        found = next((row for row in read.rows if self.known_as(row) == key), None)
        if found is None and key in read.doubtful:
            raise BrokenAnswer(f"{self.name}: the answer does not show the record {key}")
        return found

    def known_as(self, record: Context) -> str | None:
        """Returns the id of a record, with its scope if it has one; None if it has no id."""
        own = identifier(self._id(record))
        return own if own is None or SCOPE not in record else scoped_id(record[SCOPE], own)

    async def map(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> list[ReadRecord]:
        """Maps records; one that has its known fingerprint is not mapped.

        A record that needs neither details nor joins is decoded, mapped and dropped before the next
        one: a page of decoded records costs twice as much to make and to hold.
        """
        if not self.spec.reads_inline and not self.joins.has_joins:
            return await self._map_one_by_one(records, known)
        decoded = [self._decoded(each) for each in records]
        if self.spec.reads_inline:
            decoded = await self._detailed(records, decoded)
        compared = [
            self._compared(record, context, known.get(record.external_id))
            for record, context in zip(records, decoded, strict=True)
        ]
        fresh = [each for each in compared if isinstance(each, _Fresh)]
        await self.joins.join(
            [each.context for each in fresh], [part for each in fresh for part in each.parts]
        )
        return [self._mapped(each) if isinstance(each, _Fresh) else each for each in compared]

    async def _map_one_by_one(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> list[ReadRecord]:
        """Maps a page while the one before it is written, and lets that work go on in between."""
        found: list[ReadRecord] = []
        comparisons = 0
        for record in records:
            old = known.get(record.external_id)
            compared = self._compared(record, self._decoded(record), old)
            result = self._mapped(compared) if isinstance(compared, _Fresh) else compared
            found.append(result)
            comparisons += 1 if isinstance(result, Unchanged) else MAPPING_TAKES
            if comparisons >= YIELD_AFTER:
                comparisons = 0
                await asyncio.sleep(0)
        return found

    def _decoded(self, record: RawRecord) -> Context | MappingFailed:
        too_much = oversize(record.raw) or too_deep(record.raw)
        if too_much is not None:
            return _failed(record, f"the record {too_much}")
        try:
            value = self._decode(record.raw, self._note_repair)
        except FAILURES as error:
            return _failed(record, f"the record {error}")
        return value if isinstance(value, dict) else _failed(record, "the record is no object")

    def _note_repair(self, reason: str) -> None:
        self._issues.note("body", self.name, f"a record {reason}")

    def _compared(
        self, record: RawRecord, context: Context | MappingFailed, old: bytes | None
    ) -> _Fresh | Unchanged | MappingFailed:
        """Compares a record with the fingerprint that is known of it."""
        if isinstance(context, MappingFailed):
            return context
        try:
            content = fingerprint(self._prune(context))
            if content == old:
                return Unchanged(record.external_id)
            if self.spec.detail_reads:
                context = {**context, DETAIL: None}
            return _Fresh(record, context, self._parts(context), content)
        except BROKEN as error:
            return _failed(record, _because(error))

    async def _detailed(
        self, records: Sequence[RawRecord], decoded: Sequence[Context | MappingFailed]
    ) -> list[Context | MappingFailed]:
        ids = [
            record.external_id
            for record, each in zip(records, decoded, strict=True)
            if not isinstance(each, MappingFailed)
        ]
        read = await self._details(ids)
        by_id = {self.known_as(row): row for row in read.rows}
        missing = read.doubtful - by_id.keys()
        return [
            each
            if isinstance(each, MappingFailed)
            else _failed(record, "its details cannot be read")
            if record.external_id in missing
            else {**each, **by_id.get(record.external_id, {})}
            for record, each in zip(records, decoded, strict=True)
        ]

    async def _details(self, ids: Sequence[str]) -> ReadRows:
        """The records in full; a single one that the ATS fails at is no outage by itself."""
        if not ids:
            return ReadRows([])
        try:
            return await self._fetcher.read(self.name, ids)
        except OF_ONE_RECORD as error:
            if len(ids) > 1 or error.status is None:
                raise
            return ReadRows([], frozenset(ids))

    def _parts(self, record: Context) -> list[Context]:
        return [] if self._applications is None else self._applications.parts(record)

    def _mapped(self, fresh: _Fresh) -> Mapped | MappingFailed:
        try:
            return self._read(fresh)
        except BROKEN as error:
            return _failed(fresh.record, _because(error))

    def _read(self, fresh: _Fresh) -> Mapped:
        issues: list[FieldIssue] = []
        candidate = self._candidates.read(fresh.context, issues) if self._candidates else None
        applications: list[ApplicationRecord] = []
        unmapped: list[AtsRef] = []
        for part in fresh.parts:
            if self._applications is not None:
                found = self._applications.read(part, issues)
                applications.append(found.application)
                if not found.is_mapped:
                    unmapped.append(found.application["stage"])
        self._issues.note_fields(issues)
        unsure = self.joins.is_unsure((fresh.context, *fresh.parts))
        mapper = self._candidates
        return Mapped(
            fresh.record.external_id,
            fingerprint([fresh.fingerprint, "provisional"]) if unsure else fresh.fingerprint,
            candidate,
            tuple(applications),
            tuple(unmapped),
            _filled(candidate, applications),
            provisional=unsure,
            is_anonymised=mapper is not None and mapper.is_anonymised(fresh.context),
            failed_fields=_names(issues, kept=False),
            raw_fields=_names(issues, kept=True),
        )


def _names(issues: Sequence[FieldIssue], *, kept: bool) -> frozenset[str]:
    if not issues:
        return frozenset()
    return frozenset([each.name for each in issues if each.kept == kept])


def _because(error: Exception) -> str:
    """Our own words, or only the kind of error: others may quote the record."""
    known = isinstance(error, RecordFailed)
    return str(error) if known else f"the record cannot be read ({type(error).__name__})"


def _failed(record: RawRecord, why: str) -> MappingFailed:
    return MappingFailed(record.external_id, why)


def _filled(
    candidate: CandidateRecord | None, applications: Iterable[ApplicationRecord]
) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    if candidate is not None:
        found = _names_filled("candidate", tuple(candidate), tuple(map(bool, candidate.values())))
    for application in applications:
        has = tuple(map(bool, application.values()))
        found |= _names_filled("application", tuple(application), has)
    return found


@lru_cache(maxsize=4096)
def _names_filled(part: str, names: tuple[str, ...], has: tuple[bool, ...]) -> frozenset[str]:
    """Records of one kind are filled in few ways: each is worked out once."""
    return frozenset(f"{part}.{name}" for name, full in zip(names, has, strict=True) if full)
