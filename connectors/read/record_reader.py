"""Reads raw records into canonical ones: details, joins, mapping; one bad record stops no other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from connectors.connector import Mapped, MappingFailed, RawRecord, Unchanged
from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import Join, List
from connectors.definition.paths import names_read
from connectors.errors import (
    AtsError,
    BrokenAnswer,
    Forbidden,
    Misdirected,
    NotFound,
    Rejected,
    Unavailable,
    UnexpectedPayload,
)
from connectors.http.decoding import FAILURES
from connectors.read.detail_fetcher import Fetcher, ReadRows
from connectors.read.fields_read import Mappers, Reads
from connectors.read.issues import IssueLog
from connectors.read.lookups import SPARSE_STALE_S, STALE_S, Lookups, Rows, index_rows
from connectors.read.mapping import BROKEN, FieldIssue, RecordFailed
from connectors.read.record_caps import oversize, too_deep
from connectors.read.records import (
    SCOPE,
    Decode,
    decode,
    fingerprint,
    identifier,
    is_of_bytes,
    partly,
    printer,
    pruner,
    scoped_id,
)
from models.candidate import (
    ApplicationRecord,
    CandidateRecord,
    NamedRef,
)

Context = dict[str, Any]
GIVE_WAY_AFTER = 96
MAPPING_TAKES = 6
"""As long as so many comparisons of a record with its fingerprint."""
WHOLE_AFTER_KEYS = 300
WHOLE_AT_MOST = 50_000
"""Records of a joined list that are kept in memory during one walk."""


class _Fresh(msgspec.Struct, gc=False):
    """A decoded record that is to be mapped."""

    record: RawRecord
    context: Context
    parts: list[Context]
    fingerprint: bytes


UNSURE = "?"
"""Stands among a record's joins, where no join can be called so, if one of them did not answer."""
_CLOSED = (Forbidden, NotFound)
_FAILING = (BrokenAnswer, Misdirected, Rejected, Unavailable, UnexpectedPayload)


class ListReader:
    """Maps the records of one list."""

    def __init__(
        self,
        name: str,
        lists: Mapping[str, List],
        mappers: Mappers,
        reads: Reads,
        *,
        lookups: Lookups,
        fetcher: Fetcher,
        load_at_most: Callable[[str, int], Awaitable[Rows | None]],
        issues: IssueLog,
    ) -> None:
        """Compile what records are read with; `mappers` and `reads` are those of the list."""
        self.name = name
        self.spec = lists[name]
        self._lists = lists
        self._lookups = lookups
        self._fetcher = fetcher
        self._candidates = mappers.candidate
        self._applications = mappers.application
        self._candidate_joins = reads.candidate_joins
        self._application_joins = reads.application_joins
        self._read_of_joins = reads.of_joins
        self._decode: Decode = partly(sorted(reads.names)) if reads.names is not None else decode
        self._print = printer(reads.names, self.spec.volatile)
        self._prune = pruner(self.spec.volatile)
        self._id = compile_path(self.spec.id)
        self._issues = issues
        self._load_at_most = load_at_most
        self._closed: dict[str, bool] = {}
        """Optional lists that cannot be read in this run; True: it may be otherwise next time."""
        self._asked: Counter[str] = Counter()
        self._read_whole: dict[str, dict[str, Rows] | None] = {}
        """Lists read whole since `prepare`; None for those that turned out too large."""

    async def prepare(self) -> str:
        """Load the lists again that are looked up whole, before a run; a digest of what they say."""
        self._closed.clear()
        self._asked.clear()
        self._read_whole.clear()
        joins = {**self._candidate_joins, **self._application_joins}
        whole = {join.list: join for join in joins.values() if join.load == "all"}
        for _, join in sorted(whole.items()):
            await self._refresh(join)
        return await self._digest([(n, j) for n, j in sorted(joins.items()) if j.load == "all"])

    async def _refresh(self, join: Join) -> None:
        """Load a list; an optional one that fails for now is used as it was last read."""
        try:
            await self._lookups.refresh([join.list])
        except (*_CLOSED, *_FAILING) as error:
            self._close_or_raise(join, error)
            if self._lookups.has(join.list) and self._closed[join.list]:
                del self._closed[join.list]

    async def _digest(self, joins: Sequence[tuple[str, Join]]) -> str:
        """Of what the mapping reads of lists that it looks up whole, in whatever order they come."""
        if not joins:
            return ""
        said = [
            [
                name,
                sorted(self._said(name, join, row) for row in await self._lookups.rows(join.list)),
            ]
            for name, join in joins
            if join.list not in self._closed
        ]
        return fingerprint(said).hex()

    def _said(self, name: str, join: Join, row: Context) -> bytes:
        behind = self._read_of_joins.get(name)
        known_by = names_read([join.by or self._lists[join.list].id])
        if behind is None or known_by is None or not isinstance(row, dict):
            return fingerprint(row)
        return fingerprint({key: row.get(key) for key in behind | known_by})

    async def applications(self, record: Context) -> list[tuple[ApplicationRecord, Context]]:
        """The applications of one record that was read by id, each with what it was read from.

        Raises:
            RecordFailed: the record cannot be read.
        """
        if self._applications is None:
            return []
        parts = self._parts(record)
        await self._join([record], parts)
        issues: list[FieldIssue] = []
        found = [(self._applications.read(part, issues).application, part) for part in parts]
        self._note_fields(issues)
        return found

    def known_as(self, record: Context) -> str | None:
        """How the record is known; None if it has no id."""
        own = identifier(self._id(record))
        return own if own is None or SCOPE not in record else scoped_id(record[SCOPE], own)

    async def _read_all(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> list[Mapped | Unchanged | MappingFailed]:
        judged: list[_Fresh | Unchanged | MappingFailed]
        if self.spec.detail is None:
            judged = [self._looked_at(record, known) for record in records]
        else:
            contexts = await self._detailed(records, [self._decoded(each) for each in records])
            judged = [
                self._judged(record, context, known.get(record.external_id))
                for record, context in zip(records, contexts, strict=True)
            ]
        fresh = [each for each in judged if isinstance(each, _Fresh)]
        await self._join(
            [each.context for each in fresh], [part for each in fresh for part in each.parts]
        )
        return [self._mapped(each) if isinstance(each, _Fresh) else each for each in judged]

    async def map(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> list[Mapped | Unchanged | MappingFailed]:
        """What an import reads of every record; one that has its known fingerprint is not mapped.

        Where a record needs nothing beside itself it is decoded, mapped and dropped before the
        next one: a page of decoded records costs twice as much to make and to hold.
        """
        if self.spec.detail is None and not (self._candidate_joins or self._application_joins):
            return await self._mapped_one_by_one(records, known)
        return await self._read_all(records, known)

    async def _mapped_one_by_one(
        self, records: Sequence[RawRecord], known: Mapping[str, bytes]
    ) -> list[Mapped | Unchanged | MappingFailed]:
        """While a page is mapped, the one before it is written: that must get its turns."""
        found: list[Mapped | Unchanged | MappingFailed] = []
        worked = 0
        for record in records:
            result = self._mapped_alone(record, known)
            found.append(result)
            worked += 1 if isinstance(result, Unchanged) else MAPPING_TAKES
            if worked >= GIVE_WAY_AFTER:
                worked = 0
                await asyncio.sleep(0)
        return found

    def _mapped_alone(
        self, record: RawRecord, known: Mapping[str, bytes]
    ) -> Mapped | Unchanged | MappingFailed:
        judged = self._looked_at(record, known)
        return self._mapped(judged) if isinstance(judged, _Fresh) else judged

    def _looked_at(
        self, record: RawRecord, known: Mapping[str, bytes]
    ) -> _Fresh | Unchanged | MappingFailed:
        """A record seen for the first time is known by its bytes, later on by its content.

        Bytes are told without decoding. An ATS that writes the same content in another way each
        time is found out by the second look.
        """
        old = known.get(record.external_id)
        print_ = None
        if old is None or is_of_bytes(old):
            print_ = record.digest if self.spec.rotates else self._print(record.raw)
            if print_ is not None and print_ == old:
                return Unchanged(record.external_id)
        return self._judged(record, self._decoded(record), old, None if old else print_)

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

    def _note_fields(self, issues: Iterable[FieldIssue]) -> None:
        for each in issues:
            became = "it is kept as it came" if each.kept else "it is left out"
            self._issues.note("field", each.name, f"{each.reason}; {became}")

    def _judged(
        self,
        record: RawRecord,
        context: Context | MappingFailed,
        old: bytes | None,
        print_: bytes | None = None,
    ) -> _Fresh | Unchanged | MappingFailed:
        if isinstance(context, MappingFailed):
            return context
        try:
            if print_ is None:
                print_ = fingerprint(self._prune(context))
                if print_ == old:
                    return Unchanged(record.external_id)
            return _Fresh(record, context, self._parts(context), print_)
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
            else _merged(each, by_id.get(record.external_id))
            for record, each in zip(records, decoded, strict=True)
        ]

    async def _details(self, ids: Sequence[str]) -> ReadRows:
        """The records in full; a single one that the ATS fails at is no outage by itself."""
        if not ids:
            return ReadRows([])
        try:
            return await self._fetcher.read(self.name, ids)
        except (BrokenAnswer, Rejected, Unavailable, UnexpectedPayload) as error:
            if len(ids) > 1 or error.status is None:
                raise
            return ReadRows([], frozenset(ids))

    def _parts(self, record: Context) -> list[Context]:
        return [] if self._applications is None else self._applications.parts(record)

    async def _join(self, own: Sequence[Context], separate: Sequence[Context]) -> None:
        """Bring what records and their applications are looked up in."""
        if not (self._candidate_joins or self._application_joins):
            return
        for context in (*own, *separate):
            context["joined"] = {}
        for name, join in self._candidate_joins.items():
            await self._bring(name, join, own)
        for name, join in self._application_joins.items():
            await self._bring(name, join, separate)

    async def _bring(self, name: str, join: Join, contexts: Sequence[Context]) -> None:
        key_of = compile_path(join.key)
        keys = [identifier(key_of(context)) for context in contexts]
        index = await self._index(join, {key for key in keys if key is not None})
        unsure = self._closed.get(join.list, False)
        for context, key in zip(contexts, keys, strict=True):
            rows = index.get(key, []) if key is not None else []
            context["joined"][name] = rows if join.many else rows[0] if rows else None
            if unsure and key is not None:
                context["joined"][UNSURE] = True
        self._note_missing(join, sum(key is not None and key not in index for key in keys))

    def _note_missing(self, join: Join, missing: int) -> None:
        """Reports keys for which the other list has no record, unless that is an answer too."""
        if missing and not (join.many or join.sparse or join.list in self._closed):
            reason = "has no record for a key that other records hold: what it would add is empty"
            self._issues.note("key", join.list, reason, missing)

    async def _index(self, join: Join, keys: set[str]) -> Mapping[str, Rows]:
        by = join.by or self._lists[join.list].id
        if join.list in self._closed:
            return {}
        try:
            if join.load == "all":
                stale_s = SPARSE_STALE_S if join.sparse else STALE_S
                return await self._lookups.ensure(join.list, by, keys, stale_s=stale_s)
            return await self._needed(join, by, keys)
        except (*_CLOSED, *_FAILING) as error:
            self._close_or_raise(join, error)
            return {}

    def _close_or_raise(self, join: Join, error: AtsError) -> None:
        """A list that only adds to a record may fail; it is left alone until the next run."""
        if not join.optional:
            raise error
        self._closed[join.list] = not isinstance(error, _CLOSED)
        answered = f"HTTP {error.status}" if error.status else type(error).__name__
        reason = f"cannot be read ({answered}): what it adds stays empty"
        self._issues.note("join", join.list, reason)

    async def _needed(self, join: Join, by: str, keys: set[str]) -> Mapping[str, Rows]:
        """By key; once many keys of a run were asked for, a list that is not large is read whole."""
        if not keys:
            return {}
        self._asked[join.list] += len(keys)
        whole = await self._whole(join, by)
        if whole is None:
            return index_rows(await self._needed_rows(join, keys), by)
        missing = set() if join.many else keys - whole.keys()
        if missing:
            whole |= index_rows(await self._needed_rows(join, missing), by)
        return whole

    async def _whole(self, join: Join, by: str) -> dict[str, Rows] | None:
        name = join.list
        if self._asked[name] < WHOLE_AFTER_KEYS:
            return None
        if name not in self._read_whole:
            rows = await self._load_at_most(name, WHOLE_AT_MOST)
            self._read_whole[name] = None if rows is None else index_rows(rows, by)
        return self._read_whole[name]

    async def _needed_rows(self, join: Join, keys: set[str]) -> Rows:
        """Each record once, also where pages overlap."""
        id_of = compile_path(self._lists[join.list].id)
        rows = await self._fetcher.rows(join.list, keys)
        return list({identifier(id_of(row)) or id(row): row for row in rows}.values())

    def _mapped(self, fresh: _Fresh) -> Mapped | MappingFailed:
        try:
            return self._read(fresh.record, fresh.context, fresh.parts, fresh.fingerprint)
        except BROKEN as error:
            return _failed(fresh.record, _because(error))

    def _read(
        self, record: RawRecord, context: Context, parts: Sequence[Context], print_: bytes
    ) -> Mapped:
        issues: list[FieldIssue] = []
        candidate = self._candidates.read(context, issues) if self._candidates else None
        applications: list[ApplicationRecord] = []
        unmapped: list[NamedRef] = []
        for part in parts:
            if self._applications is not None:
                found = self._applications.read(part, issues)
                applications.append(found.application)
                if not found.is_mapped:
                    unmapped.append(found.application["stage"])
        if issues:
            self._note_fields(issues)
        unsure = bool(self._closed) and any(_is_unsure(each) for each in (context, *parts))
        return Mapped(
            record.external_id,
            fingerprint([print_, UNSURE]) if unsure else print_,
            candidate,
            tuple(applications),
            tuple(unmapped),
            _filled(candidate, applications),
            provisional=unsure,
            failed_fields=frozenset(each.name for each in issues if not each.kept),
            raw_fields=frozenset(each.name for each in issues if each.kept),
        )


def _is_unsure(context: Context) -> bool:
    return UNSURE in context.get("joined", ())


def _because(error: Exception) -> str:
    """Our own words, or only the kind of error: others may quote the record."""
    known = isinstance(error, RecordFailed)
    return str(error) if known else f"the record cannot be read ({type(error).__name__})"


def _failed(record: RawRecord, why: str) -> MappingFailed:
    return MappingFailed(record.external_id, why)


def _merged(listed: Context, detail: Context | None) -> Context:
    """The detail's fields come first; what only the list shows stays."""
    return listed if detail is None else {**listed, **detail}


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
