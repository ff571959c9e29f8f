"""A small strict JazzHR: filters and pages in the path, the key in the query, thin lists."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

PAGE_SIZE = 25
STATUSES = {"New": Status.NEW, "Phone Screen": Status.SCREENING, "Offer": Status.OFFER}
Row = dict[str, Any]
_THIN = ("id", "first_name", "last_name", "prospect_phone", "apply_date", "job_id", "job_title")


@dataclass(slots=True)
class JazzHr(ForeignAts):
    """One account with 51 applicants (the last page has one), one application each."""

    credentials: dict[str, str] = field(default_factory=lambda: {"api_key": "jazz-key"})
    applicants: dict[str, Row] = field(default_factory=dict)
    assignments: dict[str, Row] = field(default_factory=dict)
    users: list[Row] = field(default_factory=lambda: [{"id": "usr1"}])
    jobs: dict[str, Row] = field(
        default_factory=lambda: {"job1": {"id": "job1", "title": "Analyst"}}
    )

    def __post_init__(self) -> None:
        for at in range(51):
            self.add(f"pro{at:03}")

    def add(self, key: str) -> None:
        """Someone applies."""
        self.applicants[key] = {
            "id": key,
            "first_name": f"Given{key}",
            "last_name": "Family",
            "prospect_phone": "",
            "apply_date": "2026-10-01",
            "job_id": "job1",
            "job_title": "Analyst",
            "email": f"{key}@people.example",
        }
        self.assignments[f"as-{key}"] = {
            "id": f"as-{key}",
            "applicant_id": key,
            "job_id": "job1",
            "workflow_step_id": "New",
            "workflow_step_name": "New",
            "date": "2026-10-01",
            "hired_date": "0000-00-00",
        }

    def move(self, key: str, step: str) -> None:
        """A recruiter moves an applicant."""
        self.assignments[f"as-{key}"] |= {"workflow_step_id": step, "workflow_step_name": step}

    def truth(self) -> dict[str, Status]:
        """The status of every application."""
        return {key: STATUSES[row["workflow_step_name"]] for key, row in self.assignments.items()}

    def emails(self) -> dict[str, str]:
        """The address of everyone."""
        return {key: row["email"] for key, row in self.applicants.items()}

    def change(self) -> None:
        """A step, an address with a telephone number, and a new applicant."""
        self.move("pro003", "Phone Screen")
        self.applicants["pro004"] |= {"email": "moved@people.example", "prospect_phone": "+44 20 1"}
        self.add("pro900")

    def delete(self) -> None:
        """An applicant is deleted, with the application."""
        del self.applicants["pro005"], self.assignments["as-pro005"]

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        if "Authorization" in request.headers:
            self.violated("the key goes into the query")
        if request.query.get("apikey") != self.credentials["api_key"]:
            raise refuse(401, {"error": "unauthorised"})
        only_query(self, request, "apikey")
        if self.is_too_fast():
            raise refuse(429, {"error": "slow down"})
        return self._read(request.path.strip("/").split("/"))

    def _read(self, path: list[str]) -> object:
        match path:
            case ["users"]:
                return _bare(self.users)
            case ["applicants", "page", page]:
                rows = [{name: row[name] for name in _THIN} for row in self.applicants.values()]
                return _page(rows, page)
            case ["applicants", key] if key in self.applicants:
                return self.applicants[key]
            case ["applicants2jobs", "page", page]:
                return _page([*self.assignments.values()], page)
            case ["applicants2jobs", key] if key in self.assignments:
                return self.assignments[key]
            case ["jobs", "page", page]:
                return _page([*self.jobs.values()], page)
        raise refuse(404, {"error": "not found"})


def _page(rows: list[Row], page: str) -> object:
    start = (int(page) - 1) * PAGE_SIZE
    return _bare(rows[start : start + PAGE_SIZE])


def _bare(rows: list[Row]) -> object:
    """A single row comes without a list around it."""
    return rows[0] if len(rows) == 1 else rows


SERVER = JazzHr
