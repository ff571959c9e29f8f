"""Reads records by id: in batches where the vendor takes several ids, else one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import Fetch, List
from connectors.errors import (
    AtsError,
    BrokenAnswer,
    NotFound,
    NotSupported,
    Rejected,
    Unavailable,
    UnexpectedPayload,
)
from connectors.http.decoding import FAILURES, decode
from connectors.http.requests import Draft, RequestBuilder
from connectors.http.transport import SuccessResponse, Transport
from connectors.read.identify import SCOPE
from connectors.read.ids import identifier
from connectors.read.issues import IssueLog
from connectors.read.listing import AtsList
from connectors.read.lookups import Rows

_AT_ONCE = 4
"""Single reads under way at a time; the vendor's own limits come on top."""


class ReadRows(msgspec.Struct, frozen=True):
    """The answer to a read by ids."""

    rows: Rows
    doubtful: frozenset[str] = frozenset()
    """Ids that may be among what could not be read: of them nothing is known."""

    def encoded(self) -> list[bytes]:
        """The records as JSON again; one that no encoder takes fails where it is decoded."""
        return [_encoded(row) for row in self.rows]


class Fetcher(msgspec.Struct, frozen=True):
    """Reads by id from every list that has a `fetch`."""

    lists: Mapping[str, List]
    listings: Mapping[str, AtsList]
    requests: RequestBuilder
    transport: Transport
    issues: IssueLog

    async def rows(self, name: str, ids: Iterable[str]) -> Rows:
        """The records with these ids, or with these values of the key that the request takes."""
        return (await self.read(name, ids, is_join=True)).rows

    async def read(
        self,
        name: str,
        ids: Iterable[str],
        *,
        urgent: bool = False,
        background: bool = False,
        is_join: bool = False,
    ) -> ReadRows:
        """The records with these ids. An unusable id is at no ATS and not requested."""
        spec = self._spec(name)
        wanted = sorted({each for each in ids if self._is_usable(name, each)})
        batches = [wanted[at : at + spec.batch] for at in range(0, len(wanted), spec.batch)]
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(batch: Sequence[str]) -> ReadRows:
            async with slots:
                draft = self._draft(name, spec, batch, urgent=urgent, background=background)
                return await self._batch(name, spec, batch, draft, is_join=is_join)

        if len(batches) == 1:
            return await one(batches[0])
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(_settled(one(batch))) for batch in batches]
        except ExceptionGroup as failed:
            # Callers know single errors; the first one is the cause of all.
            raise failed.exceptions[0] from None
        found = [task.result() for task in running]
        failures = [each for each in found if isinstance(each, AtsError)]
        if failures and (is_join or len(failures) == len(found)):
            raise failures[0]
        return _together(found, batches)

    def _is_usable(self, name: str, external_id: str) -> bool:
        if self.lists[name].scopes is None:
            return identifier(external_id) is not None
        scope, _, own = external_id.partition(":")
        return bool(scope and own)

    def _spec(self, name: str) -> Fetch:
        spec = self.lists[name].fetch
        if spec is None:
            raise NotSupported(f"{name}: the definition has no `fetch`", operation=name)
        return spec

    def _draft(
        self, name: str, spec: Fetch, batch: Sequence[str], *, urgent: bool, background: bool
    ) -> Draft:
        scope, own = self._split(name, batch)
        values = {"ids": own, "id": own[0], "scope": scope}
        return self.requests.draft(
            spec.request, f"{name}.fetch", values, is_urgent=urgent, is_background=background
        )

    async def _batch(
        self, name: str, spec: Fetch, batch: Sequence[str], draft: Draft, *, is_join: bool
    ) -> ReadRows:
        scope, own = self._split(name, batch)
        if spec.paginated:
            return ReadRows(await self.listings[name].rows(draft) or [])
        try:
            items = await self._items(draft, spec, takes_null=is_join)
        except NotFound:
            if spec.batch == 1:
                return ReadRows([])
            raise
        added = {} if scope is None else {SCOPE: scope}
        rows = [{**item, **added} for item in items if isinstance(item, dict)]
        id_of = compile_path(self.lists[name].id)
        if spec.adds_id and len(rows) == 1 and id_of(rows[0]) is None:
            rows[0][self.lists[name].id] = own[0]
        read = [row for row in rows if identifier(id_of(row)) is not None]
        if odd := len(items) - len(read):
            self.issues.note("row", f"{name}.fetch", "a record without a usable id", odd)
        return ReadRows(rows if is_join else read, frozenset(batch if odd else ()))

    async def _items(self, draft: Draft, spec: Fetch, *, takes_null: bool) -> list[Any]:
        """Returns the records of the answer.

        Raises:
            BrokenAnswer: there is neither a record nor a list, so that nothing is known of the ids.
        """
        find = compile_path(spec.records)

        def accept(good: SuccessResponse[Any]) -> None:
            found = find(good.payload)
            fits = isinstance(found, list | dict) or (takes_null and found is None)
            if not (fits or good.skipped):
                message = f"{draft.operation}: the answer has no record at `{spec.records}`"
                raise BrokenAnswer(message, status=good.status, operation=draft.operation)

        parse = _parser(lambda reason: self.issues.note("body", draft.operation, reason))
        good = await self.transport.read(draft.outgoing(), "fetch", parse, accept=accept)
        found = find(good.payload)
        return found if isinstance(found, list) else [] if found is None else [found]

    def _split(self, name: str, batch: Sequence[str]) -> tuple[str | None, list[str]]:
        """Records of a list with scopes are known as `<scope>:<id>`, and read one by one."""
        if self.lists[name].scopes is None:
            return None, list(batch)
        scope, _, own = batch[0].partition(":")
        return scope, [own]


_BAD = (BrokenAnswer, Rejected, Unavailable, UnexpectedPayload)
"""The errors of one record's read that leave others readable."""


async def _settled(read: Awaitable[ReadRows]) -> ReadRows | AtsError:
    """The rows, or the error of a batch that stops no other."""
    try:
        return await read
    except _BAD as error:
        return error


def _together(found: Sequence[ReadRows | AtsError], batches: Sequence[Sequence[str]]) -> ReadRows:
    rows: Rows = []
    doubtful: set[str] = set()
    for each, batch in zip(found, batches, strict=True):
        rows += [] if isinstance(each, AtsError) else each.rows
        doubtful.update(batch if isinstance(each, AtsError) else each.doubtful)
    return ReadRows(rows, frozenset(doubtful))


def _parser(note: Callable[[str], None]) -> Callable[[bytes], tuple[Any, Any]]:
    def parse(body: bytes) -> tuple[Any, Any]:
        value = decode(body, note)
        return value, value

    return parse


def _encoded(row: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(row)
    except FAILURES:
        return b""
