"""SmartRecruiters, Customer API: assignments inside candidates, one candidate list at a time."""

from dataclasses import dataclass
from itertools import cycle
from typing import ClassVar

from connectors.simulator import smartrecruiters_rows as rows
from connectors.simulator.limits import HeaderNames, SlidingWindow
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.smartrecruiters_actions import SmartRecruitersActions
from connectors.simulator.smartrecruiters_lists import SmartRecruitersLists
from connectors.simulator.smartrecruiters_writes import SmartRecruitersWrites
from connectors.simulator.world import Application, Blueprint, Person, Stage, StageTemplate

LIMIT_NAMES = HeaderNames(limit="X-RateLimit-Limit", remaining="X-RateLimit-Remaining")
CODES = {
    400: "INVALID_REQUEST",
    401: "INVALID_API_KEY_ERROR",
    403: "UNAUTHORIZED",
    404: "RESOURCE_NOT_FOUND_ERROR",
    429: "TOO_MANY_REQUESTS",
}
"""The codes of errors; that of 429 is unverified 2026-11-23."""
ASKED = frozenset(label for label, _ in rows.QUESTIONS)
AT_ONCE = 8
CANDIDATE_LISTS_AT_ONCE = 1


def bare(status: str, canonical: str) -> StageTemplate:
    """A status without a label of the company's own."""
    return StageTemplate(status, canonical, status, status)


@dataclass(kw_only=True, eq=False)
class SmartRecruiters(SmartRecruitersLists, SmartRecruitersWrites):
    """A SmartRecruiters account as its Customer API shows it (vendor docs, read 2026-11-23).

    A stage is a status or a sub-status under one; its id is the label where there is one and the
    status where there is none. A rejection replaces the status. All options but the rate are
    unverified or vary by account (2026-11-23).
    """

    NAME: ClassVar[str] = "smartrecruiters"
    KEY_HEADER: ClassVar[str] = "X-SmartToken"
    BODY_TYPE_STATUS = 415
    CURSOR_REFUSED = ("pageId is not valid", "pageId is not valid any more")
    CREDENTIALS: ClassVar = {"api_key": "DCRA1-{seed:032x}"}
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            bare("LEAD", "new"),
            bare("NEW", "new"),
            bare("IN_REVIEW", "reviewing"),
            StageTemplate("Phone screen", "screening", "IN_REVIEW"),
            StageTemplate("Assessment", "assessment", "IN_REVIEW"),
            bare("INTERVIEW", "interview"),
            StageTemplate("Onsite interview", "interview", "INTERVIEW"),
            bare("OFFERED", "offer"),
            StageTemplate("Background check", "background_check", "OFFERED"),
            bare("HIRED", "hired"),
        ),
        per_job=False,
        hired_kind="HIRED",
        unknown_kind="IN_REVIEW",
    )
    PERSON_IDS = rows.CANDIDATE_IDS
    APPLICATION_IDS = rows.APPLICATION_IDS
    JOB_IDS = rows.JOB_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.USER_IDS
    FILE_IDS = rows.FILE_IDS
    CANDIDATE_FIELDS = frozenset(label for label, _ in rows.PROPERTIES)
    ONE_CONTACT = True
    CANDIDATE_LACKS = ("source", "is_private")
    APPLICATION_LACKS = ("applied_at", "rejected_at", "hired_at", "external_updated_at")

    rate_per_s: int = 10
    secondary_bumps_updated: bool = False
    """Lets a status change of a further assignment change the candidate's updatedOn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.actions: SmartRecruitersActions = SmartRecruitersActions(
            self.world, secondary_bumps=self.secondary_bumps_updated, seed=self.seed
        )
        self.budget = SlidingWindow(self.rate_per_s, self.time_scale, names=LIMIT_NAMES)
        self._transfer_some()
        licence, languages = (label for label, _ in rows.QUESTIONS)
        given: list[Record] = [
            {licence: "No"},
            {languages: "English, Advanced, Dutch", "desired_salary": 41},
            {},
        ]
        for application, answers in zip(self.world.applications.values(), cycle(given)):
            application.custom_fields |= answers

    def _transfer_some(self) -> None:
        """Of those who applied to two jobs, every third was put from the first into the second."""
        several = [p for p in self.world.people.values() if len(p.applications) > 1]
        for person in several[::3]:
            first = self.world.applications[person.applications[0]]
            if first.state == "active":
                first.state, first.transferred = "rejected", True
                first.rejected_ms = first.activity_ms

    def routes(self) -> list[Route]:
        one = "/candidates/{id}"
        assignment = f"{one}/jobs/{{job}}"
        setup = ("rejection-reasons", "withdrawal-reasons", "hiring-processes")
        names = (*setup, "candidate-properties", "sources")
        return [
            *(
                self.read_route(f"/configuration/{n}", n, self._setup, operation="list")
                for n in names
            ),
            *self.list_routes(),
            self.read_route(one, "candidate", lambda c: self.detail(self.person(c.ids["id"]))),
            self.read_route(
                f"{one}/tags", "tags", lambda c: {"tags": self.person(c.ids["id"]).tags}
            ),
            self.read_route(f"{one}/properties", "properties_of", self._properties_of, "context"),
            self.read_route(f"{one}/attachments", "attachments", self._attachments),
            Route("GET", f"{one}/attachments/{{file}}", "detail", "download", self._download),
            self.read_route(assignment, "assignment", lambda c: self.assignment(self.assigned(c))),
            self.read_route(f"{assignment}/status/history", "history", self._history),
            self.read_route(f"{assignment}/properties", "properties", self._properties, "context"),
            self.read_route(f"{assignment}/screening-answers", "answers", self._answers),
            self.read_route("/jobs/{job}", "job", lambda c: rows.job_row(self.job(c.ids["job"]))),
            *self.write_routes(),
        ]

    def limit_headers(self, call: Call, headers: dict[str, str]) -> dict[str, str]:
        """One rate per key; the headers also show how many calls may run at once."""
        most, slots = self.parallel_for(call), self._parallel[self.parallel_group(call)]
        return headers | {
            "X-RateLimit-Concurrent-Limit": str(most),
            "X-RateLimit-Concurrent-Remaining": str(max(0, most - slots.running)),
        }

    def parallel_for(self, call: Call) -> int:
        """One list of candidates at a time, eight of everything else."""
        return CANDIDATE_LISTS_AT_ONCE if call.route.name == "candidates" else AT_ONCE

    def parallel_group(self, call: Call) -> str:
        """The list of candidates has a budget of its own."""
        return "candidates" if call.route.name == "candidates" else "others"

    def refused(self, refusal: Refusal) -> Reply:
        usual = CODES.get(refusal.status, "INTERNAL_ERROR")
        code = refusal.code if refusal.code.isupper() else usual
        errors = [{"code": code, "message": refusal.message}]
        return Reply.of({"message": refusal.message, "errors": errors}, refusal.status)

    def authenticate(self, call: Call) -> None:
        """The key in its own header."""
        key = call.headers.get("X-SmartToken")
        if key is None:
            raise Refusal(401, "X-SmartToken is missing", rule="smart_token_missing")
        if key != self.credentials["api_key"]:
            raise Refusal(401, "X-SmartToken is not valid")

    def stage_key(self, stage: Stage) -> str:
        """The sub-status, or the status where there is none."""
        return stage.name

    def application_key(self, application: Application) -> str:
        """Candidate and job together."""
        person, job = rows.CANDIDATE_IDS.of(application.person), rows.JOB_IDS.of(application.job)
        return f"{person}:{job}"

    def find_application(self, key: object) -> Application | None:
        candidate, _, job_key = str(key).partition(":")
        person, job = self.find_person(candidate), rows.JOB_IDS.number(job_key)
        if person is None:
            return None
        return next((a for a in self.world.applications_of(person) if a.job == job), None)

    def _properties_of(self, call: Call) -> Record:
        if call.query.get("context", "PROFILE") not in rows.CONTEXTS:
            raise self.invalid("context is none of the known ones", "unknown_context")
        return {"content": rows.property_values(self.person(call.ids["id"]))}

    def _properties(self, call: Call) -> Record:
        return {"content": rows.property_values(self.assigned(call))}

    def _attachments(self, call: Call) -> Record:
        return _whole(rows.attachment_rows(self.person(call.ids["id"])))

    def _history(self, call: Call) -> Record:
        return _whole(self.history(self.assigned(call)))

    def _answers(self, call: Call) -> Record:
        return _whole(rows.screening_answers(self.assigned(call)))

    def _download(self, call: Call) -> Reply:
        return self.file_of(self.person(call.ids["id"]).files, call.ids["file"])

    def _setup(self, call: Call) -> Record:
        world = self.world
        reasons = [(rows.reason_row(r), r.kind == "withdrawn") for r in world.reasons.values()]
        found: dict[str, list[Record]] = {
            "rejection-reasons": [row for row, own in reasons if not own],
            "withdrawal-reasons": [row for row, own in reasons if own],
            "hiring-processes": rows.hiring_processes(world, self.hiring_processes),
            "candidate-properties": rows.property_rows(),
            "sources": [{"id": f"source-{n}", "label": s} for n, s in enumerate(world.sources)],
        }
        return _whole(found[call.route.name])

    def truth_candidate(self, person: Person) -> Record:
        """A candidate read on its own has one link of a kind."""
        links = [{"value": v, "type": kind} for kind, v in rows.web_of(person).items()]
        return super().truth_candidate(person) | {"links": links}

    def truth_application(self, application: Application) -> Record:
        """A closed application shows its status instead of a stage."""
        own = application.custom_fields.items()
        record = super().truth_application(application)
        record["custom_fields"] = {k: v for k, v in own if k in self.CANDIDATE_FIELDS | ASKED}
        closed = rows.closed_status(self.world, application)
        return record | {"stage": {"external_id": closed, "name": closed}} if closed else record


def _whole(found: list[Record]) -> Record:
    return {"totalFound": len(found), "content": found}


SIMULATOR = SmartRecruiters
