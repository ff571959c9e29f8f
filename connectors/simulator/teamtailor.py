"""Teamtailor: JSON:API with a dated version, numbered pages, and rejection beside the stage."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import ClassVar

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.filters import FAR_MS
from connectors.simulator.limits import FixedWindow, HeaderNames
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route, integer
from connectors.simulator.teamtailor_lists import TeamtailorLists
from connectors.simulator.teamtailor_writes import TeamtailorWrites
from connectors.simulator.world import Application, Blueprint, Job, Person, StageTemplate

LIMIT_NAMES = HeaderNames(
    limit="X-Rate-Limit-Limit", remaining="X-Rate-Limit-Remaining", reset="X-Rate-Limit-Reset"
)
Finder = Callable[[object], Person | Job | Application]
FIRST_VERSION = "20161108"
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


@dataclass(kw_only=True, eq=False)
class Teamtailor(TeamtailorLists, TeamtailorWrites):
    """A Teamtailor account as its API shows it (vendor docs, read 2026-11-23)."""

    NAME: ClassVar[str] = "teamtailor"
    BASE_PATH: ClassVar[str] = rows.BASE
    REJECTED_STAYS = True
    CREDENTIALS: ClassVar = {"api_key": "teamtailor-key-{seed}"}  # with the scope Admin
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
    FILE_LIFE_MS = 30_000
    CANDIDATE_FIELDS = frozenset([n for n, _ in rows.FIELDS] + [t for t, _, _ in rows.QUESTIONS])
    ONE_CONTACT = True
    CANDIDATE_LACKS = ("company", "title", "addresses", "is_private")
    APPLICATION_LACKS = ("hired_at", "custom_fields")

    rate_limit: int = 50
    window_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        answered: list[Record] = [
            {rows.QUESTIONS[0][0]: "A pencil", rows.QUESTIONS[1][0]: False},
            {rows.QUESTIONS[2][0]: 7, rows.QUESTIONS[3][0]: ["Early", "Night"]},
        ]
        for person, answers in zip(self.world.people.values(), cycle([*answered, {}])):
            person.custom_fields |= answers
        window_s = self.window_s * self.time_scale
        self.budget = FixedWindow(self.rate_limit, window_s, names=LIMIT_NAMES)

    def routes(self) -> list[Route]:
        one = ("candidates", "job-applications", "jobs")
        return [
            *self.list_routes(),
            *(Route("GET", f"{rows.BASE}/{n}/{{id}}", "detail", n[:-1], self._one) for n in one),
            Route("GET", "/files/{ends}/{id}", "detail", "file", self._file),
            *self.write_routes(),
        ]

    def refused(self, refusal: Refusal) -> Reply:
        """A list of errors; their status is text."""
        title = TITLES.get(refusal.status, "Error")
        status = str(refusal.status)
        error = {"title": title, "detail": refusal.message, "code": status, "status": status}
        reply = Reply.of({"errors": [error]}, refusal.status)
        reply.content_type = rows.MEDIA_TYPE
        return reply

    def authenticate(self, call: Call) -> None:
        """The key as a token, and a version in every request."""
        scheme, _, value = call.headers.get("Authorization", "").partition(" ")
        if scheme != "Token" or not value.startswith("token="):
            raise Refusal(401, "Token is missing", rule="token_authorization_missing")
        if value.removeprefix("token=").strip('"') != self.credentials["api_key"]:
            raise Refusal(401, "Token is not valid")
        if not _is_version(call.headers.get("X-Api-Version", "")):
            message = "X-Api-Version must be a date as YYYYMMDD"
            raise Refusal(406, message, rule="version_header_missing")

    def _handled(self, call: Call) -> Reply:
        """Every answer repeats the version that was asked for."""
        reply = super()._handled(call)
        if "X-Api-Version" in call.headers and call.route.name != "file":
            reply.headers.setdefault("X-Api-Version", call.headers["X-Api-Version"])
        return reply

    def _one(self, call: Call) -> Reply:
        kind = f"{call.route.name}s"
        includes = self.includes_of(call, kind)
        self.expect(call, {"include"})
        finders: dict[str, Finder] = {"candidates": self.person, "jobs": self.job}
        found = finders.get(kind, self.application)(call.ids["id"])
        return self.document(kind, found.number, includes=includes)

    def _file(self, call: Call) -> Reply:
        return self.file_until(call.ids["id"], integer(call.ids["ends"], low=0, high=FAR_MS))

    def truth_candidate(self, person: Person) -> Record:
        """One link, no address, and the custom fields that the account has."""
        return super().truth_candidate(person) | {
            "links": [{"value": c.value, "type": "linkedin"} for c in person.links[:1]],
            "attachments": [
                {"external_id": "resume", "name": None, "kind": "resume"}
                if at == 0
                else {
                    "external_id": rows.UPLOAD_IDS.text(file.number),
                    "name": file.name,
                    "kind": "other",
                }
                for at, file in enumerate(person.files)
            ],
        }


def _is_version(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 (a date, no moment)
    except ValueError:
        return False
    return len(text) == len(FIRST_VERSION) and text >= FIRST_VERSION


SIMULATOR = Teamtailor
