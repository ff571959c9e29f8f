"""BambooHR's applicant tracking: applicants inside applications, errors told in a header."""

from typing import ClassVar, Unpack

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.account import Shared
from connectors.simulator.bamboohr_lists import BASE, BambooHrLists, expect
from connectors.simulator.bamboohr_writes import BambooHrWrites
from connectors.simulator.clock import moment
from connectors.simulator.limits import FixedWindow, HeaderNames, Limit
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.server import Simulator
from connectors.simulator.truth import Record, contacts
from connectors.simulator.world import Application, Blueprint, Person, StageTemplate

XML = b'<?xml version="1.0"?>\n<result/>'
AS_XML = "xml"


class BambooHr(Simulator):
    """A BambooHR account as its API shows it (vendor docs, read 2026-11-23).

    Statuses belong to the company. Turning someone down is a status too, so every reject reason
    of the account is one of its statuses, and there is no reason beside it.
    """

    NAME: ClassVar[str] = "bamboohr"
    BASE_PATH: ClassVar[str] = "/api/v1"
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

    def __init__(
        self,
        *,
        page_size: int = 50,
        rate_per_minute: int | None = None,
        retry_after: bool = True,
        same_status_refused: bool = False,
        ats_access: bool = True,
        **shared: Unpack[Shared],
    ) -> None:
        """The size of a page and the rate are not published (unverified 2026-11-23).

        `retry_after` adds that header to 429s; `ats_access=False` is a key whose owner may not
        see the ATS settings.
        """
        super().__init__(**shared)
        self.page_size = page_size
        self.same_status_refused = same_status_refused
        self.rows = rows.BambooHrRows(self.world)
        self._ats_access = ats_access
        names = HeaderNames(retry_after="Retry-After" if retry_after else None)
        self._limit = (
            FixedWindow(rate_per_minute, 60.0 * self.time_scale, names=names)
            if rate_per_minute is not None
            else None
        )

    @property
    def credentials(self) -> dict[str, str]:
        """A key, used as the user of HTTP Basic."""
        return {"api_key": f"{self.seed:040x}"}

    def visible(self, person: Person) -> bool:
        """An applicant is seen only through applications."""
        return bool(person.applications)

    def routes(self) -> list[Route]:
        """The endpoints that an integration of this kind uses."""
        one = f"{BASE}/applications/{{id}}"
        return [
            *BambooHrLists(self).routes(),
            Route("GET", one, "detail", "application", self._one),
            *BambooHrWrites(self).routes(),
        ]

    def limit_for(self, call: Call) -> Limit | None:  # noqa: ARG002 (one budget for all)
        """One window per account, where the account has one."""
        return self._limit

    def refused(self, refusal: Refusal) -> Reply:
        """Nothing in the body: the message is a header. Or XML, where JSON was not asked for."""
        if refusal.code == AS_XML:
            return Reply(200, XML, content_type="text/xml")
        return Reply(refusal.status, b"", {"X-BambooHR-Error-Message": refusal.message})

    def authenticate(self, call: Call) -> None:
        """HTTP Basic with the key as user and any password, and JSON asked for."""
        given = call.basic()
        if given is None:
            raise Refusal(401, "API key missing", rule="basic_authorization_missing")
        if given[0] != self.credentials["api_key"]:
            raise Refusal(401, "API key invalid")
        if not self._ats_access:
            raise Refusal(403, "The owner of the key has no access to ATS settings")
        if "application/json" not in call.headers.get("Accept", ""):
            raise Refusal(200, "Accept names no JSON", code=AS_XML, rule="accept_json_missing")

    def application(self, call: Call) -> Application:
        """The application in the path.

        Raises:
            Refusal: 404 where there is none.
        """
        found = self.find_application(call.ids["id"])
        if found is None:
            raise Refusal(404, "Application not found")
        return found

    def _one(self, call: Call) -> Reply:
        expect(call, set())
        return Reply.of(self.rows.detail(self.application(call).number))

    def truth_candidate(self, person: Person) -> Record:
        """As an application read on its own tells; applicants have no times and no tags."""
        links = [{"value": v, "type": kind} for kind, v in rows.links_of(person).items()]
        nothing = ("company", "title", "external_created_at", "external_updated_at")
        return super().truth_candidate(person) | {
            "emails": contacts(person.emails[:1], typed=False),
            "phones": contacts(person.phones[:1], typed=False),
            "addresses": contacts(person.addresses[:1], typed=False),
            "links": links,
            "tags": [],
            "custom_fields": {},
            "attachments": [],
            "is_private": False,
            **dict.fromkeys(nothing),
        }

    def truth_application(self, application: Application) -> Record:
        """The status for a stage, also when turned down; the time of applying in seconds."""
        status, label = rows.status_of(self.world, application)
        nothing = ("rejection_reason", "rejected_at", "hired_at", "external_updated_at")
        return super().truth_application(application) | {
            "stage": {"external_id": str(status), "name": label},
            "source": self.world.people[application.person].source,
            "custom_fields": {},
            "applied_at": moment(application.created_ms // 1000 * 1000),
            **dict.fromkeys(nothing),
        }


SIMULATOR = BambooHr
