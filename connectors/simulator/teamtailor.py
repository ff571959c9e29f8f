"""Teamtailor: JSON:API with a dated version, numbered pages, and rejection beside the stage."""

from datetime import datetime
from typing import ClassVar, Unpack

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.account import Shared
from connectors.simulator.limits import FixedWindow, HeaderNames, Limit
from connectors.simulator.messages import Call, Refusal, Reply, Route, integer
from connectors.simulator.server import Simulator
from connectors.simulator.teamtailor_lists import (
    BASE,
    MEDIA_TYPE,
    TeamtailorLists,
    includes_of,
)
from connectors.simulator.teamtailor_writes import TeamtailorWrites
from connectors.simulator.truth import Record, contacts
from connectors.simulator.world import Application, Blueprint, Job, Person, StageTemplate

LIMIT_NAMES = HeaderNames(
    limit="X-Rate-Limit-Limit", remaining="X-Rate-Limit-Remaining", reset="X-Rate-Limit-Reset"
)
FIRST_VERSION = "20161108"
FILE_LIFE_MS = 30_000
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Record not found",
    406: "Not acceptable",
    415: "Unsupported media type",
    422: "Unprocessable entity",
    429: "Too many requests",
}


class Teamtailor(Simulator):
    """A Teamtailor account as its API shows it (vendor docs, read 2026-11-23)."""

    NAME: ClassVar[str] = "teamtailor"
    BASE_PATH: ClassVar[str] = BASE
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("Inbox", "new", "Inbox"),
            StageTemplate("Screening", "screening", "In process"),
            StageTemplate("Assessment", "assessment", "In process"),
            StageTemplate("Interview", "interview", "In process"),
            StageTemplate("Background check", "background_check", "In process"),
            StageTemplate("Offer", "offer", "In process"),
            StageTemplate("Hired", "hired", "Hired"),
        ),
        hired_kind="Hired",
        unknown_kind="In process",
    )
    PERSON_IDS = rows.CANDIDATE_IDS
    APPLICATION_IDS = rows.APPLICATION_IDS
    JOB_IDS = rows.JOB_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.REASON_IDS
    USER_IDS = rows.USER_IDS

    def __init__(
        self,
        *,
        rate_limit: int = 50,
        window_s: float = 10.0,
        same_stage_refused: bool = False,
        unreject_refused: bool = False,
        second_value_refused: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        """The last three options are the unverified alternatives (unverified 2026-11-23).

        `unreject_refused` does not let `rejected-at` become null again; `second_value_refused`
        wants a custom field's present value changed by PATCH rather than created once more.
        """
        super().__init__(**shared)
        self.same_stage_refused = same_stage_refused
        self.unreject_refused = unreject_refused
        self.second_value_refused = second_value_refused
        self.rows = rows.TeamtailorRows(self.world)
        self._limit = FixedWindow(rate_limit, window_s * self.time_scale, names=LIMIT_NAMES)

    @property
    def credentials(self) -> dict[str, str]:
        """A key with the scope Admin."""
        return {"api_key": f"teamtailor-key-{self.seed}"}

    def routes(self) -> list[Route]:
        """The endpoints that an integration of this kind uses."""
        one = ("candidates", "job-applications", "jobs")
        return [
            *TeamtailorLists(self).routes(),
            *(Route("GET", f"{BASE}/{n}/{{id}}", "detail", n[:-1], self._one) for n in one),
            Route("GET", "/files/{ends}/{id}", "detail", "file", self._file),
            *TeamtailorWrites(self).routes(),
        ]

    def limit_for(self, call: Call) -> Limit | None:
        """One window per key; the reset header is seconds left."""
        return None if call.route.name == "file" else self._limit

    def refused(self, refusal: Refusal) -> Reply:
        """A list of errors; their status is text."""
        title = TITLES.get(refusal.status, "Error")
        status = str(refusal.status)
        error = {"title": title, "detail": refusal.message, "code": status, "status": status}
        reply = Reply.of({"errors": [error]}, refusal.status)
        reply.content_type = MEDIA_TYPE
        return reply

    def authenticate(self, call: Call) -> None:
        """The key as a token, and a version in every request."""
        if call.route.name == "file":
            if "Authorization" in call.headers:
                self.violated("credentials_sent_to_file_store", "file")
            return
        scheme, _, value = call.headers.get("Authorization", "").partition(" ")
        if scheme != "Token" or not value.startswith("token="):
            raise Refusal(401, "Token is missing", rule="token_authorization_missing")
        if value.removeprefix("token=").strip('"') != self.credentials["api_key"]:
            raise Refusal(401, "Token is not valid")
        if not _is_version(call.headers.get("X-Api-Version", "")):
            message = "X-Api-Version must be a date as YYYYMMDD"
            raise Refusal(406, message, rule="version_header_missing")

    def person(self, key: str) -> Person:
        """The candidate with this id.

        Raises:
            Refusal: 404 where there is none.
        """
        found = self.find_person(key)
        if found is None:
            raise Refusal(404, "The candidate could not be found")
        return found

    def application(self, key: str) -> Application:
        """The job application with this id.

        Raises:
            Refusal: 404 where there is none.
        """
        found = self.find_application(key)
        if found is None:
            raise Refusal(404, "The job application could not be found")
        return found

    def job(self, key: str) -> Job:
        """The job with this id.

        Raises:
            Refusal: 404 where there is none.
        """
        found = self.world.jobs.get(rows.JOB_IDS.number(key) or 0)
        if found is None:
            raise Refusal(404, "The job could not be found")
        return found

    def document(
        self, kind: str, number: int, *, status: int = 200, includes: rows.Includes = frozenset()
    ) -> Reply:
        """One resource with what is included."""
        body = b'{"data":' + self.rows.encoded(kind, number, includes)
        if includes:
            included = self.rows.included(kind, [number], includes)
            body += b',"included":[' + b",".join(included) + b"]"
        return self.with_files(Reply(status, body + b"}", content_type=MEDIA_TYPE))

    def with_files(self, reply: Reply) -> Reply:
        """Put in where files are, for the next thirty seconds."""
        ends = self.clock.now_ms() + FILE_LIFE_MS
        place = f"{self.origin}/files/{ends}"
        reply.body = reply.body.replace(rows.FILES.encode(), place.encode())
        return reply

    def _handled(self, call: Call) -> Reply:
        """Every answer repeats the version that was asked for."""
        reply = super()._handled(call)
        if "X-Api-Version" in call.headers and call.route.name != "file":
            reply.headers.setdefault("X-Api-Version", call.headers["X-Api-Version"])
        return reply

    def _one(self, call: Call) -> Reply:
        kind = f"{call.route.name}s"
        includes = includes_of(call, kind)
        unknown = sorted(call.params - {"include"})
        if unknown:
            raise Refusal(400, f"{unknown[0]} is not allowed", rule="unknown_parameter")
        return self.document(kind, self._number(kind, call.ids["id"]), includes=includes)

    def _number(self, kind: str, key: str) -> int:
        if kind == "candidates":
            return self.person(key).number
        return self.job(key).number if kind == "jobs" else self.application(key).number

    def _file(self, call: Call) -> Reply:
        ends = integer(call.ids["ends"], low=0, high=1 << 60)
        if ends is None or ends < self.clock.now_ms():
            raise Refusal(403, "The link has expired")
        return Reply(200, b"%PDF-1.4 simulated", content_type="application/pdf")

    def truth_candidate(self, person: Person) -> Record:
        """One e-mail, phone and link; no employer and no address; a résumé has no id."""
        known = {name for name, _ in rows.FIELDS}
        return super().truth_candidate(person) | {
            "emails": contacts(person.emails[:1], typed=False),
            "phones": contacts(person.phones[:1], typed=False),
            "links": [{"value": c.value, "type": "linkedin"} for c in person.links[:1]],
            "addresses": [],
            "company": None,
            "title": None,
            "attachments": [],
            "is_private": False,
            "custom_fields": {k: v for k, v in person.custom_fields.items() if k in known},
        }

    def truth_application(self, application: Application) -> Record:
        """Without hired_at and custom fields, which job applications do not have."""
        return super().truth_application(application) | {"hired_at": None, "custom_fields": {}}


def _is_version(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 (a date, no moment)
    except ValueError:
        return False
    return len(text) == len(FIRST_VERSION) and text >= FIRST_VERSION


SIMULATOR = Teamtailor
