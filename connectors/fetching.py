"""Reads records by id: in batches where the vendor takes several ids, else one by one."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.definition.lists import Fetch, List
from connectors.errors import NotFound, NotSupported
from connectors.listing import Listing
from connectors.lookups import Rows
from connectors.paths import compile_path
from connectors.records import SCOPE
from connectors.requests import Drafts
from connectors.transport import Transport, whole

_AT_ONCE = 4
"""Single reads under way at a time; the vendor's own limits come on top."""


class Fetcher(msgspec.Struct, frozen=True):
    """Reads by id from every list that has a `fetch`."""

    lists: Mapping[str, List]
    listings: Mapping[str, Listing]
    drafts: Drafts
    transport: Transport

    async def rows(self, name: str, ids: Iterable[str], *, urgent: bool = False) -> Rows:
        """The records with these ids, or with these values of what the request asks by."""
        spec = self._spec(name)
        wanted = sorted(set(ids))
        batches = [wanted[at : at + spec.batch] for at in range(0, len(wanted), spec.batch)]
        if len(batches) == 1:
            return await self._batch(name, spec, batches[0], urgent=urgent)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(batch: Sequence[str]) -> Rows:
            async with slots:
                return await self._batch(name, spec, batch, urgent=urgent)

        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(one(batch)) for batch in batches]
        except ExceptionGroup as failed:
            # Callers know single errors; the first one tells what they all come from.
            raise failed.exceptions[0] from None
        return [row for task in running for row in task.result()]

    def _spec(self, name: str) -> Fetch:
        spec = self.lists[name].fetch
        if spec is None:
            raise NotSupported(f"{name}: the definition has no `fetch`", operation=name)
        return spec

    async def _batch(self, name: str, spec: Fetch, batch: Sequence[str], *, urgent: bool) -> Rows:
        scope, own = self._split(name, batch)
        values = {"ids": own, "id": own[0], "scope": scope}
        draft = self.drafts.draft(spec.request, f"{name}.fetch", values, is_urgent=urgent)
        if spec.paginated:
            return await self.listings[name].rows(draft) or []
        try:
            good = await self.transport.read(draft.outgoing(), "fetch", whole)
        except NotFound:
            if spec.batch == 1:
                return []
            raise
        found = compile_path(spec.records)(good.payload)
        items = found if isinstance(found, list) else [found]
        added = {} if scope is None else {SCOPE: scope}
        return [{**item, **added} for item in items if isinstance(item, dict)]

    def _split(self, name: str, batch: Sequence[str]) -> tuple[str | None, list[str]]:
        """Records of a list with scopes are known as `<scope>:<id>`, and read one by one."""
        if self.lists[name].scopes is None:
            return None, list(batch)
        scope, _, own = batch[0].partition(":")
        return scope, [own]


def encoded(row: Mapping[str, Any]) -> bytes:
    """A record as JSON again."""
    return msgspec.json.encode(row)
