"""Lever, Data API v1: opportunities in stage order, opaque offsets, a bare token bucket."""

from dataclasses import dataclass
from typing import ClassVar

from connectors.simulator import lever_rows as rows
from connectors.simulator.account import contacts
from connectors.simulator.clock import moment
from connectors.simulator.lever_lists import ONE, LeverLists
from connectors.simulator.lever_writes import LeverWrites
from connectors.simulator.limits import TokenBucket
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.rows import Row
from connectors.simulator.world import Blueprint, Person, Stage, StageTemplate

CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "ResourceNotFound",
    429: "RateLimitExceeded",
}


@dataclass(kw_only=True, eq=False)
class Lever(LeverLists, LeverWrites):
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
    FILE_IDS = rows.FILE_IDS
    CANDIDATE_LACKS = ("company", "custom_fields", "external_created_at")

    rate_per_s: float = 10.0
    burst: int = 20
    offset_ttl_s: float = 3600.0
    """The life of an offset (unverified 2026-11-23)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cursor_life_ms = self.offset_ttl_s * 1000
        self.budget = TokenBucket(self.rate_per_s / self.time_scale, self.burst)

    def stage_key(self, stage: Stage) -> str:
        return rows.stage_id(stage)

    def visible(self, person: Person) -> bool:
        """A contact is seen only through its opportunities."""
        return bool(person.applications)

    def routes(self) -> list[Route]:
        """The endpoints of v1 that an integration of this kind uses."""
        downloads = (f"{ONE}/{name}/{{file}}/download" for name in ("resumes", "files"))
        return [
            *self.list_routes(),
            self.read_route(ONE, "opportunity", self._opportunity, "expand", "include"),
            *(Route("GET", path, "detail", "download", self._download) for path in downloads),
            self.read_route("/v1/postings/{id}", "posting", self._posting),
            *self.write_routes(),
        ]

    def answer(self, value: object, status: int = 200) -> Reply:
        """The envelope of what is no list."""
        return Reply.of({"data": value}, status)

    def refused(self, refusal: Refusal) -> Reply:
        code = refusal.code or CODES.get(refusal.status, "InternalServerError")
        return Reply.of({"code": code, "message": refusal.message}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """HTTP Basic: the key as user, an empty password."""
        user, password = self.basic(call)
        if user != self.credentials["api_key"]:
            raise Refusal(401, "Invalid API key")
        if password:
            self.violated("password_not_empty", call.route.name)

    def _download(self, call: Call) -> Reply:
        """A file itself, for those who have the key."""
        person = self.world.people[self.application(call.ids["id"]).person]
        return self.file_of(person.files, call.ids["file"])

    def _opportunity(self, call: Call) -> Row:
        number = self.application(call.ids["id"]).number
        return self.opportunity_row(number, self.expansions(call))

    def _posting(self, call: Call) -> Row:
        return rows.posting_row(self.world, self.job(call.ids["id"]).number)

    def truth_candidate(self, person: Person) -> Record:
        """The contact as opportunities show it: one name, bare e-mails, a headline."""
        record = super().truth_candidate(person)
        times = [a.updated_ms for a in self.world.applications_of(person) if a.updated_ms]
        record |= {
            "emails": contacts(person.emails, typed=False),
            "addresses": contacts(person.addresses, typed=False),
            "links": contacts(person.links, typed=False),
            "external_updated_at": None if not times else moment(max(times)),
        }
        if person.anonymised:
            record |= {"first_name": None, "last_name": None}
        return record


SIMULATOR = Lever
