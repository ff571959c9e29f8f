"""Many accounts at one hostile ATS, each of which answers writes in its own way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from models.ids import application_id, integration_id
from models.times import utc_now
from tests.support.wild import WildBench

DEFINITION = """\
connector: tiny
title: Tiny
api: {base_url: https://tiny.example, check: {get: /me}}
auth: {kind: header, name: X-Key, value: "{credentials.key}"}
credentials: {key: {description: a key}}
errors:
  rules:
    - {status: [422], on: [write], then: guard}
lists:
  applications:
    holds: both
    request: {get: /applications}
    records: rows
    pagination: {kind: none}
    cursor: {kind: none}
    fetch: {request: {get: "/applications/{id}"}}
  stages: {holds: lookup, request: {get: /stages}, records: rows}
candidate: {external_id: person, first_name: name}
application:
  external_id: id
  candidate_external_id: person
  stage: {external_id: stage.id, name: stage.name}
  applied_at: applied
  custom_fields: {each: fields, key: name, value: value}
statuses:
  outcomes: [{when: rejected, status: rejected}]
writes:
  read: {list: applications}
  stages: {list: stages}
  move:
    request: {post: "/applications/{application_id}/move", body: {from: "{guard}", to: "{stage_id}"}}
    guard: [stage.id]
  reject: {request: {post: "/applications/{application_id}/reject"}}
  unreject: {request: {post: "/applications/{application_id}/unreject"}, allowed_from: [rejected]}
analytics:
  kind: per_application
  request: {put: "/applications/{application_id}/fields/{field}", body: {value: "{value}"}}
"""
STAGES = ("New", "Interview", "Offer")


@dataclass(frozen=True, slots=True)
class Says:
    """An answer to a write, and its effect."""

    status: int = 204
    text: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    takes_effect: bool = False
    first: Callable[["Account"], None] = lambda _: None
    """Done at the ATS before it answers."""

    def response(self) -> web.Response:
        body = {"text": self.text, "content_type": self.content_type} if self.text else {}
        return web.Response(status=self.status, headers=self.headers, **body)  # type: ignore[arg-type]  # text and type are strings


@dataclass(slots=True)
class Account:
    """One customer's account. `says` are the answers to its next writes; then all is well."""

    says: list[Says]
    always: dict[str, Says] = field(default_factory=dict)
    """Answers to every write that concerns one application."""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    writes: list[Any] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stages = [{"id": f"s-{name.lower()}", "name": name} for name in STAGES]
        self.add("a1")

    def add(self, external_id: str) -> None:
        self.rows[external_id] = {
            "id": external_id,
            "person": f"p-{external_id}",
            "name": "Ada",
            "stage": dict(self.stages[0]),
            "rejected": False,
            "applied": "2026-01-05T09:00:00Z",
            "fields": [],
        }

    def move(self, external_id: str, stage_id: str) -> None:
        stage = next(each for each in self.stages if each["id"] == stage_id)
        self.rows[external_id]["stage"] = {"id": stage["id"], "name": stage["name"]}

    def answer(self, method: str, path: list[str], body: Any) -> web.Response:
        if method != "GET":
            return self._write(path, body)
        if path == ["stages"]:
            return web.json_response({"rows": self.stages})
        if path == ["applications"]:
            return web.json_response({"rows": list(self.rows.values())})
        row = self.rows.get(path[-1])
        return web.json_response(row) if row else web.Response(status=404)

    def _write(self, path: list[str], body: Any) -> web.Response:
        self.writes.append(body)
        says = self.always.get(path[1]) or (
            self.says.pop(0) if self.says else Says(takes_effect=True)
        )
        says.first(self)
        if says.takes_effect:
            self._take_effect(path, body)
        return says.response()

    def _take_effect(self, path: list[str], body: Any) -> None:
        if path[2].endswith("reject"):
            self.rows[path[1]]["rejected"] = path[2] == "reject"
        elif path[2] == "move":
            self.move(path[1], body["to"])
        else:
            self.rows[path[1]]["fields"] = [{"name": path[3], "value": body["value"]}]
        self.effects.append(path[1])


@dataclass(frozen=True, slots=True)
class Pushed:
    """An account's last push, as the operator sees it: a row of a table."""

    state: str
    reason: str | None = None
    says: str = ""
    """A part of `last_error`."""
    writes: int | None = 1
    """None: as many as there were occasions."""
    effects: int = 0
    stage: str = "s-new"
    """At the ATS."""


@dataclass(slots=True)
class Accounts:
    """Every account, by the name of its integration, which is the first part of the path."""

    accounts: dict[str, Account]

    async def __call__(self, request: web.Request) -> web.Response:
        name, *path = request.path.strip("/").split("/")
        account = self.accounts.get(name)
        if account is None:
            return web.json_response({"rows": []})
        body = await request.json() if await request.read() else None
        return account.answer(request.method, path, body)

    def configure(self, wild: WildBench, **operator: Any) -> None:
        """An integration for each of them beside the one of the bench."""
        for name in self.accounts:
            wild.bench.others[name] = {
                "connector": "tiny",
                "endpoint": f"{wild.ats.url}/{name}",
                "credentials": {"key": "secret-key"},
                "poll": {"every": "10s"},
                **operator,
            }
        wild.bench.write_config(connector_paths=[str(wild.bench.folder / "connectors")])

    async def recruit(self, wild: WildBench, status: str, external_id: str = "a1") -> None:
        """A recruiter sets this status in ClearView, in every account."""
        for name in self.accounts:
            identity = application_id(integration_id(name), external_id)
            changed = await wild.bench.clearview["applications"].update_one(
                {"_id": identity}, {"$set": {"status": status}}
            )
            assert changed.matched_count == 1, name

    async def recover(self, wild: WildBench) -> None:
        """Every account answers as it should, and what waits is due."""
        for account in self.accounts.values():
            account.says.clear()
        await wild.bench.own["status_outbox"].update_many(
            {"state": "retrying"}, {"$set": {"next_attempt_at": utc_now()}}
        )

    async def seen(self, wild: WildBench) -> dict[str, dict[str, Any]]:
        """The last push of every account, as its row in the outbox."""
        rows: dict[str, dict[str, Any]] = {}
        for name in self.accounts:
            of = {"ats_integration_id": integration_id(name), "reason": {"$ne": "echo"}}
            found = wild.bench.own["status_outbox"].find(of).sort("sequence", 1)
            rows[name] = (await found.to_list())[-1]
        return rows

    async def assert_seen(self, wild: WildBench, expected: dict[str, Pushed]) -> None:
        """The table and the outbox say the same, row by row."""
        rows = await self.seen(wild)
        seen = {
            name: Pushed(
                state=row["state"],
                reason=row["reason"],
                says=expected[name].says
                if expected[name].says in (row["last_error"] or "")
                else row["last_error"],
                writes=None if expected[name].writes is None else len(account.writes),
                effects=len(account.effects),
                stage=account.rows[external_id]["stage"]["id"]
                if (external_id := row["external_id"]) in account.rows
                else "",
            )
            for name, account in self.accounts.items()
            for row in [rows[name]]
        }
        assert seen == expected, {name: seen[name] for name in seen if seen[name] != expected[name]}
