"""Workable, SPI v3: one record per person and job, lists by id with inclusive since_id."""

from dataclasses import dataclass
from typing import ClassVar

from connectors.simulator import workable_rows as rows
from connectors.simulator.account import Truth
from connectors.simulator.limits import FixedWindow, HeaderNames
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.workable_lists import BASE, WorkableLists
from connectors.simulator.workable_writes import WorkableWrites
from connectors.simulator.world import Application, Blueprint, Person, Stage, StageTemplate

LIMIT_NAMES = HeaderNames(
    limit="X-Rate-Limit-Limit", remaining="X-Rate-Limit-Remaining", reset="X-Rate-Limit-Reset"
)


@dataclass(kw_only=True, eq=False)
class Workable(WorkableLists, WorkableWrites):
    """A Workable account as its SPI v3 shows it (vendor docs, read 2026-11-23).

    All options but the rate limit are unverified or vary by account (2026-11-23).
    """

    NAME: ClassVar[str] = "workable"
    BASE_PATH: ClassVar[str] = BASE
    INVALID = 422
    BODY_TYPE_STATUS = 422
    REJECTED_STAYS = True
    FILE_LIFE_MS = 60_000_000
    EXPIRES_UNIT_MS = 1000
    CREDENTIALS: ClassVar = {"token": "workable-token-{seed}"}
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("Sourced", "new", "sourced", "sourced"),
            StageTemplate("Applied", "new", "applied", "applied"),
            StageTemplate("Phone Screen", "screening", "phone-screen", "phone-screen"),
            StageTemplate("Assessment", "assessment", "assessment", "assessment"),
            StageTemplate("Interview", "interview", "interview", "interview"),
            StageTemplate("Offer", "offer", "offer", "offer"),
            StageTemplate("Hired", "hired", "hired", "hired"),
        ),
        hired_kind="hired",
        unknown_kind="custom",
        several_applications=0.0,
        person_bumps_applications=True,
    )
    PERSON_IDS = rows.CANDIDATE_IDS
    APPLICATION_IDS = rows.CANDIDATE_IDS
    JOB_IDS = rows.SHORTCODES
    STAGE_IDS = rows.STAGE_NUMBERS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.MEMBER_IDS
    ONE_CONTACT = True
    CANDIDATE_LACKS = ("company", "links", "custom_fields", "is_private")

    rate_limit: int = 10
    window_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget = FixedWindow(
            self.rate_limit,
            self.window_s * self.time_scale,
            names=LIMIT_NAMES,
            epoch_s=lambda: self.clock.now_ms() / 1000,
        )

    def stage_key(self, stage: Stage) -> str:
        """The slug, which writes take; it is unique within a job."""
        return rows.slug_of(stage)

    def routes(self) -> list[Route]:
        """The endpoints of the SPI that an integration of this kind uses."""
        one, job = f"{BASE}/candidates/{{id}}", f"{BASE}/jobs/{{shortcode}}"
        return [
            *self.list_routes(),
            self.read_route(f"{BASE}/stages", "stages", self._stages, operation="list"),
            self.read_route(f"{job}/stages", "job_stages", self._job_stages, operation="list"),
            self.read_route(
                f"{BASE}/disqualification_reasons", "reasons", self._reasons, operation="list"
            ),
            self.read_route(
                f"{BASE}/custom_attributes",
                "custom_attributes",
                lambda _: {"custom_attributes": rows.field_rows()},
                "limit",
                operation="list",
            ),
            self.read_route(job, "job", lambda c: rows.job_row(self.job(c.ids["shortcode"]))),
            self.read_route(one, "candidate", self._candidate),
            self.read_route(f"{one}/activities", "activities", self._activities),
            self.read_route(f"{one}/files", "files", self._files),
            Route("GET", "/files/{id}", "detail", "file", self.signed_file),
            *self.write_routes(),
        ]

    def limit_headers(self, call: Call, headers: dict[str, str]) -> dict[str, str]:
        """One window for the token; answers to writes do not show it."""
        return {} if call.route.operation == "write" else headers

    def refused(self, refusal: Refusal) -> Reply:
        """A single sentence; only the 404 is a recorded one, the others are unverified."""
        message = "Not found" if refusal.status == 404 else refusal.message
        return Reply.of({"error": message}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """A bearer token everywhere but at the file store."""
        if self.bearer(call) != self.credentials["token"]:
            raise Refusal(401, "Not authorized")
        repeated = [name for name in call.params if len(call.query.getall(name)) > 1]
        if repeated:
            raise Refusal(422, f"{repeated[0]} is given twice", rule="parameter_repeated")

    def _stages(self, _: Call) -> Record:
        return {"stages": rows.account_stages(self.world)}

    def _job_stages(self, call: Call) -> Record:
        stages = self.world.stages_of(self.job(call.ids["shortcode"]).number)
        return {"stages": [rows.job_stage_row(stage) for stage in stages]}

    def _reasons(self, _: Call) -> list[Record]:
        """A bare array, unlike every other list."""
        return [rows.reason_row(reason) for reason in self.world.reasons.values()]

    def _candidate(self, call: Call) -> Record:
        return {"candidate": self.detail(self.application(call.ids["id"]))}

    def _activities(self, call: Call) -> Record:
        application = self.application(call.ids["id"])
        return {"activities": rows.activity_rows(self.world, application)}

    def _files(self, call: Call) -> Record:
        person = self.world.people[self.application(call.ids["id"]).person]
        found = [
            {
                "name": f.name,
                "preview_url": self.file_url(f.number),
                "source": "candidate",
                "kind": f.kind,
            }
            for f in person.files
        ]
        return {"files": found}

    def truth(self) -> Truth:
        """Both sides of a record under one id."""
        found = super().truth()
        for key, record in found.candidates.items():
            record["external_updated_at"] = found.applications[key]["external_updated_at"]
            record["external_created_at"] = found.applications[key]["applied_at"]
        return found

    def truth_candidate(self, person: Person) -> Record:
        """Files have names and no ids."""
        files = [{"external_id": f.name, "name": f.name, "kind": f.kind} for f in person.files]
        return super().truth_candidate(person) | {"attachments": files}

    def truth_application(self, application: Application) -> Record:
        """The person's source is the record's."""
        source = self.world.people[application.person].source
        return super().truth_application(application) | {"source": source}


SIMULATOR = Workable
