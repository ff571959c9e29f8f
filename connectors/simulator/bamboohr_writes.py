"""BambooHR's writes: a status, a comment, a new application; nothing else can be changed."""

from typing import TYPE_CHECKING

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.bamboohr_lists import BASE
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Contact, Reason, Stage

if TYPE_CHECKING:
    from connectors.simulator.bamboohr import BambooHr

NEW = {"firstName", "lastName", "jobId", "email", "phoneNumber", "source", "websiteUrl"}


class BambooHrWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "BambooHr") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
        one = f"{BASE}/applications/{{id}}"
        return [
            Route("POST", f"{one}/status", "write", "status", self._status),
            Route("POST", f"{one}/comments", "write", "comments", self._comment),
            Route("POST", f"{BASE}/application", "write", "create_application", self._create),
        ]

    def _status(self, call: Call) -> Reply:
        """The status is a number here, though the list of statuses has texts."""
        application = self._simulator.application(call)
        given = _body(call, {"status"}).get("status")
        if not isinstance(given, int) or isinstance(given, bool):
            raise Refusal(400, "status must be an integer", rule="status_not_an_integer")
        before = (application.stage, application.state, application.reason)
        target = self._target(given)
        if rows.status_of(self._simulator.world, application)[0] != given:
            self._enter(application, target)
        effect = before != (application.stage, application.state, application.reason)
        if not effect and self._simulator.same_status_refused:
            raise Refusal(400, "The application is already in this status")
        self._simulator.wrote("status", call, application=application, effect=effect)
        return Reply.of({"type": "positionApplicantStatus", "id": self._simulator.world.last_entry})

    def _target(self, given: int) -> Stage | Reason:
        world = self._simulator.world
        reason = world.reasons.get(rows.CLOSED_IDS.number(given) or 0)
        stage = world.stages.get(rows.STAGE_IDS.number(given) or 0)
        found = reason or stage
        if found is None:
            raise Refusal(400, "Invalid status id")
        return found

    def _enter(self, application: Application, target: Stage | Reason) -> None:
        actions = self._simulator.actions
        if isinstance(target, Reason):
            actions.reject(application, target)
        elif target.kind == "HIRED":
            actions.hire(application)
        elif application.state != "active":
            actions.unreject(application, stage=target)
        else:
            actions.move(application, target)

    def _comment(self, call: Call) -> Reply:
        application = self._simulator.application(call)
        given = _body(call, {"type", "comment"})
        if given.get("type") != "comment" or not isinstance(given.get("comment"), str):
            raise Refusal(400, "type must be comment and comment a text", rule="comment_shape")
        person = self._simulator.world.people[application.person]
        note = self._simulator.actions.add_note(
            person, str(given["comment"]), application=application.number
        )
        self._simulator.wrote("comments", call, application=application)
        return Reply.of({"type": "comment", "id": note.number})

    def _create(self, call: Call) -> Reply:
        """Answers with what it calls a candidate's id and is the application's."""
        given = _body(call, NEW)
        missing = [n for n in ("firstName", "lastName", "jobId") if not given.get(n)]
        if missing:
            raise Refusal(422, f"{missing[0]} is required", rule="parameter_missing")
        job = self._simulator.world.jobs.get(rows.JOB_IDS.number(given["jobId"]) or 0)
        if job is None:
            raise Refusal(422, "jobId is no job of this account")
        application = self._simulator.actions.new_applicant(job=job, changes=_person(given))
        self._simulator.wrote(call.route.name, call, application=application)
        key = rows.APPLICATION_IDS.of(application.number)
        return Reply.of({"result": "success", "candidateId": key})


def _body(call: Call, allowed: set[str]) -> Record:
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise Refusal(400, "The body must be JSON", rule="content_type_wrong")
    given = call.json_object()
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise Refusal(400, f"{unknown[0]} is unknown", rule="unknown_body_field")
    return given


def _person(given: Record) -> Record:
    """What is known about a new applicant; all else stays empty."""
    named = {"emails": "email", "phones": "phoneNumber", "links": "websiteUrl"}
    kept: Record = {
        field: [Contact(str(given[name]), "other")] if given.get(name) else []
        for field, name in named.items()
    }
    return kept | {
        "first_name": str(given["firstName"]),
        "last_name": str(given["lastName"]),
        "source": given.get("source"),
    }
