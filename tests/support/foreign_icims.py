"""A small strict iCIMS: searches that show ids only, records without their own, statuses no list shows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import encode_basic_auth, web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

STATUSES = {
    "D10100": ("Recently Applied", Status.NEW),
    "C38354": ("Talk with the team", Status.INTERVIEW),
    "C38355": ("Paper sent", Status.OFFER),
    "D10106": ("Not this time", Status.REJECTED),
    "C38357": ("Day one", Status.HIRED),
}
OPERATOR = {
    "interview": ["C38354"],
    "offer": ["C38355"],
    "rejected": ["D10106"],
    "hired": ["C38357"],
}
MOST = 25
Row = dict[str, Any]
_FORM = "%Y-%m-%d %I:%M %p"


@dataclass(slots=True)
class Icims(ForeignAts):
    """One customer with 60 people and a workflow each; its clock is the one that answers show."""

    credentials: dict[str, str] = field(
        default_factory=lambda: {"username": "api-user", "password": "secret"}
    )
    options: dict[str, str] = field(default_factory=lambda: {"customer_id": "7609"})
    operator: dict[str, Any] = field(default_factory=lambda: {"statuses": OPERATOR})
    base: str = "/customers"
    people: dict[int, Row] = field(default_factory=dict)
    workflows: dict[int, Row] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=3))
    searched: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        for at in range(1, 61):
            self.add(at)

    def add(self, key: int) -> None:
        """An hour later, someone applies."""
        self.now += timedelta(hours=1)
        self.people[key] = {
            "firstname": f"Given{key}",
            "lastname": "Family",
            "email": f"p{key}@people.example",
            "updated": self.now,
        }
        self.workflows[key + 100] = {
            "associatedprofile": {"id": key, "value": f"Given{key} Family"},
            "baseprofile": {"id": 1000, "value": "Analyst"},
            "source": "Career site",
            "status": "D10100",
            "updated": self.now,
        }

    def move(self, key: int, status: str) -> None:
        """A recruiter sets a status."""
        self.workflows[key] |= {"status": status, "updated": datetime.now(UTC)}

    def change(self) -> None:
        """A status, an address, and a new workflow."""
        self.move(103, "C38355")
        self.people[5] |= {"email": "moved@people.example", "updated": datetime.now(UTC)}
        self.now = datetime.now(UTC) - timedelta(hours=1)
        self.add(900)

    def delete(self) -> None:
        """A person is deleted, with the workflow."""
        del self.people[7], self.workflows[107]

    def truth(self) -> dict[str, Status]:
        """The status of every workflow."""
        return {str(key): STATUSES[row["status"]][1] for key, row in self.workflows.items()}

    def emails(self) -> dict[str, str]:
        """The address of every person."""
        return {str(key): row["email"] for key, row in self.people.items()}

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        expected = encode_basic_auth(*self.credentials.values())
        if request.headers.get("Authorization") != expected:
            raise refuse(401, _error("The provided Username is not Authorized"))
        if self.is_too_fast():
            raise refuse(429, _error("slow down"))
        path = request.path.removeprefix("/customers/7609").strip("/").split("/")
        match request.method, path:
            case "GET", [""]:
                return {"links": []}
            case "POST", ["search", "people"]:
                return self._search(request, await request.json(), "person", self.people)
            case "POST", ["search", "applicantworkflows"]:
                body = await request.json()
                return self._search(request, body, "applicantworkflow", self.workflows)
            case "GET", ["people", key] if int(key) in self.people:
                return self._person(request, self.people[int(key)])
            case "GET", ["applicantworkflows", key] if int(key) in self.workflows:
                return _workflow(request, self.workflows[int(key)])
            case "PATCH", ["applicantworkflows", key] if int(key) in self.workflows:
                return self._patch(int(key), await request.json())
        raise refuse(404, _error("Resource not found"))

    def _search(self, request: web.Request, body: Row, name: str, rows: dict[int, Row]) -> object:
        if request.query.get("staleness") != "0":
            self.violated("a search may be 15 minutes old")
        if not body.get("filters"):
            raise refuse(400, _error("At least one filter must be specified"))
        self.searched.append(body)
        found = sorted(rows)
        for each in body["filters"]:
            value = each.get("value")
            if not isinstance(value, list) or [type(item) for item in value] != [str]:
                raise refuse(400, _error("An unknown parsing error occurred"))
            match each["name"], each.get("operator", "="):
                case each_name, ">" if each_name == f"{name}.id":
                    found = [key for key in found if key > int(value[0])]
                case each_name, ">=" if each_name == f"{name}.updateddate":
                    since = datetime.strptime(value[0], _FORM).replace(tzinfo=UTC)
                    found = [key for key in found if rows[key]["updated"] >= since]
                case other, _:
                    raise refuse(400, _error(f"not valid or hidden: {other}"))
        return {
            "searchResults": [{"self": f"{request.url}/{key}", "id": key} for key in found[:MOST]]
        }

    def _person(self, request: web.Request, row: Row) -> object:
        only_query(self, request, "fields")
        fields = request.query["fields"].split(",")
        return {name: value for name, value in row.items() if name in fields} | _links(request)

    def _patch(self, key: int, body: Row) -> object:
        status = body.get("status", {}).get("id")
        if set(body) != {"status"} or status not in STATUSES:
            raise refuse(400, _error("The list value is not valid"))
        self.move(key, status)
        self.writes.append((str(key), status))
        return web.Response(status=204)


def _workflow(request: web.Request, row: Row) -> object:
    status = {"id": row["status"], "value": STATUSES[row["status"]][0]}
    shown = {name: value for name, value in row.items() if name != "updated"}
    return shown | {"status": status} | _links(request)


def _links(request: web.Request) -> Row:
    return {"links": [{"rel": "self", "url": str(request.url)}]}


def _error(message: str) -> Row:
    return {"errors": [{"errorMessage": message, "errorCode": 2}]}


SERVER = Icims
