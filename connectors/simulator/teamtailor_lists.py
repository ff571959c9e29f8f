"""Teamtailor's lists: numbered pages over rows that may move while someone walks."""

import zlib
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.filters import FAR_MS, Keep, every, filters, within
from connectors.simulator.messages import Call, Reply, Route
from connectors.simulator.rows import Kept, Key, Row
from connectors.simulator.world import Contact

LISTS = (
    "candidates",
    "job-applications",
    "jobs",
    "stages",
    "reject-reasons",
    "users",
    "custom-fields",
    "custom-field-values",
    "questions",
)
JOB_STATUSES = {"published", "unlisted", "archived", "draft", "scheduled", "all"}
LATEST: Key = (FAR_MS,)


class TeamtailorLists(rows.TeamtailorRows):
    """Handlers of the lists; the order of a walk is kept until something changes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.orders: Kept[list[int]] = Kept(self.world)
        people, known, stages = self.world.people, self.world.applications, self.world.stages
        self._times: dict[str, dict[str, Callable[[int], int | None]]] = {
            "candidates": {
                "created-at": lambda n: people[n].created_ms,
                "updated-at": lambda n: people[n].updated_ms,
            },
            "job-applications": {
                "created-at": lambda n: known[n].created_ms,
                "updated-at": lambda n: known[n].updated_ms,
                "changed-stage-at": lambda n: known[n].history[-1].entered_ms,
            },
        }
        self._choices: dict[str, dict[str, Callable[[str], Keep[int]]]] = {
            "candidates": {
                "email": lambda v: lambda n: _holds(people[n].emails, v),
                "phone": lambda v: lambda n: _holds(people[n].phones, v),
                "connected": lambda v: lambda _: v.casefold() == "false",
            },
            "job-applications": {
                "stage-type": lambda v: (
                    lambda n: stages[known[n].stage].kind.casefold() == v.casefold()
                ),
            },
            "jobs": {
                "status": lambda v: self._of_status(v or "published"),
                "feed": lambda v: lambda _: "public" in v.split(","),
            },
        }

    def list_routes(self) -> list[Route]:
        """Every list, and those that belong to one resource."""
        lists = [Route("GET", f"{rows.BASE}/{name}", "list", name, self._list) for name in LISTS]
        of_candidate = f"{rows.BASE}/candidates/{{candidate}}/job-applications"
        return [
            *lists,
            Route("GET", of_candidate, "list", "job-applications", self._list),
            Route("GET", f"{rows.BASE}/jobs/{{job}}/stages", "list", "stages", self._list),
            Route("GET", f"{rows.BASE}/jobs/{{job}}/candidates", "list", "candidates", self._list),
        ]

    def _list(self, call: Call) -> Reply:
        kind = call.route.name
        includes = self.includes_of(call, kind)
        self._check(call, kind)
        rule = "page_size_out_of_bounds"
        size = self.limit_of(call.query.get("page[size]", "10"), 30, name="page[size]", rule=rule)
        self.page_number(call, "page[number]", "page_number_out_of_bounds")
        order = self._order(call, kind)
        shown = order[(call.page - 1) * size : call.page * size]
        included = self.included(kind, shown, includes)
        page = self.numbered_page(
            call,
            order,
            size,
            row=lambda number: self.encoded(kind, number, includes),
            link=lambda number: _link(call, size, number),
        )
        last = max(1, -(-len(order) // size))
        body: Row = {"data": page.rows}
        if includes:
            body["included"] = included
        body["meta"] = {"record-count": len(order), "page-count": last}
        body["links"] = self._links(call, page.next, size, last)
        return self.with_files(body)

    def _links(self, call: Call, following: str | None, size: int, last: int) -> dict[str, str]:
        origin = self.link_origin(call)
        links = {"first": _link(call, size, 1), "last": _link(call, size, last)}
        if call.page > 1:
            links["prev"] = _link(call, size, call.page - 1)
        if following is not None:
            links["next"] = following
        return {name: origin + link for name, link in links.items()}

    def _check(self, call: Call, kind: str) -> None:
        times = {f"filter[{n}][{end}]" for n in self._times.get(kind, {}) for end in ("from", "to")}
        choices = {f"filter[{name}]" for name in self._choices.get(kind, {})}
        allowed = times | choices | {"include", "sort", "page[size]", "page[number]"}
        for name in sorted(call.params - allowed):
            known = name.startswith("filter[")
            rule = "filter_not_allowed" if known else "unknown_parameter"
            raise self.invalid(f"{name} is not allowed", rule)

    def _order(self, call: Call, kind: str) -> list[int]:
        """Which records, in which order: computed again as soon as anything has changed."""
        asked = sorted(
            f"{n}={v}" for n, v in call.query.items() if n.startswith(("filter[", "sort"))
        )
        orders = _orders_of(call)
        # Which of two equal records comes first is another matter on each page.
        page = "" if orders[-1].removeprefix("-") == "id" else call.query.get("page[number]", "1")
        key = (call.path, page, *asked)

        def order() -> list[int]:
            keep = self._filter(call, kind)
            numbers = [n for n in self._numbers(call, kind) if keep(n)]
            return self._sorted(kind, orders, _shuffled(numbers, page))

        return self.orders.get(key, order)

    def _numbers(self, call: Call, kind: str) -> Iterable[int]:
        world = self.world
        if "candidate" in call.ids:
            return self.person(call.ids["candidate"]).applications
        if "job" in call.ids:
            job = self.job(call.ids["job"])
            if kind == "stages":
                return job.stages
            known = world.applications.values()
            return sorted({a.person for a in known if a.job == job.number})
        if kind == "custom-field-values":
            return (n for person in world.people for n in self.values_of(person))
        found: dict[str, Iterable[int]] = {
            "candidates": world.people,
            "job-applications": world.applications,
            "jobs": world.jobs,
            "stages": world.stages,
            "reject-reasons": world.reasons,
            "users": world.users,
            "custom-fields": range(1, len(rows.FIELDS) + 1),
            "questions": range(1, len(rows.QUESTIONS) + 1),
        }
        return found[kind]

    def _filter(self, call: Call, kind: str) -> Keep[int]:
        """Both ends of a time are inclusive; without a filter only published jobs are shown."""
        asked = {"status": "published"} if kind == "jobs" else {}
        for name, value in call.query.items():
            asked[name.removeprefix("filter[").removesuffix("]")] = value
        tests = [filters(asked, self._choices.get(kind, {}))]
        for name, moment_of in self._times.get(kind, {}).items():
            ends = [f"filter[{name}][{end}]" for end in ("from", "to")]
            low, high = (self.moment(call.query[e], e) if e in call.params else None for e in ends)
            if set(ends) & call.params:
                tests.append(within(moment_of, low or 0, FAR_MS if high is None else high))
        return every(tests)

    def _of_status(self, value: str) -> Keep[int]:
        if value not in JOB_STATUSES:
            raise self.invalid(f"{value} is no status of jobs", "unknown_job_status")
        jobs = self.world.jobs
        shown = {"published": {True}, "archived": {False}, "all": {True, False}}.get(value, set())
        return lambda n: jobs[n].is_open in shown

    def _sorted(self, kind: str, orders: list[str], numbers: list[int]) -> list[int]:
        for order in reversed(orders):
            key = self._sort_key(kind, order.removeprefix("-"))
            numbers = sorted(numbers, key=key, reverse=order.startswith("-"))
        return numbers

    def _sort_key(self, kind: str, name: str) -> Callable[[int], Key]:
        if name == "id":
            return lambda number: (number,)
        moment_of = self._times.get(kind, {}).get(name)
        if moment_of is None:
            raise self.invalid(f"{name} is no sort order", "sort_not_allowed")

        def key(number: int) -> Key:
            at = moment_of(number)
            return LATEST if at is None else (at,)

        return key

    def includes_of(self, call: Call, kind: str) -> rows.Includes:
        """The resources to include, checked along each path: 400 for a name that is none of them."""
        given = frozenset(filter(None, call.query.get("include", "").split(",")))
        related = {
            "candidate": "candidates",
            "owner": "candidates",
            "job": "jobs",
            "stage": "stages",
            "reject-reason": "reject-reasons",
            "custom-field": "custom-fields",
            "question": "questions",
        }
        for path in sorted(given):
            here = kind
            for name in path.split("."):
                if name not in (*rows.TO_ONE.get(here, ()), *rows.TO_MANY.get(here, ())):
                    message = f"{path} is not an includable relationship of {kind}"
                    raise self.invalid(message, "include_not_allowed")
                here = related.get(name, name)
        return given


def _holds(contacts: Iterable[Contact], value: str) -> bool:
    return any(contact.value.casefold() == value.casefold() for contact in contacts)


def _orders_of(call: Call) -> list[str]:
    """The sort orders, the most significant first."""
    asked = call.query.get("sort", "").replace("_", "-").split(",")
    return [each for each in asked if each] or ["id"]


def _shuffled(numbers: list[int], page: str) -> list[int]:
    """A page's own order, for what is not sorted any further."""
    return sorted(numbers, key=lambda n: zlib.crc32(f"{page}:{n}".encode())) if page else numbers


def _link(call: Call, size: int, number: int) -> str:
    others = {n: v for n, v in call.query.items() if not n.startswith("page[")}
    pages = {"page[number]": number, "page[size]": size}
    return f"{call.path}?{urlencode({**others, **pages})}"
