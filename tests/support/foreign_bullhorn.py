"""A small strict Bullhorn: access token, then session; Lucene and JPQL filters; POST updates."""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

STATUSES = {
    "New Lead": Status.NEW,
    "Submitted": Status.REVIEWING,
    "Interview Scheduled": Status.INTERVIEW,
    "Offer Extended": Status.OFFER,
    "Rejected": Status.REJECTED,
    "Placed": Status.HIRED,
}
START = 1_700_000_000_000
MOST = 25
Row = dict[str, Any]
_LUCENE = re.compile(r"isDeleted:0(?: AND dateLastModified:\[(\d{14}) TO \*\])?")
_JPQL = re.compile(r"isDeleted=false(?: AND dateLastModified>(\d{13}))?")


@dataclass(slots=True)
class Bullhorn(ForeignAts):
    """One corporation with 60 candidates and a submission each; its clock moves with each change."""

    credentials: dict[str, str] = field(
        default_factory=lambda: {
            "client_id": "bull",
            "client_secret": "horn",
            "refresh_token": "refresh-0",
        }
    )
    options: dict[str, str] = field(
        default_factory=lambda: {
            "swimlane": "9",
            "corporation": "corp",
            "login_url": "{url}/rest-services/login",
            "token_url": "{url}/oauth/token",
        }
    )
    base: str = "/rest-services/corp"
    candidates: dict[str, Row] = field(default_factory=dict)
    submissions: dict[str, Row] = field(default_factory=dict)
    files: dict[str, list[tuple[int, str, bytes]]] = field(default_factory=dict)
    """By candidate: id, name and content."""
    now: int = START
    refreshes: int = 0
    access: int = 0
    session: int = 0

    def __post_init__(self) -> None:
        for at in range(60):
            self.add(at + 1)

    def add(self, key: int) -> None:
        """An hour later, a new candidate, submitted to a job."""
        self.now += 3_600_000
        row = {"id": key, "dateAdded": self.now, "dateLastModified": self.now, "isDeleted": False}
        self.candidates[str(key)] = row | {
            "firstName": f"Given{key}",
            "lastName": "Family",
            "email": f"p{key}@people.example",
            "isAnonymized": False,
        }
        self.submissions[str(key + 1000)] = row | {
            "id": key + 1000,
            "candidate": {"id": key},
            "jobOrder": {"id": 5, "title": "Analyst"},
            "status": "New Lead",
        }

    def move(self, key: int, status: str) -> None:
        """A recruiter sets a status."""
        self._changed(self.submissions[str(key)])["status"] = status

    def delete(self) -> None:
        """A recruiter deletes a submission; it stays, marked."""
        self._changed(self.submissions["1007"])["isDeleted"] = True

    def change(self) -> None:
        """A submission is moved, an address corrected, and one applies."""
        self.move(1003, "Offer Extended")
        self._changed(self.candidates["4"])["email"] = "moved@people.example"
        self.add(900)

    def end_sessions(self) -> None:
        """Sessions and access tokens given so far are refused from now on."""
        self.session += 1
        self.access += 1

    def truth(self) -> dict[str, Status]:
        """The status of every application."""
        rows = self.submissions.items()
        return {key: STATUSES[row["status"]] for key, row in rows if not row["isDeleted"]}

    def emails(self) -> dict[str, str]:
        """The address of everyone."""
        rows = self.candidates.items()
        return {key: row["email"] for key, row in rows if not row["isDeleted"]}

    def _changed(self, row: Row) -> Row:
        self.now += 1500
        row["dateLastModified"] = self.now
        return row

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        if request.path == "/oauth/token":
            return await self._token(request)
        if request.path == "/rest-services/login":
            return self._login(request)
        self._authorise(request)
        if self.is_too_fast():
            raise refuse(429, _error("slow down"))
        match request.method, request.path.removeprefix("/rest-services/corp/").split("/"):
            case "GET", ["settings", "jobResponseStatusList"]:
                return {"jobResponseStatusList": list(STATUSES)}
            case "GET", ["search", "Candidate"]:
                return self._search(request)
            case "GET", ["query", "JobSubmission"]:
                return self._query(request)
            case "GET", ["entityFiles", "Candidate", key] if key in self.candidates:
                return {"EntityFiles": [_described(*each) for each in self.files.get(key, [])]}
            case "GET", ["file", "Candidate", key, file]:
                return self._file(key, file)
            case method, ["entity", "JobSubmission", key] if key in self.submissions:
                return await self._entity(request, method, self.submissions[key])
        raise refuse(404, _error("not found"))

    async def _token(self, request: web.Request) -> object:
        form = dict(await request.post())
        expected = {
            "grant_type": "refresh_token",
            "client_id": "bull",
            "client_secret": "horn",
            "refresh_token": f"refresh-{self.refreshes}",
        }
        if form != expected:
            raise refuse(400, {"error": "invalid_grant"})
        self.refreshes += 1
        return {
            "access_token": f"access-{self.access}",
            "refresh_token": f"refresh-{self.refreshes}",
            "expires_in": 600,
        }

    def _login(self, request: web.Request) -> object:
        only_query(self, request, "version", "access_token", "ttl")
        if request.query.get("version") != "*":
            self.violated("a login names a version")
        if request.query.get("access_token") != f"access-{self.access}":
            raise refuse(401, _error("invalid token"))
        return {"BhRestToken": f"session-{self.session}", "restUrl": f"{request.url.origin()}/"}

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("BhRestToken")
        if token is None:
            raise refuse(412, _error("no token"))
        if token != f"session-{self.session}":
            raise refuse(401, _error("bad token"))

    def _search(self, request: web.Request) -> object:
        only_query(self, request, "query", "fields", "sort", "count", "start")
        found = _LUCENE.fullmatch(request.query.get("query", ""))
        if found is None:
            raise refuse(400, _error("bad query"))
        since = int(found[1] or 0)
        rows = [row for row in self.candidates.values() if _lucene_time(row) >= since]
        return self._page(request, rows)

    def _query(self, request: web.Request) -> object:
        only_query(self, request, "where", "fields", "orderBy", "count", "start")
        found = _JPQL.fullmatch(request.query.get("where", ""))
        if found is None:
            raise refuse(400, _error("bad where"))
        since = int(found[1] or 0)
        rows = [row for row in self.submissions.values() if row["dateLastModified"] > since]
        return self._page(request, rows)

    def _page(self, request: web.Request, rows: list[Row]) -> object:
        if "fields" not in request.query:
            raise refuse(404, _error("fields are mandatory"))
        kept = [row for row in rows if not row["isDeleted"]]
        start = int(request.query.get("start", 0))
        data = kept[start : start + min(int(request.query.get("count", 20)), MOST)]
        return {"start": start, "count": len(data), "data": data}

    def _file(self, key: str, file: str) -> object:
        for number, name, content in self.files.get(key, []):
            if str(number) == file:
                text = base64.b64encode(content).decode()
                return {"File": {"contentType": "text/plain", "fileContent": text, "name": name}}
        raise refuse(404, _error("not found"))

    async def _entity(self, request: web.Request, method: str, row: Row) -> object:
        if method == "GET":
            return {"data": row}
        if method != "POST":
            self.violated(f"{method} is no update")
        body = json.loads(await request.text())
        if set(body) != {"status"} or body["status"] not in STATUSES:
            raise refuse(400, _error("bad status"))
        self.move(row["id"], body["status"])
        self.writes.append((str(row["id"]), body["status"]))
        return {"changedEntityId": row["id"], "changeType": "UPDATE"}


def _lucene_time(row: Row) -> int:

    moment = datetime.fromtimestamp(row["dateLastModified"] / 1000, UTC)
    return int(moment.strftime("%Y%m%d%H%M%S"))


def _described(number: int, name: str, _: bytes) -> Row:
    kind = "Resume" if name.startswith("cv") else None
    return {"id": number, "type": kind, "name": name, "description": None, "contentType": "text"}


def _error(key: str) -> Row:
    return {"errorMessage": key, "errorMessageKey": key, "errorCode": 1}


SERVER = Bullhorn
