"""SmartRecruiters' paged lists: an opaque pageId in the body and in a Link header."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from connectors.simulator import smartrecruiters_rows as rows
from connectors.simulator.clock import parse_ms
from connectors.simulator.messages import Call, Page, Refusal, Reply, Route, integer, seal, unseal
from connectors.simulator.rows import array
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Person

if TYPE_CHECKING:
    from connectors.simulator.smartrecruiters import SmartRecruiters

WALK = {"limit", "pageId"}
CANDIDATES = {"q", "jobId", "status", "subStatus", "tag", "updatedAfter"}
JOBS = {"q", "status", "postingStatus", "updatedAfter"}
Query = dict[str, list[str]]
Keep = Callable[[int], bool]


class SmartRecruitersLists:
    """Handlers of the lists that have pages."""

    def __init__(self, simulator: "SmartRecruiters") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The paged lists."""
        return [
            Route("GET", "/candidates", "list", "candidates", self._candidates),
            Route("GET", "/jobs", "list", "jobs", self._jobs),
        ]

    def _candidates(self, call: Call) -> Reply:
        expect(call, CANDIDATES | WALK)
        state = self._state(call, CANDIDATES)
        keep = self._candidate_filter(_query(state))
        people = self._simulator.world.people
        last = self._simulator.world.last_person

        def kept(number: int) -> bool:
            return number in people and keep(people[number])

        encode = self._simulator.rows.listed.__getitem__
        return self._paged(call, state, last, kept, encode)

    def _candidate_filter(self, query: Query) -> Callable[[Person], bool]:
        if "subStatus" in query and "status" not in query:
            raise Refusal(400, "subStatus needs status", rule="substatus_without_status")
        statuses = {rows.bare_status(text) for text in query.get("status", [])}
        if None in statuses:
            raise Refusal(400, "status is not a known status", rule="unknown_status")
        tests: list[Callable[[Person], bool]] = []
        if "status" in query:
            labels = set(query.get("subStatus", []))
            tests.append(lambda p: self._in_status(p, statuses, labels))
        if "jobId" in query:
            jobs = {rows.JOB_IDS.number(key) for key in query["jobId"]}
            tests.append(lambda p: any(a.job in jobs for a in self._assigned(p)))
        if "tag" in query:
            tests.append(lambda p: bool(set(query["tag"]) & set(p.tags)))
        if "q" in query:
            tests.append(lambda p: query["q"][0].casefold() in _searched(p))
        if "updatedAfter" in query:
            tests.append(self._updated_after(query["updatedAfter"][0]))
        return lambda person: all(test(person) for test in tests)

    def _in_status(self, person: Person, statuses: set[str | None], labels: set[str]) -> bool:
        """True where the primary assignment is in one of these statuses."""
        primary = next(self._assigned(person), None)
        if primary is None:
            return False
        world = self._simulator.world
        stage, closed = world.stages[primary.stage], rows.closed_status(world, primary)
        label = None if closed else rows.sub_status_of(stage)
        return (closed or stage.kind) in statuses and (not labels or label in labels)

    def _assigned(self, person: Person) -> Iterator[Application]:
        return self._simulator.world.applications_of(person)

    def _updated_after(self, text: str) -> Callable[[Person], bool]:
        least = self._least(text)
        return lambda p: p.updated_ms is not None and p.updated_ms >= least

    def _least(self, text: str) -> int:
        since = parse_ms(text)
        if since is None:
            message = "updatedAfter must be ISO 8601 with a zone"
            raise Refusal(400, message, rule="time_not_iso_8601")
        return since if self._simulator.updated_after_inclusive else since + 1

    def _jobs(self, call: Call) -> Reply:
        expect(call, JOBS | WALK | {"offset"})
        state = self._state(call, JOBS)
        if "offset" in call.query:
            self._simulator.violated("offset_is_deprecated", "jobs", "pages have a pageId")
            state["a"] = integer(call.query["offset"], low=0, high=1 << 40) or 0
        query, jobs = _query(state), self._simulator.world.jobs
        least = self._least(query["updatedAfter"][0]) if "updatedAfter" in query else 0
        found = {number: rows.job_row(job) for number, job in jobs.items()}

        def keep(number: int) -> bool:
            if jobs[number].updated_ms < least:
                return False
            named = [name for name in ("status", "postingStatus") if name in query]
            return all(found[number][name] in query[name] for name in named)

        return self._paged(call, state, len(found), keep, lambda n: Reply.of(found[n]).body)

    def _paged(
        self,
        call: Call,
        state: Record,
        last: int,
        keep: Keep,
        encode: Callable[[int], bytes],
    ) -> Reply:
        """One page in order of creation; the order is unverified (2026-11-23)."""
        limit = integer(call.query.get("limit", "10"), low=1, high=100)
        if limit is None:
            raise Refusal(400, "limit must be between 1 and 100", rule="limit_out_of_bounds")
        if "c" not in state:
            state["c"] = sum(1 for number in range(1, last + 1) if keep(number))
        after, call.page = int(str(state["a"])), int(str(state["n"]))
        found = list(islice((n for n in range(after + 1, last + 1) if keep(n)), limit + 1))
        shown = found[:limit]
        onward = {**state, "a": shown[-1], "n": call.page + 1} if len(found) > limit else None
        page = Page([encode(n) for n in shown], seal(onward) if onward else None, seal(state))
        return self._answer(call, self._simulator.turn_page(call, page), limit, state)

    def _answer(self, call: Call, page: Page, limit: int, state: Record) -> Reply:
        following = b',"nextPageId":"' + page.next.encode() + b'"' if page.next else b""
        body = b'{"limit":%d,"offset":0%s,"totalFound":%d,"content":%s}' % (
            limit,
            following,
            int(str(state["c"])),
            array(page.rows),
        )
        reply = Reply(200, body)
        if page.next:
            origin = self._simulator.link_origin(call)
            host = "" if origin == self._simulator.origin else origin
            link = f"{host}{call.path}?limit={limit}&pageId={page.next}"
            reply.headers["Link"] = f'<{link}>; rel="next"'
        return reply

    def _state(self, call: Call, filters: set[str]) -> Record:
        """Where the walk is and what it asks for; filters may be repeated but not changed."""
        given = {name: sorted(call.query.getall(name)) for name in sorted(filters & call.params)}
        if "pageId" not in call.query:
            return {"l": call.route.name, "q": given, "a": 0, "n": 1, "t": self._now()}
        state = unseal(call.query["pageId"])
        if state is None or state.get("l") != call.route.name:
            raise Refusal(400, "pageId is not valid", rule="page_id_not_from_here")
        if given and given != state["q"]:
            raise Refusal(400, "pageId is not valid", rule="parameters_changed_during_walk")
        if int(str(state["t"])) < self._simulator.page_ids_begin_ms:
            raise Refusal(400, "pageId is not valid any more")
        return state

    def _now(self) -> int:
        return self._simulator.clock.now_ms()


def expect(call: Call, allowed: set[str]) -> None:
    """Refuse parameters that the endpoint does not know.

    Raises:
        Refusal: 400, naming the first unknown one.
    """
    unknown = sorted(call.params - allowed)
    if unknown:
        raise Refusal(400, f"Unknown parameter: {unknown[0]}", rule="unknown_parameter")


def _query(state: Record) -> Query:
    return msgspec.convert(state["q"], Query)


def _searched(person: Person) -> str:
    emails = " ".join(email.value for email in person.emails)
    return f"{person.first_name} {person.last_name} {emails}".casefold()
