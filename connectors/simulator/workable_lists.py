"""Workable's paged lists: by id, both bounds inclusive, next links to be followed as they are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from connectors.simulator import workable_rows as rows
from connectors.simulator.filters import Keep, filters, within
from connectors.simulator.messages import Call, ListedPage, Reply, Route
from connectors.simulator.rows import Row
from connectors.simulator.workable_rows import HexIds, WorkableRows
from connectors.simulator.world import Application

BASE = "/spi/v3"
WALK = {"limit", "since_id", "max_id"}
TIMES = {"created_after", "updated_after"}
KNOWN_LINKS = 4096


@dataclass(kw_only=True, eq=False)
class WorkableLists(WorkableRows):
    """Handlers of the lists that have pages."""

    next_keeps_updated_after: bool = False
    """Lets next links of one job's candidates carry the time filters on."""
    updated_after_inclusive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._page_numbers: dict[str, int] = {}

    def list_routes(self) -> list[Route]:
        """The lists that have pages; candidates can be asked for by job in two ways."""
        by_job = f"{BASE}/jobs/{{shortcode}}/candidates"
        return [
            Route("GET", f"{BASE}/candidates", "list", "candidates", self._candidates),
            Route("GET", by_job, "list", "candidates", self._candidates),
            Route("GET", f"{BASE}/jobs", "list", "jobs", self._jobs),
            Route("GET", f"{BASE}/members", "list", "members", self._members),
        ]

    def _candidates(self, call: Call) -> Reply:
        """Candidates in the order of their ids."""
        self.expect(call, {*WALK, *TIMES, "email", "shortcode", "stage"})
        shortcode = call.ids.get("shortcode") or call.query.get("shortcode")
        asked = {**call.query, **({"shortcode": shortcode} if shortcode else {})}
        keep = filters(
            asked,
            {
                "shortcode": self._of_job,
                "stage": lambda v: lambda a: rows.slug_of(self.world.stages[a.stage]) == v,
                "email": self._with_email,
                "created_after": self._later("created_after", lambda a: a.created_ms),
                "updated_after": self._later("updated_after", lambda a: a.updated_ms),
            },
        )
        known = self.world.applications

        def numbers(low: int, high: int) -> Iterable[int]:
            for number in range(low, min(high, self.world.last_application) + 1):
                application = known.get(number)
                if application is not None and keep(application):
                    yield number

        return self._paged(call, rows.CANDIDATE_IDS, numbers, self.listed_rows.__getitem__)

    def _of_job(self, shortcode: str) -> Keep[Application]:
        job = self.job(shortcode).number
        return lambda a: a.job == job

    def _with_email(self, value: str) -> Keep[Application]:
        wanted, people = value.casefold(), self.world.people
        return lambda a: any(e.value.casefold() == wanted for e in people[a.person].emails)

    def _later(
        self, name: str, moment_of: Callable[[Application], int | None]
    ) -> Callable[[str], Keep[Application]]:
        def later(text: str) -> Keep[Application]:
            since = self.moment(text, name)
            return within(moment_of, since if self.updated_after_inclusive else since + 1)

        return later

    def _jobs(self, call: Call) -> Reply:
        """Jobs of every state unless one is asked for."""
        self.expect(call, {*WALK, *TIMES, "state"})
        found = {n: rows.job_row(job) for n, job in self.world.jobs.items()}
        state = call.query.get("state")
        kept = {n: row for n, row in found.items() if state in {None, row["state"]}}
        return self._walk_rows(call, rows.JOB_IDS, kept)

    def _members(self, call: Call) -> Reply:
        """The members, who can act in the account."""
        self.expect(call, {*WALK, "role", "shortcode", "email", "name", "status"})
        found = {n: rows.member_row(user) for n, user in self.world.users.items()}
        return self._walk_rows(call, rows.MEMBER_IDS, found)

    def _walk_rows(self, call: Call, ids: HexIds, found: dict[int, Row]) -> Reply:
        def numbers(low: int, high: int) -> Iterable[int]:
            return (number for number in sorted(found) if low <= number <= high)

        return self._paged(call, ids, numbers, found.__getitem__)

    def _paged(
        self,
        call: Call,
        ids: HexIds,
        numbers: Callable[[int, int], Iterable[int]],
        row: Callable[[int], object],
    ) -> Reply:
        """A page in the order of ids. Both bounds are inclusive: next begins with its own id."""
        limit = self.limit_of(call.query.get("limit", "50"), 100)
        low = self._bound(call, ids, "since_id", default=1)
        high = self._bound(call, ids, "max_id", default=1 << 40)
        found = list(islice(numbers(max(low, 1), high), limit + 1))
        here = f"{call.path}?{urlencode(dict(call.query))}"
        call.page = self._page_numbers.get(here, 1)
        onward = self._next(call, limit, ids.text(found[limit])) if len(found) > limit else None
        page = ListedPage([row(number) for number in found[:limit]], onward, here)
        if onward is not None:
            self._remember(onward, call.page + 1)
        page = self.serve_page(call, page)
        link = {"next": self.link_origin(call) + page.next} if page.next else {}
        return Reply.of({call.route.name: page.rows, "paging": link})

    def _bound(self, call: Call, ids: HexIds, name: str, *, default: int) -> int:
        if name not in call.query:
            return default
        position = ids.position(call.query[name])
        if position is None:
            raise self.invalid(f"{name} is no id", "id_not_from_here")
        return position

    def _next(self, call: Call, limit: int, since_id: str) -> str:
        """The next link; a filter by job becomes a part of the path."""
        shortcode = call.ids.get("shortcode") or call.query.get("shortcode")
        kept = {n: v for n, v in call.query.items() if n not in {"limit", "since_id", "shortcode"}}
        path = call.path
        if shortcode is not None and call.route.name == "candidates":
            path = f"{BASE}/jobs/{shortcode}/candidates"
            if not self.next_keeps_updated_after:
                kept = {name: value for name, value in kept.items() if name not in TIMES}
        return f"{path}?{urlencode({'limit': limit, 'since_id': since_id, **kept})}"

    def _remember(self, link: str, page: int) -> None:
        """Which page a link leads to; the oldest links are forgotten."""
        self._page_numbers[link] = page
        if len(self._page_numbers) > KNOWN_LINKS:
            del self._page_numbers[next(iter(self._page_numbers))]
