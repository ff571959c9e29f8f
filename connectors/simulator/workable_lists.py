"""Workable's paged lists: by id, both bounds inclusive, next links to be followed as they are."""

from collections.abc import Callable, Iterable
from itertools import islice
from urllib.parse import urlencode

from connectors.simulator import workable_rows as rows
from connectors.simulator.messages import Call, ListedPage, Reply, Route
from connectors.simulator.rows import array
from connectors.simulator.vendor import Keep as KeepOf
from connectors.simulator.vendor import VendorSimulator, every, within
from connectors.simulator.workable_rows import HexIds, Row, WorkableRows
from connectors.simulator.world import Application

BASE = "/spi/v3"
WALK = {"limit", "since_id", "max_id"}
TIMES = {"created_after", "updated_after"}
KNOWN_LINKS = 4096
Keep = KeepOf[Application]


class WorkableLists(VendorSimulator):
    """Handlers of the lists that have pages."""

    next_keeps_updated_after: bool
    updated_after_inclusive: bool
    page_numbers: dict[str, int]
    rows: WorkableRows

    def list_routes(self) -> list[Route]:
        """The lists that have pages; candidates can be asked for by job in two ways."""
        by_job = f"{BASE}/jobs/{{shortcode}}/candidates"
        return [
            Route("GET", f"{BASE}/candidates", "list", "candidates", self.candidates),
            Route("GET", by_job, "list", "candidates", self.candidates),
            Route("GET", f"{BASE}/jobs", "list", "jobs", self.jobs),
            Route("GET", f"{BASE}/members", "list", "members", self.members),
        ]

    def candidates(self, call: Call) -> Reply:
        """Candidates in the order of their ids."""
        self.expect(call, {*WALK, *TIMES, "email", "shortcode", "stage"})
        keep = self._filters(call)
        known = self.world.applications

        def numbers(low: int, high: int) -> Iterable[int]:
            for number in range(low, min(high, self.world.last_application) + 1):
                application = known.get(number)
                if application is not None and keep(application):
                    yield number

        return self._paged(call, rows.CANDIDATE_IDS, numbers, self.rows.listed.__getitem__)

    def _filters(self, call: Call) -> Keep:
        tests: list[Keep] = []
        shortcode = call.ids.get("shortcode") or call.query.get("shortcode")
        if shortcode is not None:
            job = self.job(shortcode).number
            tests.append(lambda a: a.job == job)
        if "stage" in call.query:
            slug = call.query["stage"]
            tests.append(lambda a: rows.slug_of(self.world.stages[a.stage]) == slug)
        if "email" in call.query:
            wanted = call.query["email"].casefold()
            tests.append(lambda a: wanted in self._emails(a))
        tests += [self._later(name, call.query[name]) for name in sorted(TIMES & call.params)]
        return every(tests)

    def _emails(self, application: Application) -> set[str]:
        return {e.value.casefold() for e in self.world.people[application.person].emails}

    def _later(self, name: str, text: str) -> Keep:
        since = self.moment(text, name)
        least = since if self.updated_after_inclusive else since + 1
        if name == "created_after":
            return within(lambda a: a.created_ms, least)
        return within(lambda a: a.updated_ms, least)

    def jobs(self, call: Call) -> Reply:
        """Jobs of every state unless one is asked for."""
        self.expect(call, {*WALK, *TIMES, "state"})
        found = {n: rows.job_row(job) for n, job in self.world.jobs.items()}
        state = call.query.get("state")
        kept = {n: row for n, row in found.items() if state in {None, row["state"]}}
        return self._walk_rows(call, rows.JOB_IDS, kept)

    def members(self, call: Call) -> Reply:
        """The members, who can act in the account."""
        self.expect(call, {*WALK, "role", "shortcode", "email", "name", "status"})
        found = {n: rows.member_row(user) for n, user in self.world.users.items()}
        return self._walk_rows(call, rows.MEMBER_IDS, found)

    def _walk_rows(self, call: Call, ids: HexIds, found: dict[int, Row]) -> Reply:
        def numbers(low: int, high: int) -> Iterable[int]:
            return (number for number in sorted(found) if low <= number <= high)

        return self._paged(call, ids, numbers, lambda n: Reply.of(found[n]).body)

    def _paged(
        self,
        call: Call,
        ids: HexIds,
        numbers: Callable[[int, int], Iterable[int]],
        encode: Callable[[int], bytes],
    ) -> Reply:
        """A page in the order of ids. Both bounds are inclusive: next begins with its own id."""
        limit = self.limit_of(call.query.get("limit", "50"), 100)
        low = self._bound(call, ids, "since_id", default=1)
        high = self._bound(call, ids, "max_id", default=1 << 40)
        found = list(islice(numbers(max(low, 1), high), limit + 1))
        here = f"{call.path}?{urlencode(dict(call.query))}"
        call.page = self.page_numbers.get(here, 1)
        onward = self._next(call, limit, ids.text(found[limit])) if len(found) > limit else None
        page = ListedPage([encode(number) for number in found[:limit]], onward, here)
        if onward is not None:
            self._remember(onward, call.page + 1)
        page = self.serve_page(call, page)
        link = f'"next":"{self.link_origin(call)}{page.next}"' if page.next else ""
        body = b'{"%s":%s,"paging":{%s}}' % (
            call.route.name.encode(),
            array(page.rows),
            link.encode(),
        )
        return Reply(200, body)

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
        self.page_numbers[link] = page
        if len(self.page_numbers) > KNOWN_LINKS:
            del self.page_numbers[next(iter(self.page_numbers))]
