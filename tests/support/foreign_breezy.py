"""A small strict Breezy HR: candidates by position, pipelines as a map, pauses until a moment."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from models.status import ApplicationStatus as Status
from tests.support.foreign import ForeignAts, only_query, refuse, soon

COMPANY = "0123456789abcd"
PAGE_SIZE = 20
PIPELINES = {
    "pl-default": {
        "applied": "Applied",
        "feedback": "Feedback",
        "interviewing": "Interviewing",
        "offer": "Offer",
        "disqualified": "Disqualified",
        "hired": "Hired",
    },
    "pl-own": {
        "1700000000001": "Applied",
        "1700000000002": "Interviewing",
        "1700000000003": "Disqualified",
        "1700000000004": "Hired",
    },
}
STATUSES = {
    "Applied": Status.NEW,
    "Feedback": Status.REVIEWING,
    "Interviewing": Status.INTERVIEW,
    "Offer": Status.OFFER,
    "Disqualified": Status.REJECTED,
    "Hired": Status.HIRED,
}
Row = dict[str, Any]


def _positions() -> dict[str, Row]:
    pipelines = ["pl-default", "pl-own", "pl-default", "pl-default"]
    states = ["published", "published", "archived", "draft"]
    return {
        f"pos{at}": {"_id": f"pos{at}", "name": f"Job {at}", "state": state, "pipeline_id": line}
        for at, (line, state) in enumerate(zip(pipelines, states, strict=True))
    }


@dataclass(slots=True)
class Breezy(ForeignAts):
    """One company. The last position has no candidates."""

    credentials: dict[str, str] = field(default_factory=lambda: {"token": "breezy_pat_1"})
    options: dict[str, str] = field(default_factory=lambda: {"company_id": COMPANY})
    positions: dict[str, Row] = field(default_factory=_positions)
    candidates: dict[str, dict[str, Row]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    """The values of custom attributes, by candidate."""
    comments: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for at in range(60):
            self.add(f"c{at:03}", f"pos{at % 3}")

    def add(self, key: str, position: str) -> None:
        """A new candidate at a position."""
        self.candidates.setdefault(position, {})[key] = {
            "_id": key,
            "meta_id": f"m-{key}",
            "name": f"Given{key} Family",
            "email_address": f"{key}@people.example",
            "phone_number": None,
            "headline": "Engineer",
            "stage": self._stage(position, "Applied"),
            "tags": [],
            "creation_date": "2026-10-01T08:00:00.000Z",
            "updated_date": "2026-10-01T08:00:00.000Z",
        }

    def move(self, position: str, key: str, stage: str) -> None:
        """A recruiter moves a candidate."""
        self.candidates[position][key]["stage"] = self._stage(position, stage)

    def truth(self) -> dict[str, Status]:
        """The status of every application."""
        return {
            f"{position}:{key}": STATUSES[row["stage"]["name"]]
            for position, rows in self.candidates.items()
            for key, row in rows.items()
        }

    def emails(self) -> dict[str, str]:
        """The address of everyone."""
        everyone = [row for rows in self.candidates.values() for row in rows.values()]
        return {row["_id"]: row["email_address"] for row in everyone}

    def change(self) -> None:
        """Two candidates are moved, one address corrected, and one applies."""
        self.move("pos0", "c000", "Offer")
        self.move("pos1", "c001", "Disqualified")
        self.candidates["pos2"]["c005"]["email_address"] = "moved@people.example"
        self.add("c900", "pos3")

    def delete(self) -> None:
        """A recruiter deletes a candidate."""
        del self.candidates["pos2"]["c002"]

    def _stage(self, position: str, name: str) -> Row:
        stages = PIPELINES[self.positions[position]["pipeline_id"]]
        return next({"id": key, "name": each} for key, each in stages.items() if each == name)

    async def serve(self, request: web.Request) -> object:
        """Every request of the API."""
        self._authorise(request)
        if self.is_too_fast():
            raise refuse(429, {}, X_RateLimit_Reset=soon(40))
        match request.path.strip("/").split("/"):
            case ["company", company, *rest] if company == COMPANY:
                return await self._company(request, rest)
        raise _error(403, "forbidden")

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "")
        if not token:
            raise _error(400, "missingAccessToken")
        if token.startswith("Bearer"):
            self.violated("the token is sent without a word before it")
        if token != self.credentials["token"]:
            raise _error(401, "invalidAccessToken")

    async def _company(self, request: web.Request, rest: list[str]) -> object:
        match request.method, rest:
            case "GET", ["positions"]:
                only_query(self, request, "state")
                return list(self.positions.values())
            case "GET", ["pipelines"]:
                return _pipelines()
            case "GET", ["position", position, "candidates"]:
                return self._page(request, self._at(position))
            case "GET", ["position", position, "candidate", key]:
                return self._one(position, key)
            case "PUT", ["position", position, "candidate", key, "stage"]:
                return await self._put_stage(request, position, key)
            case "PUT", ["position", position, "candidate", key, "custom-attribute"]:
                return await self._put_attribute(request, position, key)
            case "POST", ["position", position, "candidate", key, "stream"]:
                return await self._comment(request, position, key)
        raise _error(404, "notFound")

    def _page(self, request: web.Request, rows: dict[str, Row]) -> list[Row]:
        only_query(self, request, "page_size", "page", "sort")
        if request.query.get("sort", "updated") not in {"updated", "created"}:
            self.violated("lists are sorted by updated or created")
        size = min(int(request.query.get("page_size", PAGE_SIZE)), 50, PAGE_SIZE)
        start = (int(request.query.get("page", 1)) - 1) * size
        return list(rows.values())[start : start + size]

    def _at(self, position: str) -> dict[str, Row]:
        if position not in self.positions:
            raise _error(404, "positionNotFound")
        return self.candidates.get(position, {})

    def _one(self, position: str, key: str) -> Row:
        rows = self._at(position)
        if key not in rows:
            raise _error(404, "candidateNotFound")
        return rows[key]

    async def _put_attribute(self, request: web.Request, position: str, key: str) -> Row:
        row = self._one(position, key)
        body = json.loads(await request.text())
        if set(body) != {"name", "value", "secure"}:
            raise _error(500, "updateCandidateError")
        self.attributes[key] = body["value"]
        return row

    async def _comment(self, request: web.Request, position: str, key: str) -> Row:
        self._one(position, key)
        body = json.loads(await request.text())
        if set(body) != {"type", "body"} or body["type"] != "comment":
            raise _error(500, "createStreamError")
        self.comments.append((f"{position}:{key}", body["body"]))
        return {"_id": f"s{len(self.comments)}", **body}

    async def _put_stage(self, request: web.Request, position: str, key: str) -> web.Response:
        row = self._one(position, key)
        body = json.loads(await request.text())
        stages = PIPELINES[self.positions[position]["pipeline_id"]]
        if "stage_id" not in body:
            raise _error(400, "setCandidateStatusMissingStageId")
        if body["stage_id"] not in stages:
            raise _error(500, "setCandidateStatusError")
        self.move(position, row["_id"], stages[body["stage_id"]])
        self.writes.append((f"{position}:{key}", body["stage_id"]))
        return web.Response(status=204)


def _pipelines() -> dict[str, Row]:
    return {
        key: {
            "_id": key,
            "name": key,
            "type": "position",
            "pipeline": [{"id": stage, "name": name} for stage, name in stages.items()],
        }
        for key, stages in PIPELINES.items()
    }


def _error(status: int, kind: str) -> Exception:
    return refuse(status, {"error": {"type": kind, "message": kind}})


SERVER = Breezy
