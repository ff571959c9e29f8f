"""A small strict Workday: one custom report in JSON, without pages, filters or writes."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import encode_basic_auth, web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse

STAGES = {"Review": Status.NEW, "Interview": Status.INTERVIEW, "Offer": Status.OFFER}
REASONS = {"Not Enough Experience": Status.REJECTED, "Candidate Withdrew": Status.WITHDRAWN}
REPORT = "/ccx/service/customreport2/acme/ISU_Sync/Job_Applications"
Row = dict[str, Any]


@dataclass(slots=True)
class Workday(ForeignAts):
    """One tenant with 60 applications of 60 candidates; columns without a value are left out."""

    credentials: dict[str, str] = field(
        default_factory=lambda: {"username": "ISU_Sync", "password": "secret"}
    )
    options: dict[str, str] = field(
        default_factory=lambda: {
            "host": "wd3.workday.example",
            "tenant": "acme",
            "report_owner": "ISU_Sync",
            "report": "Job_Applications",
        }
    )
    base: str = "/ccx/service/customreport2/acme"
    rows: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for at in range(60):
            self.add(f"{at:03}")

    def add(self, key: str) -> None:
        """Someone applies."""
        self.rows[f"app{key}"] = {
            "Application_ID": f"app{key}",
            "Candidate_ID": f"can{key}",
            "First_Name": f"Given{key}",
            "Last_Name": "Family",
            "Email": f"p{key}@people.example",
            "Job_Requisition_ID": "R-7",
            "Job_Title": "Analyst",
            "Stage": "Review",
            "Hired": "0",
            "Applied_On": "2026-10-01T09:00:00.000-07:00",
        }

    def change(self) -> None:
        """A stage, two dispositions, a hire, an address, and a new application."""
        self.rows["app003"]["Stage"] = "Interview"
        self.rows["app004"]["Disposition_Reason"] = "Not Enough Experience"
        self.rows["app005"]["Disposition_Reason"] = "Candidate Withdrew"
        self.rows["app006"]["Hired"] = "1"
        self.rows["app008"]["Email"] = "moved@people.example"
        self.add("900")

    def delete(self) -> None:
        """A candidate is purged, with the application."""
        del self.rows["app007"]

    def truth(self) -> dict[str, Status]:
        """The status of every application."""
        return {key: _status(row) for key, row in self.rows.items()}

    def emails(self) -> dict[str, str]:
        """The address of every candidate."""
        return {row["Candidate_ID"]: row["Email"] for row in self.rows.values()}

    async def serve(self, request: web.Request) -> object:
        """The report, and nothing else."""
        if request.headers.get("Authorization") != encode_basic_auth(*self.credentials.values()):
            raise refuse(401, {"error": "invalid username or password"})
        if self.is_too_fast():
            raise refuse(429, {"error": "slow down"})
        only_query(self, request, "format")
        if request.query.get("format") != "json":
            self.violated("without format=json the answer is XML")
        if (request.method, request.path) != ("GET", REPORT):
            raise refuse(404, {"error": "there is no such report"})
        return {"Report_Entry": [*self.rows.values()]}


def _status(row: Row) -> Status:
    if row["Hired"] == "1":
        return Status.HIRED
    reason = row.get("Disposition_Reason")
    return STAGES[row["Stage"]] if reason is None else REASONS[reason]


SERVER = Workday
