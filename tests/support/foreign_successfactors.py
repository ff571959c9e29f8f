"""A small strict SuccessFactors: OData 2, tokens for signed assertions, upserts that always answer 200."""

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

NAMES = {
    "590": ("New Application", "Open", Status.NEW),
    "591": ("Interview", "Open", Status.INTERVIEW),
    "592": ("Offer", "Open", Status.OFFER),
    "593": ("Rejected", "Disqualified", Status.REJECTED),
    "594": ("Hired", "Open", Status.HIRED),
    "595": ("Withdrawn By Candidate", "Withdraw", Status.WITHDRAWN),
    "891": ("Interview", "Open", Status.INTERVIEW),  # of another status set
}
OWN_SET = "appStatusSetId ge 590 and appStatusSetId le 595"
OWN_REQUISITIONS = "statusSetId eq 521"
DRAFT = "Draft Application"
START = 1_700_000_000
MOST = 25
Row = dict[str, Any]
_SUBMITTED = "(status eq 0 or status eq 1 or status eq 2 or status eq 3)"
_SINCE = re.compile(r"lastModifiedDateTime ge datetimeoffset'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)'")
_CANDIDATE = re.compile(r"Candidate\((\d+)L\)")
_ENTITY = re.compile(r"JobApplication\((\d+)L\)")
_EXPANDED = ("jobAppStatus", "jobRequisition/jobReqLocale")


@dataclass(slots=True)
class SuccessFactors(ForeignAts):
    """One company with 60 candidates and an application each; its clock moves with each change."""

    credentials: dict[str, str] = field(
        default_factory=lambda: {"client_id": "api-key", "assertion": "c2lnbmVk"}
    )
    options: dict[str, str] = field(
        default_factory=lambda: {
            "api_server": "api4.successfactors.example",
            "company_id": "acme",
            "pushed_statuses": OWN_SET,
            "pushed_requisitions": OWN_REQUISITIONS,
        }
    )
    candidates: dict[str, Row] = field(default_factory=dict)
    applications: dict[str, Row] = field(default_factory=dict)
    resumes: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    """By candidate: the attachment's id, its name and its content."""
    now: int = START
    sessions: int = 0

    def __post_init__(self) -> None:
        for at in range(1, 61):
            self.add(at)
        self.applications["999"] = self.applications["101"] | {
            "applicationId": "999",
            "status": DRAFT,
        }

    def add(self, key: int) -> None:
        """An hour later, someone applies."""
        self.now += 3600
        self.candidates[str(key)] = {
            "candidateId": str(key),
            "firstName": f"Given{key}",
            "lastName": "Family",
            "primaryEmail": f"p{key}@people.example",
            "creationDateTime": self.now,
            "lastModifiedDateTime": self.now,
        }
        self.applications[str(key + 100)] = {
            "applicationId": str(key + 100),
            "candidateId": str(key),
            "jobReqId": "9",
            "appStatusSetItemId": "590",
            "status": "Open",
            "applicationDate": self.now,
            "lastModifiedDateTime": self.now,
        }

    def move(self, key: str, status: str) -> None:
        """A recruiter sets a status; the vendor's own kind of it follows."""
        row = self._changed(self.applications[key])
        row |= {"appStatusSetItemId": status, "status": NAMES[status][1]}

    def change(self) -> None:
        """A status, an address and a new application."""
        self.move("103", "592")
        self.move("104", "595")
        self._changed(self.candidates["5"])["primaryEmail"] = "moved@people.example"
        self.add(900)

    def delete(self) -> None:
        """A candidate is purged, with the application."""
        del self.candidates["7"], self.applications["107"]

    def end_sessions(self) -> None:
        """Access tokens given so far are refused from now on."""
        self.sessions += 1

    def truth(self) -> dict[str, Status]:
        """The status of every application that was submitted."""
        return {
            key: NAMES[row["appStatusSetItemId"]][2]
            for key, row in self.applications.items()
            if row["status"] != DRAFT
        }

    def emails(self) -> dict[str, str]:
        """The address of every candidate."""
        return {key: row["primaryEmail"] for key, row in self.candidates.items()}

    def _changed(self, row: Row) -> Row:
        self.now += 5
        row["lastModifiedDateTime"] = self.now
        return row

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        if request.path == "/oauth/token":
            return await self._token(request)
        if request.headers.get("Authorization") != f"Bearer access-{self.sessions}":
            raise refuse(401, _error("LGN0022", "unable to authenticate"))
        if self.is_too_fast():
            raise refuse(429, _error("TOO_MANY", "slow down"), Retry_After="300")
        if request.query.get("$format") != "json":
            self.violated("without $format=json the answer is Atom")
        entity = request.path.removeprefix("/odata/v2/")
        if entity == "upsert" and request.method == "POST":
            return self._upsert(await request.json())
        if found := _CANDIDATE.fullmatch(entity):
            return self._candidate(request, found[1])
        if found := _ENTITY.fullmatch(entity):
            return self._entity(request, found[1])
        return self._query(request, entity)

    async def _token(self, request: web.Request) -> object:
        form = dict(await request.post())
        expected = {
            "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
            "company_id": "acme",
            "new_token": "true",
            **self.credentials,
        }
        if form != expected:
            raise refuse(401, {"errorHttpCode": "401", "errorMessage": "Unable to authenticate"})
        return {"access_token": f"access-{self.sessions}", "token_type": "Bearer"}

    def _query(self, request: web.Request, entity: str) -> object:
        known = ("$format", "$filter", "$select", "$expand", "$top", "$skiptoken")
        only_query(self, request, *known, "paging", "customPageSize")
        wanted = request.query.get("$filter", "")
        match entity:
            case "Candidate":
                rows = _since(wanted, self.candidates)
            case "JobApplication":
                rows = self._applications(wanted, request)
            case "JobApplicationStatus" if wanted == OWN_SET:
                rows = [
                    {"appStatusSetId": key, "appStatusName": name, "appStatusId": key}
                    for key, (name, _, _) in NAMES.items()
                    if key < "600"
                ]
            case "JobRequisition" if wanted == OWN_REQUISITIONS:
                rows = [{"jobReqId": "9"}]
            case "JobApplicationStatus" | "JobRequisition":
                rows = []
            case _:
                raise refuse(400, _error("COE_ENTITY_NOT_FOUND", "no such entity"))
        return self._page(request, [self._shown(row, request) for row in rows])

    def _applications(self, wanted: str, request: web.Request) -> list[Row]:
        if wanted:
            if not wanted.startswith(_SUBMITTED):
                raise refuse(400, _error("COE_GENERAL_BAD_REQUEST", "bad filter"))
            rest = wanted.removeprefix(_SUBMITTED).removeprefix(" and ")
            return [row for row in _since(rest, self.applications) if row["status"] != DRAFT]
        if "$top" not in request.query:
            self.violated("drafts were not left out")
        return [*self.applications.values()]

    def _page(self, request: web.Request, rows: list[Row]) -> object:
        start = int(request.query.get("$skiptoken", "0"))
        if start and request.query.get("paging") != "snapshot":
            self.violated("rows may be missed or shown twice between pages without a snapshot")
        size = int(request.query.get("$top", MOST))
        answer: Row = {"results": rows[start : start + size]}
        if start + size < len(rows) and "$top" not in request.query:
            answer["__next"] = str(request.url.update_query({"$skiptoken": str(start + size)}))
        return {"d": answer}

    def _candidate(self, request: web.Request, key: str) -> object:
        """The fields of the resume that are asked for; none of them unless it is expanded."""
        only_query(self, request, "$format", "$expand", "$select")
        if key not in self.candidates:
            raise refuse(404, _error("COE_GENERAL_NOT_FOUND", "Candidate was not found"))
        if request.query.get("$expand") != "resume":
            return {"d": {"candidateId": key, "resume": {"__deferred": {"uri": "resume"}}}}
        number, name, content = self.resumes.get(key, ("", "", b""))
        text = base64.b64encode(content).decode()
        whole = {"attachmentId": number, "fileName": name, "fileContent": text}
        asked = request.query.get("$select", "").split(",")
        shown = {field: value for field, value in whole.items() if f"resume/{field}" in asked}
        return {"d": {"candidateId": key, "resume": shown if number else None}}

    def _entity(self, request: web.Request, key: str) -> object:
        only_query(self, request, "$format", "$expand", "$select")
        if key not in self.applications:
            raise refuse(404, _error("COE_GENERAL_NOT_FOUND", "JobApplication was not found"))
        return {"d": self._shown(self.applications[key], request)}

    def _shown(self, row: Row, request: web.Request) -> Row:
        """What is asked for; what belongs to other entities is deferred unless it is expanded."""
        shown = {name: _date(name, value) for name, value in row.items()}
        if "applicationId" in row:
            expanded = request.query.get("$expand", "").split(",")
            name = NAMES[row["appStatusSetItemId"]][0]
            locales = {"jobReqLocale": {"results": [{"externalTitle": "Analyst"}]}}
            for nav, value in zip(_EXPANDED, ({"appStatusName": name}, locales), strict=True):
                deferred = {"__deferred": {"uri": f"{request.url}/{nav}"}}
                shown[nav.partition("/")[0]] = value if nav in expanded else deferred
        wanted = {each.partition("/")[0] for each in request.query.get("$select", "").split(",")}
        return {name: value for name, value in shown.items() if wanted == {""} or name in wanted}

    def _upsert(self, body: Row) -> object:
        found = _ENTITY.fullmatch(body["__metadata"]["uri"])
        allowed = {"__metadata", "jobReqId", "appStatusSetItemId"}
        status = body.get("appStatusSetItemId", "")
        if body["__metadata"].get("type") != "SFOData.JobApplication" or set(body) != allowed:
            return _row("ERROR", "bad payload")
        if found is None or found[1] not in self.applications or status not in NAMES:
            return _row("ERROR", "no such application or status")
        if NAMES[status][1] == "Withdraw":
            return _row("ERROR", "You are not allowed to change the candidate application status.")
        if status >= "600":
            self.violated("a status of another set spoils the application")
        self.move(found[1], status)
        self.writes.append((found[1], status))
        return _row("OK", None)


def _since(wanted: str, rows: dict[str, Row]) -> list[Row]:
    if not wanted:
        return [*rows.values()]
    found = _SINCE.fullmatch(wanted)
    if found is None:
        raise refuse(400, _error("COE_GENERAL_BAD_REQUEST", "bad filter"))
    return [row for row in rows.values() if _iso(row["lastModifiedDateTime"]) >= found[1]]


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(name: str, value: object) -> object:
    if isinstance(value, int):
        return f"/Date({value}000{'' if name == 'applicationDate' else '+0000'})/"
    return value


def _row(status: str, message: str | None) -> object:
    return {"d": [{"key": None, "status": status, "message": message, "index": 0}]}


def _error(code: str, value: str) -> Row:
    return {"error": {"code": code, "message": {"lang": "en-US", "value": value}}}


SERVER = SuccessFactors
