"""Lever, Data API v1: opportunities in stage order, opaque offsets, a bare token bucket."""

from collections.abc import Iterable
from typing import ClassVar, Unpack

from connectors.simulator import lever_rows as rows
from connectors.simulator.account import Shared
from connectors.simulator.clock import moment
from connectors.simulator.lever_filters import FILTERS, bounds, listing_filter
from connectors.simulator.lever_writes import LeverWrites
from connectors.simulator.limits import TokenBucket
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.rows import Key, Ordered, array
from connectors.simulator.truth import Record, contacts
from connectors.simulator.vendor import FAR_MS
from connectors.simulator.world import (
    Blueprint,
    Deletion,
    Person,
    Stage,
    StageTemplate,
)

SETUP = ("stages", "archive_reasons", "postings", "users", "tags", "sources")
CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "ResourceNotFound",
    429: "RateLimitExceeded",
}


class Lever(LeverWrites):
    """A Lever account as its Data API shows it (vendor docs, read 2026-11-23)."""

    NAME: ClassVar[str] = "lever"
    BASE_PATH: ClassVar[str] = "/v1"
    CURSOR_REFUSED = ("Invalid offset token", "Invalid offset token: it has expired")
    CREDENTIALS: ClassVar = {"api_key": "lever-key-{seed}"}  # the user of HTTP Basic
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("New Lead", "new", slug="lead-new"),
            StageTemplate("New Applicant", "new", slug="applicant-new"),
            StageTemplate("Phone Screen", "screening"),
            StageTemplate("Assessment", "assessment"),
            StageTemplate("Onsite Interview", "interview"),
            StageTemplate("Background Check", "background_check"),
            StageTemplate("Offer", "offer", slug="offer"),
        ),
        per_job=False,
        person_bumps_applications=True,
    )
    PERSON_IDS = rows.CONTACT_IDS
    APPLICATION_IDS = rows.OPPORTUNITY_IDS
    JOB_IDS = rows.POSTING_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.USER_IDS
    CANDIDATE_LACKS = ("company", "custom_fields", "external_created_at")

    def __init__(
        self,
        *,
        rate_per_s: float = 10.0,
        burst: int = 20,
        offset_ttl_s: float = 3600.0,
        archived_shape: rows.ArchivedShape = "object",
        perform_as_required: bool = False,
        same_stage_refused: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        """The last three options and the offset's life are unverified (2026-11-23).

        `archived_shape` is how an opportunity shows its archive state; the other two make writes
        without `perform_as`, and moves to the present stage, a 400.
        """
        super().__init__(**shared)
        self.perform_as_required = perform_as_required
        self.same_stage_refused = same_stage_refused
        self.rows = rows.LeverRows(self.world, archived_shape=archived_shape)
        self.cursor_life_ms = offset_ttl_s * 1000
        self._order = Ordered(self.world, "application", self._position)
        self.budget = TokenBucket(rate_per_s / self.time_scale, burst)

    def stage_key(self, stage: Stage) -> str:
        """Slug or UUID."""
        return rows.stage_id(stage)

    def visible(self, person: Person) -> bool:
        """A contact is seen only through its opportunities."""
        return bool(person.applications)

    def routes(self) -> list[Route]:
        """The endpoints of v1 that an integration of this kind uses."""
        lists = [Route("GET", f"/v1/{name}", "list", name, self._setup) for name in SETUP]
        one = "/v1/opportunities/{id}"
        return [
            *lists,
            Route("GET", "/v1/opportunities", "list", "opportunities", self._list),
            Route("GET", "/v1/opportunities/deleted", "list", "deleted", self._deleted),
            Route("GET", one, "detail", "opportunity", self._opportunity),
            Route("GET", f"{one}/notes", "list", "notes", self._notes),
            *(
                Route("GET", f"{one}/{name}", "list", name, self._parts)
                for name in ("resumes", "files", "forms")
            ),
            *(
                Route(
                    "GET", f"{one}/{name}/{{file}}/download", "detail", "download", self._download
                )
                for name in ("resumes", "files")
            ),
            Route("GET", "/v1/postings/{id}", "detail", "posting", self._posting),
            *self.write_routes(),
        ]

    def refused(self, refusal: Refusal) -> Reply:
        """A code and a message."""
        code = refusal.code or CODES.get(refusal.status, "InternalServerError")
        return Reply.of({"code": code, "message": refusal.message}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """HTTP Basic: the key as user, an empty password."""
        user, password = self.basic(call)
        if user != self.credentials["api_key"]:
            raise Refusal(401, "Invalid API key")
        if password:
            self.violated("password_not_empty", call.route.name)

    def _position(self, number: int) -> Key | None:
        application = self.world.applications.get(number)
        if application is None:
            return None
        rank = self.world.stages[application.stage].order
        return (rank, -application.created_ms, rows.OPPORTUNITY_IDS.of(number))

    def _list(self, call: Call) -> Reply:
        after = self._walk(call, {*FILTERS, "expand", "include"})
        keep = listing_filter(self.world, call)
        encoded = self.rows.of(_expansions(call))
        known = self.world.applications
        position = after["a"]
        ordered = self._order.after(tuple(position) if isinstance(position, list) else None)
        found = ((key, encoded[number]) for key, number in ordered if keep(known[number]))
        return self._paged(call, after, found)

    def _deleted(self, call: Call) -> Reply:
        walk = self._walk(call, {"deleted_at_start", "deleted_at_end"})
        low, high = bounds(call, "deleted_at")
        gone = [d for d in self.world.deletions if d.kind == "application"]
        return self._paged_rows(call, walk, [_deletion(d) for d in gone if low <= d.at_ms <= high])

    def _setup(self, call: Call) -> Reply:
        filters = {"archive_reasons": {"type"}, "postings": {"state"}}.get(call.route.name, set())
        walk = self._walk(call, filters)
        found = rows.setup_rows(self.world, call.route.name)
        for name in filters & call.params:
            found = [row for row in found if row[name] == call.query[name]]
        return self._paged_rows(call, walk, found)

    def _notes(self, call: Call) -> Reply:
        walk = self._walk(call, set())
        number = self.application(call.ids["id"]).number
        notes = [rows.note_row(n) for n in self.world.notes if n.application == number]
        return self._paged_rows(call, walk, notes)

    def _parts(self, call: Call) -> Reply:
        """Resumes, other files, and profile forms."""
        walk = self._walk(call, set())
        application, name = self.application(call.ids["id"]), call.route.name
        if name == "forms":
            return self._paged_rows(call, walk, rows.form_rows(application))
        address = f"{self.origin}{call.path}"
        is_resume = name == "resumes"
        found = rows.file_rows(self.world, application, address, resumes=is_resume)
        return self._paged_rows(call, walk, found)

    def _download(self, call: Call) -> Reply:
        """A file itself, for those who have the key."""
        person = self.world.people[self.application(call.ids["id"]).person]
        known = {rows.FILE_IDS.of(file.number): file.number for file in person.files}
        return self.file_until(self.found(known.get(call.ids["file"]), "file"), FAR_MS)

    def _opportunity(self, call: Call) -> Reply:
        self.expect(call, {"expand", "include"})
        number = self.application(call.ids["id"]).number
        return Reply.of({"data": self.rows.opportunity(number, _expansions(call))})

    def _posting(self, call: Call) -> Reply:
        return Reply.of({"data": rows.posting_row(self.world, self.job(call.ids["id"]).number)})

    def _walk(self, call: Call, filters: set[str]) -> Record:
        """The walk that the request begins or continues, with its parameters checked."""
        self.expect(call, {*filters, "limit", "offset"})
        query = sorted(f"{k}={v}" for k, v in call.query.items() if k not in {"offset", "limit"})
        if "offset" not in call.query:
            return self.new_walk(call, query, a=None)
        return self.resumed_walk(call, call.query["offset"], "offset_not_from_here", query=query)

    def _paged_rows(self, call: Call, walk: Record, found: list[rows.Row]) -> Reply:
        """A page of a list whose order never changes: the position is the index."""
        start = 0 if walk["a"] is None else int(str(walk["a"])) + 1
        encoded = ((n, Reply.of(found[n]).body) for n in range(start, len(found)))
        return self._paged(call, walk, encoded)

    def _paged(self, call: Call, walk: Record, found: Iterable[tuple[object, bytes]]) -> Reply:
        limit = self.limit_of(call.query.get("limit", "100"), 100)
        page = self.walk_page(call, walk, found, limit)
        more = b"true" if page.next else b"false"
        onward = b',"next":"' + page.next.encode() + b'"' if page.next else b""
        body = b'{"data":' + array(page.rows) + onward + b',"hasNext":' + more + b"}"
        return Reply(200, body, {"x-lever-region": "global"})

    def truth_candidate(self, person: Person) -> Record:
        """The contact as opportunities show it: one name, bare e-mails, a headline."""
        record = super().truth_candidate(person)
        times = [a.updated_ms for a in self.world.applications_of(person) if a.updated_ms]
        record |= {
            "emails": contacts(person.emails, typed=False),
            "addresses": contacts(person.addresses, typed=False),
            "links": contacts(person.links, typed=False),
            "external_updated_at": None if not times else moment(max(times)),
            "attachments": [
                {"external_id": rows.FILE_IDS.of(f.number), "name": f.name, "kind": f.kind}
                for f in person.files
            ],
        }
        if person.anonymised:
            record |= {"first_name": None, "last_name": None}
        return record


def _expansions(call: Call) -> frozenset[str]:
    given = {name for value in call.query.getall("expand", []) for name in value.split(",")}
    if given - rows.EXPANDABLE:
        raise Refusal(400, "Unknown expansion", rule="unknown_expansion")
    return frozenset(given)


def _deletion(deletion: Deletion) -> rows.Row:
    return {
        "id": rows.OPPORTUNITY_IDS.of(deletion.number),
        "deletedAt": deletion.at_ms,
        "deletedBy": rows.USER_IDS.of(deletion.user),
    }


SIMULATOR = Lever
