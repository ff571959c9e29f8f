"""Lever, Data API v1: opportunities in stage order, opaque offsets, a bare token bucket."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import ClassVar, Unpack
from urllib.parse import quote

from connectors.simulator import lever_rows as rows
from connectors.simulator.account import Shared
from connectors.simulator.clock import moment
from connectors.simulator.lever_filters import FILTERS, bounds, listing_filter
from connectors.simulator.lever_writes import LeverWrites
from connectors.simulator.limits import Limit, TokenBucket
from connectors.simulator.messages import Call, Page, Refusal, Reply, Route, integer, seal, unseal
from connectors.simulator.rows import Key, Ordered, array
from connectors.simulator.server import Simulator
from connectors.simulator.truth import Record, contacts
from connectors.simulator.world import (
    Application,
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
Place = tuple[Key, bytes]


class Lever(Simulator):
    """A Lever account as its Data API shows it (vendor docs, read 2026-11-23)."""

    NAME: ClassVar[str] = "lever"
    BASE_PATH: ClassVar[str] = "/v1"
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

        `archived_shape` is how an opportunity tells its archive state; the other two make writes
        without `perform_as`, and moves to the present stage, a 400.
        """
        super().__init__(**shared)
        self.perform_as_required = perform_as_required
        self.same_stage_refused = same_stage_refused
        self.rows = rows.LeverRows(self.world, archived_shape=archived_shape)
        self._offset_life_ms = round(offset_ttl_s * 1000)
        self._offsets_begin_ms = 0
        self._order = Ordered(self.world, "application", self._place)
        self._bucket = TokenBucket(rate_per_s / self.time_scale, burst)

    @property
    def credentials(self) -> dict[str, str]:
        """One key, used as the user of HTTP Basic."""
        return {"api_key": f"lever-key-{self.seed}"}

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
            Route("GET", "/v1/postings/{id}", "detail", "posting", self._posting),
            *LeverWrites(self).routes(),
        ]

    def limit_for(self, call: Call) -> Limit | None:  # noqa: ARG002 (one bucket for all)
        """One bucket per key."""
        return self._bucket

    def expire_tokens(self) -> None:
        """Lever's key does not end; offsets handed out so far do."""
        self._offsets_begin_ms = self.clock.now_ms() + 1

    def refused(self, refusal: Refusal) -> Reply:
        """A code and a message."""
        code = refusal.code or CODES.get(refusal.status, "InternalServerError")
        return Reply.of({"code": code, "message": refusal.message}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """HTTP Basic: the key as user, an empty password."""
        given = call.basic()
        if given is None:
            raise Refusal(401, "Missing credentials", rule="basic_authorization_missing")
        if given[0] != self.credentials["api_key"]:
            raise Refusal(401, "Invalid API key")
        if given[1]:
            self.violated("password_not_empty", call.route.name)

    def _place(self, number: int) -> Key | None:
        application = self.world.applications.get(number)
        if application is None:
            return None
        rank = self.world.stages[application.stage].order
        return (rank, -application.created_ms, rows.OPPORTUNITY_IDS.of(number))

    def _list(self, call: Call) -> Reply:
        self._expect(call, {*FILTERS, "expand", "include"})
        keep = listing_filter(self.world, call)
        encoded = self.rows.of(_expansions(call))
        known = self.world.applications

        def places(after: Key | None) -> Iterable[Place]:
            for place, number in self._order.after(after):
                if keep(known[number]):
                    yield place, encoded[number]

        return self._paged(call, places)

    def _deleted(self, call: Call) -> Reply:
        self._expect(call, {"deleted_at_start", "deleted_at_end"})
        low, high = bounds(call, "deleted_at")
        gone = [d for d in self.world.deletions if d.kind == "application"]
        found = [d for d in gone if low <= d.at_ms <= high]
        return self._paged(call, _indexed([Reply.of(_deletion(d)).body for d in found]))

    def _setup(self, call: Call) -> Reply:
        filters = {"archive_reasons": {"type"}, "postings": {"state"}}.get(call.route.name, set())
        self._expect(call, filters)
        found = rows.setup_rows(self.world, call.route.name)
        for name in filters & call.params:
            found = [row for row in found if row[name] == call.query[name]]
        return self._paged(call, _indexed([Reply.of(row).body for row in found]))

    def _notes(self, call: Call) -> Reply:
        self._expect(call, set())
        number = self.opportunity(call).number
        notes = [n for n in self.world.notes if n.application == number]
        return self._paged(call, _indexed([Reply.of(rows.note_row(n)).body for n in notes]))

    def _opportunity(self, call: Call) -> Reply:
        if call.params - {"expand", "include"}:
            raise Refusal(400, "Unknown parameter", rule="unknown_parameter")
        row = self.rows.opportunity(self.opportunity(call).number, _expansions(call))
        return Reply.of({"data": row})

    def _posting(self, call: Call) -> Reply:
        number = rows.POSTING_IDS.number(call.ids["id"])
        if number not in self.world.jobs:
            raise Refusal(404, "Posting was not found")
        return Reply.of({"data": rows.posting_row(self.world, number or 0)})

    def opportunity(self, call: Call) -> Application:
        """The opportunity in the path.

        Raises:
            Refusal: 404 where there is none.
        """
        found = self.find_application(call.ids["id"])
        if found is None:
            raise Refusal(404, "Opportunity was not found")
        return found

    def _expect(self, call: Call, filters: set[str]) -> None:
        unknown = sorted(call.params - filters - {"limit", "offset"})
        if unknown:
            raise Refusal(400, f"Unknown parameter: {unknown[0]}", rule="unknown_parameter")

    def _paged(self, call: Call, places: Callable[[Key | None], Iterable[Place]]) -> Reply:
        limit = integer(call.query.get("limit", "100"), low=1, high=100)
        if limit is None:
            raise Refusal(400, "limit must be between 1 and 100", rule="limit_out_of_bounds")
        after = self._offset(call)
        found = list(islice(places(after), limit + 1))
        shown = found[:limit]
        following = self._token(call, shown[-1][0], call.page + 1) if len(found) > limit else None
        page = Page([row for _, row in shown], following, self._token(call, after, call.page))
        page = self.turn_page(call, page)
        more = b"true" if page.next else b"false"
        onward = b',"next":"' + page.next.encode() + b'"' if page.next else b""
        body = b'{"data":' + array(page.rows) + onward + b',"hasNext":' + more + b"}"
        return Reply(200, body, {"x-lever-region": "global"})

    def _token(self, call: Call, place: Key | None, page: int) -> str:
        kept = sorted(f"{k}={v}" for k, v in call.query.items() if k not in {"offset", "limit"})
        state = {"k": place, "n": page, "q": kept, "t": self.clock.now_ms(), "l": call.route.name}
        return quote(seal(state))

    def _offset(self, call: Call) -> Key | None:
        if "offset" not in call.query:
            return None
        state = unseal(call.query["offset"])
        if state is None or state.get("l") != call.route.name:
            raise Refusal(400, "Invalid offset token", rule="offset_not_from_here")
        issued = int(str(state["t"]))
        late = self.clock.now_ms() - issued > self._offset_life_ms
        if late or issued < self._offsets_begin_ms:
            raise Refusal(400, "Invalid offset token: it has expired")
        kept = sorted(f"{k}={v}" for k, v in call.query.items() if k not in {"offset", "limit"})
        if kept != state["q"]:
            raise Refusal(400, "Invalid offset token", rule="parameters_changed_during_walk")
        call.page = int(str(state["n"]))
        place = state["k"]
        return tuple(place) if isinstance(place, list) else None

    def truth_candidate(self, person: Person) -> Record:
        """What opportunities tell of their contact: one name, bare e-mails, a headline."""
        record = super().truth_candidate(person)
        times = [a.updated_ms for a in self.world.applications_of(person) if a.updated_ms]
        record |= {
            "company": None,
            "custom_fields": {},
            "attachments": [],
            "emails": contacts(person.emails, typed=False),
            "addresses": contacts(person.addresses, typed=False),
            "links": contacts(person.links, typed=False),
            "external_created_at": None,
            "external_updated_at": None if not times else moment(max(times)),
        }
        if person.anonymised:
            record |= {"first_name": None, "last_name": None}
        return record

    def truth_application(self, application: Application) -> Record:
        """Without custom fields, which this API does not have."""
        record = super().truth_application(application)
        record["custom_fields"] = {}
        return record


def _expansions(call: Call) -> frozenset[str]:
    given = {name for value in call.query.getall("expand", []) for name in value.split(",")}
    if given - rows.EXPANDABLE:
        raise Refusal(400, "Unknown expansion", rule="unknown_expansion")
    return frozenset(given)


def _indexed(found: list[bytes]) -> Callable[[Key | None], Iterable[Place]]:
    """Places for a list whose order never changes: the index itself."""

    def places(after: Key | None) -> Iterable[Place]:
        start = 0 if after is None else int(after[0]) + 1
        return (((index,), found[index]) for index in range(start, len(found)))

    return places


def _deletion(deletion: Deletion) -> rows.Row:
    return {
        "id": rows.OPPORTUNITY_IDS.of(deletion.number),
        "deletedAt": deletion.at_ms,
        "deletedBy": rows.USER_IDS.of(deletion.user),
    }


SIMULATOR = Lever
