"""Ashby: RPC by POST, HTTP 200 for errors, cursors and sync tokens, typed stages per plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from connectors.simulator import ashby_rows as rows
from connectors.simulator.account import contacts
from connectors.simulator.ashby_lists import AshbyLists
from connectors.simulator.ashby_writes import AshbyWrites
from connectors.simulator.clock import iso
from connectors.simulator.filters import FAR_MS
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route, integer
from connectors.simulator.world import Application, Blueprint, Contact, Person, StageTemplate

VERSION = "version=1"
SETUP = (
    "archiveReason.list",
    "interviewPlan.list",
    "source.list",
    "user.list",
    "customField.list",
)


@dataclass(kw_only=True, eq=False)
class Ashby(AshbyLists, AshbyWrites):
    """An Ashby account as its API shows it (vendor docs, read 2026-11-23).

    All options are unverified or vary by account (2026-11-23).
    """

    NAME: ClassVar[str] = "ashby"
    BODY_TYPE_STATUS = 415
    INVALID = 200  # most refusals travel with this status; only `success` says so
    UNKNOWN_FIELD = "unknown_parameter"
    CURSOR_REFUSED = ("Invalid cursor", "Cursor expired")
    CURSOR_CODE = "cursor_invalid"
    CREDENTIALS: ClassVar = {"api_key": "ashby-key-{seed}"}  # the user of HTTP Basic
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("New Lead", "new", "Lead"),
            StageTemplate("Recruiter Screen", "screening", "PreInterviewScreen"),
            StageTemplate("Assessment", "assessment", "Active"),
            StageTemplate("Onsite Interview", "interview", "Active"),
            StageTemplate("Background Check", "background_check", "Active"),
            StageTemplate("Offer", "offer", "Offer"),
            StageTemplate("Hired", "hired", "Hired"),
            StageTemplate("Archived", "rejected", "Archived"),
        ),
        hired_kind="Hired",
        rejected_kind="Archived",
        unknown_kind="Active",
    )
    PERSON_IDS = rows.CANDIDATE_IDS
    APPLICATION_IDS = rows.APPLICATION_IDS
    JOB_IDS = rows.JOB_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.USER_IDS
    FILE_IDS = rows.FILE_IDS
    CANDIDATE_FIELDS = frozenset(title for of, title, _ in rows.FIELDS if of == "Candidate")
    APPLICATION_LACKS = ("hired_at",)

    rate_per_minute: int | None = None
    """Reported as 15 for some endpoints."""
    concurrency: int | None = None
    """Reported as 3 for some endpoints."""
    retry_after: bool = False
    """Adds that header to 429s."""
    bare_errors: bool = False
    """Sends objects in `errors` and no `errorInfo`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget = self.minute_window(self.rate_per_minute, retry_after=self.retry_after)

    def routes(self) -> list[Route]:
        """The methods that an integration of this kind uses."""
        setup = [Route("POST", f"/{name}", "list", name, self._setup) for name in SETUP]
        return [
            *setup,
            Route("POST", "/candidate.list", "list", "candidate.list", self._candidates),
            Route("POST", "/application.list", "list", "application.list", self._applications),
            Route("POST", "/job.list", "list", "job.list", self._jobs),
            Route("POST", "/candidateTag.list", "list", "candidateTag.list", self._tags),
            Route("POST", "/interviewStage.list", "list", "interviewStage.list", self._stages),
            Route("POST", "/application.listHistory", "detail", "history", self._history),
            Route("POST", "/candidate.listNotes", "detail", "notes", self._notes),
            Route("POST", "/candidate.info", "detail", "candidate.info", self._candidate),
            Route("POST", "/candidate.search", "detail", "candidate.search", self._search),
            Route("POST", "/application.info", "detail", "application.info", self._application),
            Route("POST", "/apiKey.info", "detail", "apiKey.info", self._key),
            Route("POST", "/file.info", "detail", "file.info", self._file_info),
            Route("GET", "/files/{id}", "detail", "file", self.signed_file),
            *self.write_routes(),
        ]

    def parallel_for(self, call: Call) -> int | None:  # noqa: ARG002 (one budget for all)
        """The number of calls that may run at once, or None."""
        return self.concurrency

    def parallel_group(self, call: Call) -> str:  # noqa: ARG002 (one budget for all)
        """All calls of the organisation count together."""
        return "organisation"

    def answer(self, value: object, status: int = 200) -> Reply:
        """The envelope of a success without pages."""
        return Reply.of({"success": True, "results": value}, status)

    def refused(self, refusal: Refusal) -> Reply:
        """An envelope without success; logical errors come with HTTP 200."""
        code = refusal.code or "invalid_input"
        request_id = f"req-{sum(self.recorder.requests.values())}"
        info = {"code": code, "message": refusal.message, "requestId": request_id}
        body: Record = {"success": False, "errors": [refusal.message], "errorInfo": info}
        if self.bare_errors:
            parameter = refusal.message.split(" ", 1)[0]
            body["errors"] = [{"message": refusal.message, "parameter": parameter}]
            body["errorInfo"] = None
        return Reply.of(body, refusal.status, {"x-ashby-request-id": request_id})

    def authenticate(self, call: Call) -> None:
        """HTTP Basic, the version header, and a JSON body."""
        if self.basic(call) != (self.credentials["api_key"], ""):
            raise Refusal(403, "API key not valid", code="missing_endpoint_permission")
        if VERSION not in call.headers.get("Accept", "").replace(" ", ""):
            raise Refusal(406, "Accept must name version=1", rule="version_header_missing")
        self.expect_json(call)
        if call.query:
            raise Refusal(400, "Parameters belong into the body", rule="parameters_in_query")

    def not_found(self, what: str) -> Refusal:
        """A logical error with a code of its own."""
        code = f"{what.replace(' ', '_')}_not_found"
        return self.invalid(f"{what.capitalize()} not found", code=code)

    def _candidates(self, call: Call) -> Reply:
        given = self.body(call, {"limit", "cursor", "syncToken", "createdAfter"})
        people, last = self.world.people, self.world.last_person
        return self.records_page(call, given, people, last, row=self.candidate_rows.__getitem__)

    def _applications(self, call: Call) -> Reply:
        allowed = {"limit", "cursor", "syncToken", "createdAfter", "status", "jobId", "expand"}
        given = self.body(call, allowed)
        return self.records_page(
            call,
            given,
            self.world.applications,
            self.world.last_application,
            row=self.application_rows.__getitem__,
            wanted=lambda application: self._wanted(application, given),
        )

    def _wanted(self, application: Application, given: Record) -> bool:
        stage = self.world.stages[application.stage]
        if given.get("status") not in {None, rows.status_of(application, stage)}:
            return False
        return given.get("jobId") in {None, rows.JOB_IDS.of(application.job)}

    def _jobs(self, call: Call) -> Reply:
        given = self.body(call, {"limit", "cursor", "syncToken", "status", "expand"})
        found = [rows.job_row(self.world, number) for number in self.world.jobs]
        wanted = given.get("status")
        if wanted is not None:  # a list of statuses
            found = [row for row in found if row["status"] in wanted]
        return self.short_list(call, given, found)

    def _tags(self, call: Call) -> Reply:
        given = self.body(call, {"cursor", "syncToken", "includeArchived"})
        return self.short_list(call, given, [rows.tag_row(self.world, t) for t in self.world.tags])

    def _setup(self, call: Call) -> Reply:
        found = rows.setup_rows(self.world, call.route.name)
        if call.route.name == "archiveReason.list":
            self.body(call, {"includeArchived"})
            return self.answer(found)
        given = self.body(call, {"limit", "cursor", "syncToken", "includeArchived"})
        return self.short_list(call, given, found)

    def _stages(self, call: Call) -> Reply:
        given = self.body(call, (), "interviewPlanId")
        number = rows.PLAN_IDS.number(given["interviewPlanId"])
        job = self.found(self.world.jobs.get(number or 0), "interview plan").number
        return self.answer([rows.stage_row(stage, job) for stage in self.world.stages_of(job)])

    def _history(self, call: Call) -> Reply:
        given = self.body(call, {"limit", "cursor"}, "applicationId")
        history = self.application(given["applicationId"]).history
        found = [rows.history_row(self.world, n, e) for n, e in enumerate(history)]
        return self.short_list(call, given, found)

    def _notes(self, call: Call) -> Reply:
        given = self.body(call, {"limit", "cursor"}, "candidateId")
        number = self.person(given["candidateId"]).number
        notes = [note for note in self.world.notes if note.person == number]
        return self.short_list(call, given, [rows.note_row(self.world, n) for n in notes])

    def _candidate(self, call: Call) -> Reply:
        given = self.body(call, (), "id")
        return self.answer(self.candidate_row(self.person(given["id"]).number))

    def _application(self, call: Call) -> Reply:
        given = self.body(call, {"expand"}, "applicationId")
        application = self.application(given["applicationId"])
        history = enumerate(application.history)
        row = self.application_row(application.number)
        row["applicationHistory"] = [rows.history_row(self.world, n, e) for n, e in history]
        return self.answer(row)

    def _search(self, call: Call) -> Reply:
        given = self.body(call, {"email", "name"})
        people: Iterable[Person] = self.world.people.values()
        if "email" in given:
            people = [p for p in people if any(e.value == given["email"] for e in p.emails)]
        if "name" in given:
            people = [p for p in people if rows.name_of(p) == given["name"]]
        return self.answer([self.candidate_row(p.number) for p in islice(people, 100)])

    def _file_info(self, call: Call) -> Reply:
        given = self.body(call, (), "fileHandle")
        number = integer(str(given["fileHandle"]).removeprefix("handle-"), low=1, high=FAR_MS)
        return self.answer({"url": self.file_url(self.found(number, "file"))})

    def _key(self, call: Call) -> Reply:
        self.body(call)
        return self.answer({"title": "simulated", "createdAt": iso(self.clock.now_ms())})

    def truth_candidate(self, person: Person) -> Record:
        """One name string; contact types in the vendor's words."""
        record = super().truth_candidate(person)
        record |= {
            "emails": _typed(person.emails),
            "phones": _typed(person.phones),
            "links": _typed(person.links),
            "addresses": contacts(person.addresses, typed=False),
        }
        for attachment in record["attachments"]:
            attachment["kind"] = None
        if person.anonymised:
            record |= {"first_name": "Anonymized", "last_name": None}
        return record


def _typed(values: Iterable[Contact]) -> list[Record]:
    return [{"value": c.value, "type": rows.contact_type(c)} for c in values]


SIMULATOR = Ashby
