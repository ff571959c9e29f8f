"""Brings records of other lists to a record's side, as `joined.<name>`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import Join
from connectors.definition.paths import names_read
from connectors.errors import OF_ONE_RECORD, AtsError, Forbidden, Misdirected, NotFound
from connectors.read.detail_fetcher import Fetcher
from connectors.read.digests import fingerprint
from connectors.read.fields_read import Reads
from connectors.read.ids import identifier
from connectors.read.lookups import SPARSE_STALE_S, STALE_S, Lookups, Rows, index_rows

Context = dict[str, Any]
"""A record, or one application of it, with what was joined to it."""
WHOLE_AFTER_KEYS = 300
"""Keys of one run after which a list that is joined by key is read whole."""
WHOLE_AT_MOST = 50_000
"""Records of a joined list that are kept in memory during one walk."""
_UNSURE = "?"
"""The key among a record's joins (no join can have this name) if one of them did not answer."""
_REFUSED = (Forbidden, NotFound)
_FAILING = (*OF_ONE_RECORD, Misdirected)


class JoinLoader:
    """Loads the joins of one list."""

    def __init__(self, reads: Reads, *, lookups: Lookups, fetcher: Fetcher) -> None:
        self._of_candidates = reads.candidate_joins
        self._of_applications = reads.application_joins
        self._names_read = reads.of_joins
        self._lookups = lookups
        self._fetcher = fetcher
        self._issues = fetcher.issues
        self._closed: dict[str, bool] = {}
        """Optional lists that cannot be read in this run; True: the next run may read them."""
        self._keys_read: Counter[str] = Counter()
        self._read_whole: dict[str, dict[str, Rows] | None] = {}
        """Lists read whole since `prepare`; None for those that turned out too large."""

    @property
    def has_joins(self) -> bool:
        """True where the mapping reads other lists."""
        return bool(self._of_candidates or self._of_applications)

    async def prepare(self) -> str:
        """Loads lists that are joined whole again, before a run; returns a digest of them."""
        self._closed.clear()
        self._keys_read.clear()
        self._read_whole.clear()
        joins = {**self._of_candidates, **self._of_applications}
        whole = {join.list: join for join in joins.values() if join.load == "all"}
        for _, join in sorted(whole.items()):
            await self._refresh(join)
        return await self._digest([(n, j) for n, j in sorted(joins.items()) if j.load == "all"])

    async def _refresh(self, join: Join) -> None:
        """Loads a list; an optional one that fails for now is used as it was last read."""
        try:
            await self._lookups.rows(join.list, max_age_s=0.0)
        except (*_REFUSED, *_FAILING) as error:
            self._close_or_raise(join, error)
            if self._lookups.has(join.list) and self._closed[join.list]:
                del self._closed[join.list]

    async def _digest(self, joins: Sequence[tuple[str, Join]]) -> str:
        """Returns a digest of what the mapping reads of these lists, in whatever order they come."""
        if not joins:
            return ""
        read = [
            [
                name,
                sorted(
                    self._row_digest(name, join, row) for row in await self._lookups.rows(join.list)
                ),
            ]
            for name, join in joins
            if join.list not in self._closed
        ]
        return fingerprint(read).hex()

    def _row_digest(self, name: str, join: Join, row: Context) -> bytes:
        mapped = self._names_read.get(name)
        known_by = names_read([self._key_at(join)])
        if mapped is None or known_by is None or not isinstance(row, dict):
            return fingerprint(row)
        return fingerprint({key: row.get(key) for key in mapped | known_by})

    async def join(self, records: Sequence[Context], applications: Sequence[Context]) -> None:
        """Adds `joined` to records and to their applications."""
        if not self.has_joins:
            return
        for context in (*records, *applications):
            context["joined"] = {}
        for name, join in self._of_candidates.items():
            await self._add(name, join, records)
        for name, join in self._of_applications.items():
            await self._add(name, join, applications)

    async def _add(self, name: str, join: Join, contexts: Sequence[Context]) -> None:
        key_of = compile_path(join.key)
        keys = [identifier(key_of(context)) for context in contexts]
        index = await self._index(join, {key for key in keys if key is not None})
        unsure = self._closed.get(join.list, False)
        for context, key in zip(contexts, keys, strict=True):
            rows = index.get(key, []) if key is not None else []
            context["joined"][name] = rows if join.many else rows[0] if rows else None
            if unsure and key is not None:
                context["joined"][_UNSURE] = True
        missing = sum(key is not None and key not in index for key in keys)
        # For `many` and `sparse` no record is an answer too.
        if missing and not (join.many or join.sparse or join.list in self._closed):
            reason = "has no record for a key that other records hold: what it would add is empty"
            self._issues.note("key", join.list, reason, missing)

    def _key_at(self, join: Join) -> str:
        """Returns the path of the key in the other list's rows."""
        return join.by or self._fetcher.lists[join.list].spec.id

    def is_unsure(self, contexts: Sequence[Context]) -> bool:
        """True where a list that one of these needed did not answer, and may in the next run."""
        return bool(self._closed) and any(_UNSURE in each.get("joined", ()) for each in contexts)

    async def _index(self, join: Join, keys: set[str]) -> Mapping[str, Rows]:
        by = self._key_at(join)
        if join.list in self._closed:
            return {}
        try:
            if join.load == "all":
                stale_s = SPARSE_STALE_S if join.sparse else STALE_S
                return await self._lookups.ensure(join.list, by, keys, stale_s=stale_s)
            return await self._needed(join, by, keys)
        except (*_REFUSED, *_FAILING) as error:
            self._close_or_raise(join, error)
            return {}

    def _close_or_raise(self, join: Join, error: AtsError) -> None:
        """Leaves an optional list that fails alone until the next run."""
        if not join.optional:
            raise error
        self._closed[join.list] = not isinstance(error, _REFUSED)
        answered = f"HTTP {error.status}" if error.status else type(error).__name__
        reason = f"cannot be read ({answered}): what it adds stays empty"
        self._issues.note("join", join.list, reason)

    async def _needed(self, join: Join, by: str, keys: set[str]) -> Mapping[str, Rows]:
        """Returns the rows of these keys; after many keys of a run, a small list is read whole."""
        if not keys:
            return {}
        self._keys_read[join.list] += len(keys)
        whole = await self._whole(join.list, by)
        if whole is None:
            return index_rows(await self._rows_of(join, keys), by)
        missing = set() if join.many else keys - whole.keys()
        if missing:
            whole |= index_rows(await self._rows_of(join, missing), by)
        return whole

    async def _whole(self, name: str, by: str) -> dict[str, Rows] | None:
        if self._keys_read[name] < WHOLE_AFTER_KEYS:
            return None
        if name not in self._read_whole:
            listing = self._fetcher.lists[name]
            rows = await listing.rows(listing.draft(), most=WHOLE_AT_MOST)
            self._read_whole[name] = None if rows is None else index_rows(rows, by)
        return self._read_whole[name]

    async def _rows_of(self, join: Join, keys: set[str]) -> Rows:
        """Returns each record once, also where pages overlap."""
        id_of = compile_path(self._fetcher.lists[join.list].spec.id)
        read = await self._fetcher.read(join.list, keys, is_join=True)
        return list(
            {identifier(id_of(row)) or at: row for at, row in enumerate(read.rows)}.values()
        )
