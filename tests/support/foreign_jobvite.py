"""A small strict Jobvite: two headers of keys, numbers from 1, dates in a written format."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

STATUSES = {
    "New": Status.NEW,
    "Phone Screen": Status.SCREENING,
    "Rejected": Status.REJECTED,
    "Offer Accepted": Status.HIRED,
}
START = 1_700_000_000_000
MOST = 25
Row = dict[str, Any]
_KNOWN = ("format", "count", "start", "datestart", "dateend", "dateFormat", "wflowstate")


@dataclass(slots=True)
class Jobvite(ForeignAts):
    """One company with 60 candidates, of whom one applied twice; its clock moves with each change."""

    credentials: dict[str, str] = field(
        default_factory=lambda: {"api_key": "acme_candidate_api_key", "secret": "vite"}
    )
    rows: dict[str, Row] = field(default_factory=dict)
    first: int = 1
    """The number of the first record: clients disagree."""
    hides_refusals: bool = False
    """A refused key is answered with status 200, as was seen at the vendor."""
    now: int = START

    def __post_init__(self) -> None:
        for at in range(60):
            self.add(f"c{at:03}", f"a{at:03}")
        self.add("c001", "a901")

    def add(self, candidate: str, key: str) -> None:
        """An hour later, someone applies."""
        self.now += 3_600_000
        self.rows[key] = {
            "eId": candidate,
            "firstName": f"Given{candidate}",
            "lastName": "Family",
            "email": f"{candidate}@people.example",
            "mobile": "",
            "application": {
                "eId": key,
                "workflowState": "New",
                "workflowStateEId": "wNew",
                "sentDate": self.now,
                "lastUpdatedDate": self.now,
                "job": {"eId": "j1", "title": "Welder"},
                "customField": [{"fieldCode": "fte", "value": "1.0"}],
            },
        }

    def move(self, key: str, state: str) -> None:
        """A recruiter moves an application."""
        self._changed(key)["application"] |= {
            "workflowState": state,
            "workflowStateEId": f"w{state}",
        }

    def truth(self) -> dict[str, Status]:
        """The status of every application."""
        return {k: STATUSES[row["application"]["workflowState"]] for k, row in self.rows.items()}

    def emails(self) -> dict[str, str]:
        """The address of everyone."""
        return {row["eId"]: row["email"] for row in self.rows.values()}

    def change(self) -> None:
        """Two applications are moved, an address corrected, and someone applies."""
        self.move("a003", "Phone Screen")
        self.move("a010", "Rejected")
        self._changed("a004")["email"] = "moved@people.example"
        self.add("c900", "a900")

    def delete(self) -> None:
        """A candidate is deleted, with the application."""
        del self.rows["a007"]

    def _changed(self, key: str) -> Row:
        self.now += 1500
        self.rows[key]["application"]["lastUpdatedDate"] = self.now
        return self.rows[key]

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        given = (request.headers.get("x-jvi-api"), request.headers.get("x-jvi-sc"))
        if "sc" in request.query:
            self.violated("the secret goes into a header")
        if given != (self.credentials["api_key"], self.credentials["secret"]):
            raise _error(401, "Invalid api/secret.", 200 if self.hides_refusals else 401)
        if self.is_too_fast():
            raise _error(429, "Too many requests.", 429)
        if request.method != "GET" or request.path != "/candidate":
            raise _error(404, "Invalid URL Cannot find API.", 404)
        return self._list(request)

    def _list(self, request: web.Request) -> object:
        only_query(self, request, *_KNOWN)
        if int(request.query.get("count", "1")) > 500:
            self.violated("a page has 500 records at most")
        since = _epoch(request.query.get("datestart"), request.query.get("dateFormat"))
        rows = [r for r in self.rows.values() if r["application"]["lastUpdatedDate"] > since]
        start = max(int(request.query.get("start", self.first)), self.first) - self.first
        size = min(int(request.query.get("count", "50")), MOST)
        return {"total": len(rows), "candidates": rows[start : start + size]}


def _epoch(text: str | None, pattern: str | None) -> float:
    """Milliseconds since 1970."""
    if text is None:
        return 0
    if pattern != "MM-dd-yyyy'T'HH:mm:ssZ":
        raise _error(400, "Unable to parse datestart.", 400)
    try:
        return datetime.strptime(text, "%m-%d-%YT%H:%M:%S%z").timestamp() * 1000
    except ValueError:
        raise _error(400, "Unable to parse datestart.", 400) from None


def _error(code: int, message: str, status: int) -> Exception:
    return refuse(status, {"status": {"code": code, "messages": [message]}})


SERVER = Jobvite
