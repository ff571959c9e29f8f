"""Ashby's cursors and sync tokens: in order of creation, a new token on the last page only."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from connectors.simulator.messages import Call, Page, Refusal, Reply, integer, seal, unseal
from connectors.simulator.rows import array
from connectors.simulator.truth import Record

if TYPE_CHECKING:
    from connectors.simulator.ashby import Ashby

LOGICAL_ERROR = 200


class AshbyWalks:
    """Serves pages; remembers nothing, because cursors and tokens carry all there is to know."""

    def __init__(
        self, account: "Ashby", *, short_pages: bool, sync_token_ttl_s: float | None
    ) -> None:
        self._account = account
        self._short_pages = short_pages
        self._sync_life_ms = None if sync_token_ttl_s is None else round(sync_token_ttl_s * 1000)
        self._begins_ms = 0

    def expire(self) -> None:
        """From now on every cursor and sync token handed out before is refused."""
        self._begins_ms = self._account.clock.now_ms() + 1

    def rows(self, call: Call, given: Record, found: list[Record]) -> Reply:
        """One page of a short list; after a sync token it never has anything new."""

        def keep(number: int, since: int) -> bool:
            return number <= len(found) and since < 0

        def encode(number: int) -> bytes:
            return msgspec.json.encode(found[number - 1])

        return self.page(call, given, len(found), keep, encode)

    def page(
        self,
        call: Call,
        given: Record,
        last: int,
        keep: Callable[[int, int], bool],
        encode: Callable[[int], bytes],
    ) -> Reply:
        """One page in order of creation; the last one carries a new sync token."""
        limit = integer(given.get("limit", 100), low=1, high=100)
        if limit is None:
            message = "limit must be between 1 and 100"
            raise Refusal(LOGICAL_ERROR, message, rule="limit_out_of_bounds")
        state = self._state(call, given)
        since = self._since(call, given.get("syncToken"))
        after, started = int(str(state["a"])), int(str(state["s"]))
        call.page = int(str(state["n"]))
        limit = max(1, limit * 3 // 4) if self._short_pages and call.page % 2 == 0 else limit
        numbers = (n for n in range(after + 1, last + 1) if keep(n, since))
        found = list(islice(numbers, limit + 1))
        shown = found[:limit]
        onward = {**state, "a": shown[-1], "n": call.page + 1} if len(found) > limit else None
        page = Page([encode(n) for n in shown], seal(onward) if onward else None, seal(state))
        return self._page_reply(call, self._account.turn_page(call, page), started)

    def _page_reply(self, call: Call, page: Page, started: int) -> Reply:
        tail = b',"moreDataAvailable":false,"syncToken":"%s"' % self._sync_token(call, started)
        if page.next is not None:
            tail = b',"moreDataAvailable":true,"nextCursor":"%s"' % page.next.encode()
        return Reply(200, b'{"success":true,"results":' + array(page.rows) + tail + b"}")

    def _state(self, call: Call, given: Record) -> Record:
        others = {k: v for k, v in sorted(given.items()) if k not in {"cursor", "limit"}}
        fresh: Record = {
            "l": call.route.name,
            "q": msgspec.json.encode(others).decode(),
            "a": 0,
            "n": 1,
            "s": self._account.world.sequence,
            "t": self._account.clock.now_ms(),
        }
        if given.get("cursor") is None:
            return fresh
        state = unseal(str(given["cursor"]))
        if state is None or state.get("l") != call.route.name:
            raise Refusal(
                LOGICAL_ERROR, "Invalid cursor", code="cursor_invalid", rule="cursor_not_from_here"
            )
        if int(str(state["t"])) < self._begins_ms:
            raise Refusal(LOGICAL_ERROR, "Cursor expired", code="cursor_invalid")
        if state["q"] != fresh["q"]:
            raise Refusal(
                LOGICAL_ERROR,
                "Invalid cursor",
                code="cursor_invalid",
                rule="parameters_changed_during_walk",
            )
        return state

    def _sync_token(self, call: Call, sequence: int) -> bytes:
        state = {"y": call.route.name, "s": sequence, "t": self._account.clock.now_ms()}
        return seal(state).encode()

    def _since(self, call: Call, token: object) -> int:
        """The sequence that a sync token stands for; -1 asks for everything."""
        if token is None:
            return -1
        state = unseal(str(token))
        if state is None or state.get("y") != call.route.name:
            raise Refusal(LOGICAL_ERROR, "syncToken is invalid", rule="sync_token_not_from_here")
        issued = int(str(state["t"]))
        life = self._sync_life_ms
        late = life is not None and self._account.clock.now_ms() - issued > life
        if late or issued < self._begins_ms:
            raise Refusal(LOGICAL_ERROR, "syncToken has expired", code="sync_token_expired")
        return int(str(state["s"]))
