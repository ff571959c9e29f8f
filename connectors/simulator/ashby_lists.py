"""The pages of Ashby's lists: opaque cursors, and a sync token on the last page only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from connectors.simulator.ashby_rows import AshbyRows
from connectors.simulator.messages import Call, Record, Reply, integer, seal, unseal
from connectors.simulator.world import Application, Person

FIRST_MS = 100_000_000_000
"""The least number that is taken for epoch milliseconds."""
T = TypeVar("T", Person, Application)


@dataclass(kw_only=True, eq=False)
class AshbyLists(AshbyRows):
    """Serves pages; cursors and tokens carry all that there is to remember."""

    short_pages: bool = True
    """Ends every second page early (unverified 2026-11-23)."""
    sync_token_ttl_s: float | None = None
    """The life of sync tokens; None where they do not end (unverified 2026-11-23)."""

    def short_list(self, call: Call, given: Record, found: list[Record]) -> Reply:
        """One page of a short list; after a sync token it never has anything new."""
        return self.page(
            call,
            given,
            len(found),
            keep=lambda _, since: since < 0,
            row=lambda number: found[number - 1],
        )

    def page(
        self,
        call: Call,
        given: Record,
        last: int,
        *,
        keep: Callable[[int, int], bool],
        row: Callable[[int], object],
    ) -> Reply:
        """One page in order of creation; the last one carries a new sync token."""
        limit = self.limit_of(given.get("limit", 100), 100)
        walk = self._walk(call, given)
        since = self._since(call, given.get("syncToken"))
        limit = max(1, limit * 3 // 4) if self.short_pages and call.page % 2 == 0 else limit
        numbers = range(int(str(walk["a"])) + 1, last + 1)
        found = ((n, row(n)) for n in numbers if keep(n, since))
        page = self.walk_page(call, walk, found, limit)
        shown = {"success": True, "results": page.rows, "moreDataAvailable": page.next is not None}
        if page.next is not None:
            return Reply.of(shown | {"nextCursor": page.next})
        token = seal({"y": call.route.name, "s": walk["s"], "t": self.clock.now_ms()})
        return Reply.of(shown | {"syncToken": token})

    def records_page(
        self,
        call: Call,
        given: Record,
        records: Mapping[int, T],
        last: int,
        *,
        row: Callable[[int], object],
        wanted: Callable[[T], bool] = lambda _: True,
    ) -> Reply:
        """One page of the wanted records that were made, and changed, since the given moments."""
        created = integer(given.get("createdAfter", FIRST_MS), low=FIRST_MS, high=1 << 60)
        if created is None:
            raise self.invalid("createdAfter must be epoch milliseconds", "time_not_epoch_ms")

        def keep(number: int, since: int) -> bool:
            record = records.get(number)
            if record is None or record.created_ms < created:
                return False
            return (since < 0 or record.sequence > since) and wanted(record)

        return self.page(call, given, last, keep=keep, row=row)

    def _walk(self, call: Call, given: Record) -> Record:
        others = {k: v for k, v in sorted(given.items()) if k not in {"cursor", "limit"}}
        query = msgspec.json.encode(others).decode()
        rule = "cursor_not_from_here"
        return self.walk(call, given.get("cursor"), rule, query, s=self.world.sequence)

    def _since(self, call: Call, token: object) -> int:
        """The sequence that a sync token carries; -1 asks for everything."""
        if token is None:
            return -1
        state = unseal(str(token))
        if state is None or state.get("y") != call.route.name:
            raise self.invalid("syncToken is invalid", "sync_token_not_from_here")
        issued, life_s = int(str(state["t"])), self.sync_token_ttl_s
        late = life_s is not None and self.clock.now_ms() - issued > life_s * 1000
        if late or issued < self.cursors_begin_ms:
            raise self.invalid("syncToken has expired", code="sync_token_expired")
        return int(str(state["s"]))
