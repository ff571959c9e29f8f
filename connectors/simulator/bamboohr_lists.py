"""BambooHR's list of applications: pages of a fixed size, and no filter by time of change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.clock import EPOCH
from connectors.simulator.messages import Call, ListedPage, Reply, Route, integer
from connectors.simulator.rows import array
from connectors.simulator.vendor import Keep as KeepOf
from connectors.simulator.vendor import KeptOrders, VendorSimulator, every
from connectors.simulator.world import Application

BASE = "/api/v1/applicant_tracking"
FILTERS = {
    "jobId",
    "applicationStatusId",
    "applicationStatus",
    "jobStatusGroups",
    "searchString",
    "newSince",
}
ORDERS = {"first_name", "job_title", "rating", "phone", "status", "last_updated", "created_date"}
GROUPS: dict[str, set[str]] = {
    "ALL": {"NEW", "ACTIVE", "INACTIVE", "HIRED"},
    "ALL_ACTIVE": {"NEW", "ACTIVE"},
    "NEW": {"NEW"},
    "ACTIVE": {"ACTIVE"},
    "INACTIVE": {"INACTIVE"},
    "HIRED": {"HIRED"},
}
JOB_GROUPS: dict[str, set[bool]] = {
    "ALL": {True, False},
    "DRAFT_AND_OPEN": {True},
    "Open": {True},
    "Filled": {False},
    "Draft": set(),
    "Deleted": set(),
    "On Hold": set(),
    "Canceled": set(),
}
Keep = KeepOf[Application]
T = TypeVar("T")


class BambooHrLists(VendorSimulator):
    """Handlers of the lists; the order of a walk is kept until something changes."""

    page_size: int
    orders: KeptOrders
    rows: rows.BambooHrRows

    def list_routes(self) -> list[Route]:
        """One list with pages and three without."""
        return [
            Route("GET", f"{BASE}/applications", "list", "applications", self._applications),
            Route("GET", f"{BASE}/statuses", "list", "statuses", self._statuses),
            Route("GET", f"{BASE}/jobs", "list", "jobs", self._jobs),
            Route("GET", f"{BASE}/hiring_leads", "list", "hiring_leads", self._leads),
        ]

    def _applications(self, call: Call) -> Reply:
        if "per_page" in call.params:
            self.violated("per_page_is_ignored", "applications")
        self.expect(call, {*FILTERS, "page", "per_page", "sortBy", "sortOrder"})
        number = integer(call.query.get("page", "1"), low=1, high=1 << 40)
        if number is None:
            raise self.invalid("page begins at 1", "page_out_of_bounds")
        order, size = self._order(call), self.page_size
        call.page = number
        shown = order[(number - 1) * size : number * size]
        following = _link(call, number + 1) if number * size < len(order) else None
        page = ListedPage(self.rows.listed.many(shown), following, _link(call, number))
        page = self.serve_page(call, page)
        url = f'"{self.link_origin(call)}{page.next}"' if page.next else "null"
        complete = b"false" if page.next else b"true"
        body = b'{"applications":%s,"paginationComplete":%s,"nextPageUrl":%s}' % (
            array(page.rows),
            complete,
            url.encode(),
        )
        return Reply(200, body)

    def _order(self, call: Call) -> list[int]:
        """Which applications, in which order: computed again as soon as anything has changed."""
        asked = tuple(sorted(f"{n}={v}" for n, v in call.query.items() if n != "page"))

        def order() -> list[int]:
            keep = self._filter(call)
            known = [a for a in self.world.applications.values() if keep(a)]
            return [a.number for a in self._sorted(call, known)]

        return self.orders.get(asked, order)

    def _filter(self, call: Call) -> Keep:
        world, query = self.world, call.query
        tests: list[Keep] = []
        if "jobId" in query:
            job = rows.JOB_IDS.number(query["jobId"])
            tests.append(lambda a: a.job == job)
        if "applicationStatusId" in query:
            wanted = set(query["applicationStatusId"].split(","))
            tests.append(lambda a: str(rows.status_of(world, a)[0]) in wanted)
        if "applicationStatus" in query:
            groups = self._chosen(query["applicationStatus"], GROUPS)
            tests.append(lambda a: rows.group_of(world, a) in groups)
        if "jobStatusGroups" in query:
            states = self._chosen(query["jobStatusGroups"], JOB_GROUPS)
            tests.append(lambda a: world.jobs[a.job].is_open in states)
        if "searchString" in query:
            text = query["searchString"].casefold()
            tests.append(lambda a: text in self._searched(a))
        if "newSince" in query:
            since = self._submitted_after(query["newSince"])
            tests.append(lambda a: a.created_ms > since)
        return every(tests)

    def _searched(self, application: Application) -> str:
        person = self.world.people[application.person]
        emails = " ".join(email.value for email in person.emails)
        return f"{person.first_name} {person.last_name} {emails}".casefold()

    def _sorted(self, call: Call, known: list[Application]) -> list[Application]:
        """Newest first unless asked otherwise; the vendor's own order is unverified."""
        name = call.query.get("sortBy", "created_date")
        if name not in ORDERS:
            raise self.invalid(f"{name} is no sort order", "sort_not_allowed")
        direction = call.query.get("sortOrder", "DESC" if "sortBy" not in call.query else "ASC")
        if direction not in {"ASC", "DESC"}:
            raise self.invalid("sortOrder is ASC or DESC", "sort_not_allowed")
        return sorted(known, key=self._sort_key(name), reverse=direction == "DESC")

    def _sort_key(self, name: str) -> Callable[[Application], tuple[str | int, ...]]:
        world = self.world
        keys: dict[str, Callable[[Application], str | int]] = {
            "first_name": lambda a: world.people[a.person].first_name,
            "job_title": lambda a: world.jobs[a.job].name,
            "status": lambda a: rows.status_of(world, a)[0],
            "last_updated": lambda a: a.updated_ms or 0,
            "created_date": lambda a: a.created_ms,
            "phone": lambda a: "".join(c.value for c in world.people[a.person].phones[:1]),
            "rating": lambda a: a.number,
        }
        key = keys[name]
        return lambda application: (key(application), application.number)

    def _statuses(self, call: Call) -> Reply:
        self.expect(call)
        return Reply.of(rows.status_rows(self.world))

    def _jobs(self, call: Call) -> Reply:
        """A plain array without pages."""
        self.expect(call, {"statusGroups", "status_ids", "sortBy", "sortOrder"})
        world = self.world
        states = self._chosen(call.query.get("statusGroups", "ALL"), JOB_GROUPS)
        return Reply.of(
            [rows.job_row(world, j) for j in world.jobs.values() if j.is_open in states]
        )

    def _leads(self, call: Call) -> Reply:
        self.expect(call)
        return Reply.of([rows.lead_row(user) for user in self.world.users.values()])

    def _chosen(self, text: str, groups: "dict[str, set[T]]") -> "set[T]":
        """The union of the groups named in a list separated by commas."""
        names = text.split(",")
        unknown = sorted(set(names) - set(groups))
        if unknown:
            raise self.invalid(f"{unknown[0]} is no group", "unknown_group")
        return {member for name in names for member in groups[name]}

    def _submitted_after(self, text: str) -> int:
        try:
            at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            message = "newSince must be written as Y-m-d H:i:s"
            raise self.invalid(message, "time_not_with_space") from None
        return int((at - EPOCH).total_seconds() * 1000)


def _link(call: Call, number: int) -> str:
    return f"{call.path}?{urlencode({**dict(call.query), 'page': number})}"
