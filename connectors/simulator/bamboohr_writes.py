"""BambooHR's writes: a status, a comment, a new application; nothing else can be changed."""

from dataclasses import dataclass

from connectors.simulator import bamboohr_rows as rows
from connectors.simulator.bamboohr_lists import BASE
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.vendor import status_parts
from connectors.simulator.world import Application, Contact, Reason

NEW = {"firstName", "lastName", "jobId", "email", "phoneNumber", "source", "websiteUrl"}


@dataclass(kw_only=True, eq=False)
class BambooHrWrites(rows.BambooHrRows):
    """Handlers of every write; each accepted one is recorded."""

    same_status_refused: bool = False

    def write_routes(self) -> list[Route]:
        one = f"{BASE}/applications/{{id}}"
        return [
            self.write_route("POST", f"{one}/status", "status", self._status, self.application),
            self.write_route(
                "POST", f"{one}/comments", "comments", self._comment, self.application
            ),
            Route("POST", f"{BASE}/application", "write", "create_application", self._create),
        ]

    def _status(self, call: Call, application: Application) -> Reply:
        """The status is a number here, though the list of statuses has texts."""
        given = self.body(call, {"status"}).get("status")
        if not isinstance(given, int) or isinstance(given, bool):
            raise self.invalid("status must be an integer", "status_not_an_integer")
        before = status_parts(application)
        target = self.reason(given) or self.world.stages.get(rows.STAGE_IDS.number(given) or 0)
        if target is None:
            raise self.invalid("Invalid status id")
        if rows.status_of(self.world, application)[0] != given:
            if isinstance(target, Reason):
                self.reject_for(application, target)
            else:
                self.enter(application, target)
        effect = before != status_parts(application)
        if not effect and self.same_status_refused:
            raise self.invalid("The application is already in this status")
        self.wrote(call, application, effect=effect)
        return Reply.of({"type": "positionApplicantStatus", "id": self.world.last_entry})

    def _comment(self, call: Call, application: Application) -> Reply:
        given = self.body(call, {"type", "comment"})
        kind = given.get("type", "comment")
        if kind != "comment" or not isinstance(given.get("comment"), str):
            raise self.invalid("type must be comment and comment a text", "comment_shape")
        note = self.note(call, application, str(given["comment"]))
        return Reply.of({"type": "comment", "id": note.number})

    def _create(self, call: Call) -> Reply:
        """Answers with what it calls a candidate's id and is the application's."""
        given = self.body(call, NEW)
        missing = [n for n in ("firstName", "lastName", "jobId") if not given.get(n)]
        if missing:
            raise Refusal(422, f"{missing[0]} is required", rule="parameter_missing")
        job = self.world.jobs.get(rows.JOB_IDS.number(given["jobId"]) or 0)
        if job is None:
            raise Refusal(422, "jobId is no job of this account")
        application = self.actions.new_applicant(job=job, changes=_person(given))
        self.wrote(call, application)
        key = rows.APPLICATION_IDS.of(application.number)
        return Reply.of({"result": "success", "candidateId": key})


def _person(given: Record) -> Record:
    """The known fields of a new applicant; all others stay empty."""
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
