"""Reads records by id: in batches where the vendor takes several ids, else one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, TypeVar

import msgspec

from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import Fetch
from connectors.errors import OF_ONE_RECORD, AtsError, BrokenAnswer, NotFound, NotSupported
from connectors.http.answers import SuccessResponse
from connectors.http.decoding import FAILURES, decode
from connectors.http.parts import Parts
from connectors.http.requests import Draft
from connectors.read.identify import SCOPE
from connectors.read.ids import identifier
from connectors.read.issues import IssueLog
from connectors.read.listing import AtsList
from connectors.read.lookups import Rows

AT_ONCE = 4
"""Single reads under way at a time; the vendor's own limits come on top."""

Item = TypeVar("Item")
Found = TypeVar("Found")


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

    parts: Parts
    lists: Mapping[str, AtsList]
    issues: IssueLog

    async def read(
        self,
        name: str,
        ids: Iterable[str],
        *,
        urgent: bool = False,
        background: bool = False,
        is_join: bool = False,
    ) -> ReadRows:
        """The records with these ids, or for a join with these values of the key that the request takes.

        An unusable id is at no ATS and not requested.
        """
        spec = self._spec(name)
        wanted = sorted({each for each in ids if self._is_usable(name, each)})
        batches = [wanted[at : at + spec.batch] for at in range(0, len(wanted), spec.batch)]

        async def one(batch: Sequence[str]) -> ReadRows:
            scope, own = self._split(name, batch)
            draft = self.parts.requests.draft(
                spec.request,
                f"{name}.fetch",
                {"ids": own, "id": own[0], "scope": scope},
                is_urgent=urgent,
                is_background=background,
            )
            return await self._batch(name, spec, batch, draft, is_join=is_join)

        found = await several(one, batches)
        failures = [each for each in found if isinstance(each, AtsError)]
        if failures and (is_join or len(failures) == len(found)):
            raise failures[0]
        return _together(found, batches)

    def _is_usable(self, name: str, external_id: str) -> bool:
        if self.lists[name].spec.scopes is None:
            return identifier(external_id) is not None
        scope, _, own = external_id.partition(":")
        return bool(scope and own)

    def _spec(self, name: str) -> Fetch:
        spec = self.lists[name].spec.fetch
        if spec is None:
            raise NotSupported(f"{name}: the definition has no `fetch`", operation=name)
        return spec

    async def _batch(
        self, name: str, spec: Fetch, batch: Sequence[str], draft: Draft, *, is_join: bool
    ) -> ReadRows:
        scope, own = self._split(name, batch)
        if spec.paginated:
            return ReadRows(await self.lists[name].rows(draft) or [])
        kinds = (list, dict, NoneType) if is_join else (list, dict)
        try:
            found = await self.answer(draft, spec.records, kinds)
        except NotFound:
            if spec.batch == 1:
                return ReadRows([])
            raise
        items = found if isinstance(found, list) else [] if found is None else [found]
        added = {} if scope is None else {SCOPE: scope}
        rows = [{**item, **added} for item in items if isinstance(item, dict)]
        id_at = self.lists[name].spec.id
        id_of = compile_path(id_at)
        if spec.adds_id and len(rows) == 1 and id_of(rows[0]) is None:
            rows[0][id_at] = own[0]
        read = [row for row in rows if identifier(id_of(row)) is not None]
        if odd := len(items) - len(read):
            self.issues.note("row", f"{name}.fetch", "a record without a usable id", odd)
        return ReadRows(rows if is_join else read, frozenset(batch if odd else ()))

    async def answer(self, draft: Draft, path: str, kinds: tuple[type, ...]) -> Any:
        """Returns what the answer has at a path, unless a rule of the definition says that nothing is there.

        Raises:
            BrokenAnswer: it is of none of these kinds, so that nothing is known of the records.
        """
        find = compile_path(path)

        def parse(body: bytes) -> tuple[Any, Any]:
            value = decode(body, lambda why: self.issues.note("body", draft.operation, why))
            return value, value

        def accept(good: SuccessResponse[Any]) -> None:
            if not (good.skipped or isinstance(find(good.payload), kinds)):
                message = f"{draft.operation}: the answer has no record at `{path}`"
                raise BrokenAnswer(message, status=good.status, operation=draft.operation)

        good = await self.parts.transport.read(draft.outgoing(), "fetch", parse, accept=accept)
        return find(good.payload)

    def _split(self, name: str, batch: Sequence[str]) -> tuple[str | None, list[str]]:
        """Records of a list with scopes are known as `<scope>:<id>`, and read one by one."""
        if self.lists[name].spec.scopes is None:
            return None, list(batch)
        scope, _, own = batch[0].partition(":")
        return scope, [own]


async def several(
    read: Callable[[Item], Awaitable[Found]], items: Sequence[Item]
) -> list[Found | AtsError]:
    """Reads some at a time; an error `OF_ONE_RECORD` is the answer for its item, any other ends all reads."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> Found | AtsError:
        async with slots:
            try:
                return await read(item)
            except OF_ONE_RECORD as error:
                return error

    if len(items) == 1:
        return [await one(items[0])]
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one(item)) for item in items]
    except ExceptionGroup as failed:
        # Callers know single errors; the first one is the cause of all.
        raise failed.exceptions[0] from None
    return [task.result() for task in running]


def _together(found: Sequence[ReadRows | AtsError], batches: Sequence[Sequence[str]]) -> ReadRows:
    rows: Rows = []
    doubtful: set[str] = set()
    for each, batch in zip(found, batches, strict=True):
        rows += [] if isinstance(each, AtsError) else each.rows
        doubtful.update(batch if isinstance(each, AtsError) else each.doubtful)
    return ReadRows(rows, frozenset(doubtful))


def _encoded(row: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(row)
    except FAILURES:
        return b""
