"""Lever's lists: opportunities in the order of stages, opaque offsets, inclusive epoch milliseconds."""

from collections.abc import Callable, Iterable

from connectors.simulator import lever_rows as rows
from connectors.simulator.filters import Keep, every, filters, within
from connectors.simulator.messages import Call, Record, Reply, Route, integer
from connectors.simulator.rows import Key, Ordered, Row
from connectors.simulator.world import Application

ONE = "/v1/opportunities/{id}"
SETUP = ("stages", "archive_reasons", "postings", "users", "tags", "sources")
TIMES: dict[str, Callable[[Application], int | None]] = {
    "created_at": lambda a: a.created_ms,
    "updated_at": lambda a: a.updated_ms,
    "advanced_at": lambda a: a.history[-1].entered_ms,
    "archived_at": lambda a: rows.archived(a)[1],
}
RowsOf = Callable[[Call], list[Row]]


class LeverLists(rows.LeverRows):
    """Handlers of the lists."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._order = Ordered(self.world, "application", self._position)
        people, stages = self.world.people, self.world.stages
        self._choices: dict[str, Callable[[str], Keep[Application]]] = {
            "stage_id": lambda v: lambda a: rows.stage_id(stages[a.stage]) == v,
            "posting_id": lambda v: lambda a: rows.POSTING_IDS.of(a.job) == v,
            "contact_id": lambda v: lambda a: rows.CONTACT_IDS.of(a.person) == v,
            "tag": lambda v: lambda a: v in people[a.person].tags,
            "email": lambda v: lambda a: any(e.value == v for e in people[a.person].emails),
            "source": lambda v: lambda a: a.source == v,
            "archive_reason_id": lambda v: lambda a: rows.archived(a)[0] == v,
            "archived": lambda v: lambda a: (a.state != "active") == (v == "true"),
        }

    def list_routes(self) -> list[Route]:
        """Opportunities in an order that changes with them, and lists that only grow."""
        return [
            Route("GET", "/v1/opportunities", "list", "opportunities", self._opportunities),
            self._short("/v1/opportunities/deleted", self._deleted, *_ends("deleted_at")),
            *(self._short(f"/v1/{name}", self._setup, *_filters(name)) for name in SETUP),
            self._short(f"{ONE}/notes", self._notes),
            self._short(f"{ONE}/resumes", self._files),
            self._short(f"{ONE}/files", self._files),
            self._short(f"{ONE}/forms", lambda c: rows.form_rows(self.application(c.ids["id"]))),
        ]

    def expansions(self, call: Call) -> frozenset[str]:
        """The parts to be shown whole rather than by their ids."""
        given = {name for value in call.query.getall("expand", []) for name in value.split(",")}
        if given - rows.EXPANDABLE:
            raise self.invalid("Unknown expansion", "unknown_expansion")
        return frozenset(given)

    def _position(self, number: int) -> Key | None:
        application = self.world.applications.get(number)
        if application is None:
            return None
        rank = self.world.stages[application.stage].order
        return (rank, -application.created_ms, rows.OPPORTUNITY_IDS.of(number))

    def _opportunities(self, call: Call) -> Reply:
        times = {end for name in TIMES for end in _ends(name)}
        allowed = {*times, *self._choices, "confidentiality", "expand", "include"}
        walk = self._walk(call, allowed)
        keep = self._filter(call)
        shown = self.opportunity_rows(self.expansions(call))
        known, position = self.world.applications, walk["a"]
        ordered = self._order.after(tuple(position) if isinstance(position, list) else None)
        found = ((key, shown[number]) for key, number in ordered if keep(known[number]))
        return self._paged(call, walk, found)

    def _filter(self, call: Call) -> Keep[Application]:
        tests = [filters(call.query, self._choices)]
        tests += [
            within(moment_of, *self._bounds(call, name))
            for name, moment_of in TIMES.items()
            if set(_ends(name)) & call.params
        ]
        if call.query.get("confidentiality", "non-confidential") == "non-confidential":
            tests.append(lambda a: not self.world.people[a.person].private)
        return every(tests)

    def _bounds(self, call: Call, name: str) -> tuple[int, int]:
        found = []
        for end, default in zip(_ends(name), (0, 1 << 60), strict=True):
            value = integer(call.query.get(end, str(default)), low=0, high=1 << 60)
            if value is None or (0 < value < 100_000_000_000):
                raise self.invalid(f"{end} must be epoch ms", "time_not_epoch_ms")
            found.append(value)
        return found[0], found[1]

    def _deleted(self, call: Call) -> list[Row]:
        low, high = self._bounds(call, "deleted_at")
        return [
            {
                "id": rows.OPPORTUNITY_IDS.of(deletion.number),
                "deletedAt": deletion.at_ms,
                "deletedBy": rows.USER_IDS.of(deletion.user),
            }
            for deletion in self.world.deletions
            if deletion.kind == "application" and low <= deletion.at_ms <= high
        ]

    def _setup(self, call: Call) -> list[Row]:
        asked = {name: call.query[name] for name in _filters(call.route.name) if name in call.query}
        found = rows.setup_rows(self.world, call.route.name)
        return [row for row in found if asked.items() <= row.items()]

    def _notes(self, call: Call) -> list[Row]:
        number = self.application(call.ids["id"]).number
        return [rows.note_row(n) for n in self.world.notes if n.application == number]

    def _files(self, call: Call) -> list[Row]:
        """Resumes, or the other files."""
        application, is_resume = self.application(call.ids["id"]), call.route.name == "resumes"
        address = f"{self.origin}{call.path}"
        return rows.file_rows(self.world, application, address, resumes=is_resume)

    def _short(self, pattern: str, rows_of: RowsOf, *allowed: str) -> Route:
        """A list whose order never changes: the position is the index."""

        def handler(call: Call) -> Reply:
            walk = self._walk(call, allowed)
            found = rows_of(call)
            start = 0 if walk["a"] is None else int(str(walk["a"])) + 1
            return self._paged(call, walk, ((n, found[n]) for n in range(start, len(found))))

        return Route("GET", pattern, "list", pattern.rpartition("/")[2], handler)

    def _walk(self, call: Call, allowed: Iterable[str]) -> Record:
        """The walk that the request begins or continues, with its parameters checked."""
        self.expect(call, {*allowed, "limit", "offset"})
        query = sorted(f"{k}={v}" for k, v in call.query.items() if k not in {"offset", "limit"})
        return self.walk(call, call.query.get("offset"), "offset_not_from_here", query, a=None)

    def _paged(self, call: Call, walk: Record, found: Iterable[tuple[object, object]]) -> Reply:
        limit = self.limit_of(call.query.get("limit", "100"), 100)
        page = self.walk_page(call, walk, found, limit)
        onward = {"next": page.next} if page.next else {}
        body = {"data": page.rows, **onward, "hasNext": page.next is not None}
        return Reply.of(body, headers={"x-lever-region": "global"})


def _ends(name: str) -> tuple[str, str]:
    """The parameters with both ends of a time, which are included."""
    return f"{name}_start", f"{name}_end"


def _filters(name: str) -> tuple[str, ...]:
    return {"archive_reasons": ("type",), "postings": ("state",)}.get(name, ())
