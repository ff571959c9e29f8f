"""BambooHR's applicant tracking: applicants inside applications, errors in a header."""

from dataclasses import dataclass
from typing import ClassVar

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.bamboohr_lists import BASE, BambooHrLists
from connectors.simulator.bamboohr_writes import BambooHrWrites
from connectors.simulator.clock import moment
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.rows import Row
from connectors.simulator.world import Application, Blueprint, Person, StageTemplate

XML = b'<?xml version="1.0"?>\n<result/>'
AS_XML = "xml"


@dataclass(kw_only=True, eq=False)
class BambooHr(BambooHrLists, BambooHrWrites):
    """A BambooHR account as its API shows it (vendor docs, read 2026-11-23).

    Statuses belong to the company. Turning someone down is a status too, so every reject reason
    of the account is one of its statuses, and there is no reason beside it.
    """

    NAME: ClassVar[str] = "bamboohr"
    BASE_PATH: ClassVar[str] = "/api/v1"
    BODY_TYPE_STATUS = 400
    CREDENTIALS: ClassVar = {"api_key": "{seed:040x}"}  # the user of HTTP Basic
    BLUEPRINT: ClassVar[Blueprint] = Blueprint(
        stages=(
            StageTemplate("New", "new", "NEW"),
            StageTemplate("Reviewed", "reviewing", "ACTIVE"),
            StageTemplate("Schedule Phone Screen", "screening", "ACTIVE"),
            StageTemplate("Phone Screened", "screening", "ACTIVE"),
            StageTemplate("Schedule Interview", "interview", "ACTIVE"),
            StageTemplate("Checking References", "background_check", "ACTIVE"),
            StageTemplate("Made an Offer", "offer", "ACTIVE"),
            StageTemplate("Hired", "hired", "HIRED"),
        ),
        per_job=False,
        hired_kind="HIRED",
        unknown_kind="ACTIVE",
        person_bumps_applications=True,
    )
    PERSON_IDS = rows.PERSON_IDS
    APPLICATION_IDS = rows.APPLICATION_IDS
    JOB_IDS = rows.JOB_IDS
    STAGE_IDS = rows.STAGE_IDS
    REASON_IDS = rows.CLOSED_IDS
    USER_IDS = rows.USER_IDS
    FILE_IDS = rows.FILE_IDS
    BARE_FILES = frozenset(rows.BARE)
    ONE_CONTACT = True
    CANDIDATE_LACKS = (
        *("company", "title", "tags", "custom_fields", "is_private"),
        *("external_created_at", "external_updated_at"),
    )
    APPLICATION_LACKS = ("rejection_reason", "rejected_at", "hired_at", "external_updated_at")

    rate_per_minute: int | None = None
    """Not published (unverified 2026-11-23)."""
    retry_after: bool = True
    """Adds that header to 429s."""
    ats_access: bool = True
    """False for a key whose owner may not see the ATS settings."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget = self.minute_window(self.rate_per_minute, retry_after=self.retry_after)

    def visible(self, person: Person) -> bool:
        """An applicant is seen only through applications."""
        return bool(person.applications)

    def routes(self) -> list[Route]:
        one = f"{BASE}/applications/{{id}}"
        return [
            *self.list_routes(),
            self.read_route(one, "application", self._one),
            Route("GET", f"{one}/attachments/{{file}}", "detail", "download", self._download),
            *self.write_routes(),
        ]

    def refused(self, refusal: Refusal) -> Reply:
        """Nothing in the body: the message is a header. Or XML, where JSON was not asked for."""
        if refusal.code == AS_XML:
            return Reply(200, XML, content_type="text/xml")
        return Reply(refusal.status, b"", {"X-BambooHR-Error-Message": refusal.message})

    def authenticate(self, call: Call) -> None:
        """HTTP Basic with the key as user and any password, and JSON asked for."""
        if self.basic(call)[0] != self.credentials["api_key"]:
            raise Refusal(401, "API key invalid")
        if not self.ats_access:
            raise Refusal(403, "The owner of the key has no access to ATS settings")
        wants_json = "application/json" in call.headers.get("Accept", "")
        if not wants_json and call.route.name != "download":
            raise Refusal(200, "Accept names no JSON", code=AS_XML, rule="accept_json_missing")

    def _one(self, call: Call) -> Row:
        number = self.application(call.ids["id"]).number
        return self.detail(number, f"{self.origin}{call.path}")

    def _download(self, call: Call) -> Reply:
        """An attachment itself; whether its address is one of the API's is unverified (2026-11-29)."""
        person = self.world.people[self.application(call.ids["id"]).person]
        return self.file_of(rows.named_files(person), call.ids["file"])

    def truth_candidate(self, person: Person) -> Record:
        """An application read on its own has two kinds of links."""
        links = [{"value": v, "type": kind} for kind, v in rows.links_of(person).items()]
        bare = {kind: rows.bare_file(person, kind) for kind in rows.BARE}
        files: list[Record] = [
            {"external_id": str(key), "name": None, "kind": kind}
            for kind, key in bare.items()
            if key is not None
        ]
        files += [
            {"external_id": rows.FILE_IDS.text(f.number), "name": f.name, "kind": f.kind}
            for f in rows.named_files(person)
        ]
        return super().truth_candidate(person) | {"links": links, "attachments": files}

    def truth_application(self, application: Application) -> Record:
        """The status for a stage, also when turned down; the time of applying in seconds."""
        status, label = rows.status_of(self.world, application)
        return super().truth_application(application) | {
            "stage": {"external_id": str(status), "name": label},
            "source": self.world.people[application.person].source,
            "applied_at": moment(application.created_ms // 1000 * 1000),
        }


SIMULATOR = BambooHr
