"""SmartRecruiters' paged lists: an opaque pageId in the body and in a Link header."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from connectors.simulator import smartrecruiters_rows as rows
from connectors.simulator.filters import Keep, filters, within
from connectors.simulator.messages import Call, Record, Reply, Route, integer
from connectors.simulator.world import Person

WALK = {"limit", "pageId"}
CANDIDATES = {"q", "jobId", "status", "subStatus", "tag", "updatedAfter"}
JOBS = {"q", "status", "postingStatus", "updatedAfter"}
Query = dict[str, list[str]]


@dataclass(kw_only=True, eq=False)
class SmartRecruitersLists(rows.SmartRecruitersRows):
    """Handlers of the lists that have pages."""

    updated_after_inclusive: bool = False

    def list_routes(self) -> list[Route]:
        return [
            Route("GET", "/candidates", "list", "candidates", self._candidates),
            Route("GET", "/jobs", "list", "jobs", self._jobs),
        ]

    def _candidates(self, call: Call) -> Reply:
        self.expect(call, CANDIDATES | WALK)
        state = self._walk(call, CANDIDATES)
        keep = self._candidate_filter(_query(state))
        people = self.world.people

        def kept(number: int) -> bool:
            return number in people and keep(people[number])

        return self._paged(call, state, self.world.last_person, kept, self.listed_rows.__getitem__)

    def _candidate_filter(self, query: Query) -> Keep[Person]:
        if "subStatus" in query and "status" not in query:
            raise self.invalid("subStatus needs status", "substatus_without_status")
        statuses = {rows.bare_status(text) for text in query.get("status", [])}
        if None in statuses:
            raise self.invalid("status is not a known status", "unknown_status")
        labels = set(query.get("subStatus", []))
        tests: dict[str, Callable[[list[str]], Keep[Person]]] = {
            "status": lambda _: lambda p: self._in_status(p, statuses, labels),
            "jobId": self._of_jobs,
            "tag": lambda v: lambda p: not set(v).isdisjoint(p.tags),
            "q": lambda v: lambda p: v[0].casefold() in p.searched,
            "updatedAfter": lambda v: within(lambda p: p.updated_ms, self._least(v[0])),
        }
        return filters(query, tests)

    def _of_jobs(self, keys: list[str]) -> Keep[Person]:
        jobs = {rows.JOB_IDS.number(key) for key in keys}
        return lambda p: any(a.job in jobs for a in self.world.applications_of(p))

    def _in_status(self, person: Person, statuses: set[str | None], labels: set[str]) -> bool:
        """True where the primary assignment is in one of these statuses."""
        primary = next(self.world.applications_of(person), None)
        if primary is None:
            return False
        world = self.world
        stage, closed = world.stages[primary.stage], rows.closed_status(world, primary)
        label = None if closed else rows.sub_status_of(stage)
        return (closed or stage.kind) in statuses and (not labels or label in labels)

    def _least(self, text: str) -> int:
        since = self.moment(text, "updatedAfter")
        return since if self.updated_after_inclusive else since + 1

    def _jobs(self, call: Call) -> Reply:
        self.expect(call, JOBS | WALK | {"offset"})
        state = self._walk(call, JOBS)
        if "offset" in call.query:
            self.violated("offset_is_deprecated", "jobs", "pages have a pageId")
            state["a"] = integer(call.query["offset"], low=0, high=1 << 40) or 0
        query, jobs = _query(state), self.world.jobs
        least = self._least(query["updatedAfter"][0]) if "updatedAfter" in query else 0
        found = {number: rows.job_row(job) for number, job in jobs.items()}

        def keep(number: int) -> bool:
            if jobs[number].updated_ms < least:
                return False
            named = [name for name in ("status", "postingStatus") if name in query]
            return all(found[number][name] in query[name] for name in named)

        return self._paged(call, state, len(found), keep, found.__getitem__)

    def _paged(
        self,
        call: Call,
        state: Record,
        last: int,
        keep: Keep[int],
        row: Callable[[int], object],
    ) -> Reply:
        """One page in order of creation; the order is unverified (2026-11-23)."""
        limit = self.limit_of(call.query.get("limit", "10"), 100)
        if "c" not in state:
            state["c"] = sum(1 for number in range(1, last + 1) if keep(number))
        numbers = range(int(str(state["a"])) + 1, last + 1)
        found = ((n, row(n)) for n in numbers if keep(n))
        page = self.walk_page(call, state, found, limit)
        shown = {"limit": limit, "offset": 0, "totalFound": state["c"], "content": page.rows}
        reply = Reply.of(shown | ({"nextPageId": page.next} if page.next else {}))
        if page.next:
            origin = self.link_origin(call)
            host = "" if origin == self.origin else origin
            link = f"{host}{call.path}?limit={limit}&pageId={page.next}"
            reply.headers["Link"] = f'<{link}>; rel="next"'
        return reply

    def _walk(self, call: Call, filters: set[str]) -> Record:
        """The walk that the request begins or continues; filters may be repeated but not changed."""
        given = {name: sorted(call.query.getall(name)) for name in sorted(filters & call.params)}
        rule = "page_id_not_from_here"
        return self.walk(call, call.query.get("pageId"), rule, given, same=bool(given))


def _query(state: Record) -> Query:
    return msgspec.convert(state["q"], Query)
