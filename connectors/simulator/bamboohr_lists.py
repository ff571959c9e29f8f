"""BambooHR's list of applications: pages of a fixed size, and no filter by time of change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.clock import EPOCH
from connectors.simulator.filters import Keep, filters
from connectors.simulator.messages import Call, Reply, Route
from connectors.simulator.rows import Kept, Row
from connectors.simulator.world import Application

BASE = "/api/v1/applicant_tracking"
JOBS = ("statusGroups", "status_ids", "sortBy", "sortOrder")
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
Filter = Callable[[str], Keep[Application]]
T = TypeVar("T")


@dataclass(kw_only=True, eq=False)
class BambooHrLists(rows.BambooHrRows):
    """Handlers of the lists; the order of a walk is kept until something changes."""

    page_size: int = 50
    """Not published (unverified 2026-11-23)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.orders: Kept[list[int]] = Kept(self.world)
        self.filters: dict[str, Filter] = {
            "jobId": self._of_job,
            "applicationStatusId": self._in_status,
            "applicationStatus": self._in_group,
            "jobStatusGroups": self._of_jobs,
            "searchString": self._searched,
            "newSince": self._submitted_after,
        }

    def list_routes(self) -> list[Route]:
        """One list with pages and three without."""
        return [
            Route("GET", f"{BASE}/applications", "list", "applications", self._applications),
            self.read_route(
                f"{BASE}/statuses",
                "statuses",
                lambda _: rows.status_rows(self.world),
                operation="list",
            ),
            self.read_route(f"{BASE}/jobs", "jobs", self._jobs, *JOBS, operation="list"),
            self.read_route(
                f"{BASE}/hiring_leads",
                "hiring_leads",
                lambda _: [rows.lead_row(user) for user in self.world.users.values()],
                operation="list",
            ),
        ]

    def _applications(self, call: Call) -> Reply:
        if "per_page" in call.params:
            self.violated("per_page_is_ignored", "applications")
        self.expect(call, {*self.filters, "page", "per_page", "sortBy", "sortOrder"})
        self.page_number(call, "page", "page_out_of_bounds")
        page = self.numbered_page(
            call,
            self._order(call),
            self.page_size,
            row=self.listed_rows.__getitem__,
            link=lambda n: f"{call.path}?{urlencode({**dict(call.query), 'page': n})}",
        )
        return Reply.of(
            {
                "applications": page.rows,
                "paginationComplete": page.next is None,
                "nextPageUrl": self.link_origin(call) + page.next if page.next else None,
            }
        )

    def _order(self, call: Call) -> list[int]:
        """Which applications, in which order: computed again as soon as anything has changed."""
        asked = tuple(sorted(f"{n}={v}" for n, v in call.query.items() if n != "page"))

        def order() -> list[int]:
            keep = filters(call.query, self.filters)
            known = [a for a in self.world.applications.values() if keep(a)]
            return [a.number for a in self._sorted(call, known)]

        return self.orders.get(asked, order)

    def _of_job(self, value: str) -> Keep[Application]:
        job = rows.JOB_IDS.number(value)
        return lambda a: a.job == job

    def _in_status(self, value: str) -> Keep[Application]:
        wanted = set(value.split(","))
        return lambda a: str(rows.status_of(self.world, a)[0]) in wanted

    def _in_group(self, value: str) -> Keep[Application]:
        groups = self._chosen(value, GROUPS)
        return lambda a: rows.group_of(self.world, a) in groups

    def _of_jobs(self, value: str) -> Keep[Application]:
        states = self._chosen(value, JOB_GROUPS)
        return lambda a: self.world.jobs[a.job].is_open in states

    def _searched(self, value: str) -> Keep[Application]:
        text = value.casefold()
        return lambda a: text in self.world.people[a.person].searched

    def _submitted_after(self, value: str) -> Keep[Application]:
        try:
            at = datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            message = "newSince must be written as Y-m-d H:i:s"
            raise self.invalid(message, "time_not_with_space") from None
        since = int((at - EPOCH).total_seconds() * 1000)
        return lambda a: a.created_ms > since

    def _sorted(self, call: Call, known: list[Application]) -> list[Application]:
        """Newest first unless asked otherwise; the vendor's own order is unverified."""
        world = self.world
        keys: dict[str, Callable[[Application], str | int]] = {
            "first_name": lambda a: world.people[a.person].first_name,
            "job_title": lambda a: world.jobs[a.job].name,
            "status": lambda a: rows.status_of(world, a)[0],
            "last_updated": lambda a: a.updated_ms or 0,
            "created_date": lambda a: a.created_ms,
            "phone": lambda a: world.people[a.person].phone or "",
            "rating": lambda a: a.number,
        }
        key = keys.get(name := call.query.get("sortBy", "created_date"))
        if key is None:
            raise self.invalid(f"{name} is no sort order", "sort_not_allowed")
        direction = call.query.get("sortOrder", "DESC" if "sortBy" not in call.query else "ASC")
        if direction not in {"ASC", "DESC"}:
            raise self.invalid("sortOrder is ASC or DESC", "sort_not_allowed")
        return sorted(known, key=lambda a: (key(a), a.number), reverse=direction == "DESC")

    def _jobs(self, call: Call) -> list[Row]:
        """A plain array without pages."""
        world = self.world
        states = self._chosen(call.query.get("statusGroups", "ALL"), JOB_GROUPS)
        return [rows.job_row(world, j) for j in world.jobs.values() if j.is_open in states]

    def _chosen(self, text: str, groups: "dict[str, set[T]]") -> "set[T]":
        """The union of the groups named in a list separated by commas."""
        names = text.split(",")
        unknown = sorted(set(names) - set(groups))
        if unknown:
            raise self.invalid(f"{unknown[0]} is no group", "unknown_group")
        return {member for name in names for member in groups[name]}
