"""Greenhouse's v3 writes: nothing is idempotent, every wrong state is a 422."""

from typing import TYPE_CHECKING

from connectors.simulator import greenhouse_rows as rows
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.world import Application, Person, Reason, Stage

if TYPE_CHECKING:
    from connectors.simulator.greenhouse import Greenhouse

Body = dict[str, object]
NO_CONTENT = 204
NAMES = {"first_name", "last_name", "company", "title"}
VISIBILITIES = {"admin_only", "private", "public"}


class GreenhouseWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "Greenhouse") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
        on = "/v3/applications/{id}"
        person = "/v3/candidates/{id}"
        return [
            Route("POST", f"{on}/move", "write", "move", self._move),
            Route("POST", f"{on}/reject", "write", "reject", self._reject),
            Route("POST", f"{on}/unreject", "write", "unreject", self._unreject),
            Route("POST", f"{on}/hire", "write", "hire", self._hire),
            Route("PATCH", on, "write", "edit_application", self._edit_application),
            Route("PATCH", "/v3/rejection_details/{id}", "write", "reason", self._change_reason),
            Route("PATCH", person, "write", "edit_candidate", self._edit_candidate),
            Route("PATCH", f"{person}/anonymize", "write", "anonymize", self._anonymise),
            Route("POST", f"{person}/merge", "write", "merge", self._merge),
            Route("DELETE", person, "write", "delete_candidate", self._delete),
            Route("POST", "/v3/notes", "write", "note", self._note),
            Route("POST", "/v3/applied_candidate_tags", "write", "tag", self._tag),
        ]

    def _move(self, call: Call) -> Reply:
        application = self._application(call)
        body = _body(call, {"from_stage_id", "to_stage_id", "to_job_id", "email_from_user_id"})
        self._must_be(application, "active")
        if "from_stage_id" not in body:
            raise Refusal(422, "from_stage_id is required", rule="move_without_guard")
        if body["from_stage_id"] != self._present_stage_id(application):
            raise Refusal(422, "from_stage_id is not the application's current stage")
        if "to_job_id" in body:
            raise Refusal(422, "Transfers to another job are not open to this integration")
        stage = self._target(application, body)
        if stage.number == application.stage:
            raise Refusal(422, "The application is already in this stage")
        self._simulator.actions.move(application, stage, user=call.actor)
        self._simulator.recorder.emails_sent += 1
        return self._done("move", call, application)

    def _present_stage_id(self, application: Application) -> int:
        if self._simulator.from_stage_space == "row":
            return rows.ENTRY_IDS.of(application.history[-1].number)
        return rows.STAGE_IDS.of(application.stage)

    def _target(self, application: Application, body: Body) -> Stage:
        """The stage asked for, or without one the next: that is how v3 advances."""
        stages = self._simulator.world.stages_of(application.job)
        if "to_stage_id" in body:
            number = rows.STAGE_IDS.number(body["to_stage_id"])
            found = next((stage for stage in stages if stage.number == number), None)
        else:
            later = [s for s in stages if s.number > application.stage]
            found = later[0] if later else None
        if found is None:
            raise Refusal(422, "There is no such stage in the application's job")
        return found

    def _reject(self, call: Call) -> Reply:
        application = self._application(call)
        body = _body(call, {"rejection_reason_id", "notes", "rejection_email"})
        reason = self._reason(body)
        self._must_be(application, "active")
        self._simulator.actions.reject(application, reason, user=call.actor)
        if "rejection_email" in body:
            self._simulator.recorder.emails_sent += 1
        return self._done("reject", call, application)

    def _unreject(self, call: Call) -> Reply:
        application = self._application(call)
        _body(call, set())
        self._must_be(application, "rejected")
        self._simulator.actions.unreject(application, user=call.actor)
        return self._done("unreject", call, application)

    def _hire(self, call: Call) -> Reply:
        application = self._application(call)
        body = _body(call, {"start_date", "opening_id", "close_reason_id"})
        self._must_be(application, "active")
        openings = self._simulator.world.jobs[application.job].openings
        given = rows.OPENING_IDS.number(body["opening_id"]) if "opening_id" in body else None
        if len(openings) > 1 and given is None:
            raise Refusal(422, "opening_id is required: the job has several open openings")
        if given is not None and given not in openings:
            raise Refusal(422, "opening_id is no opening of this job")
        self._simulator.actions.hire(application, user=call.actor)
        return self._done("hire", call, application)

    def _change_reason(self, call: Call) -> Reply:
        number = rows.DETAIL_IDS.number(call.ids["id"]) or 0
        application = self._simulator.world.applications.get(number)
        if application is None or application.state != "rejected":
            raise Refusal(404, "Resource not found")
        reason = self._reason(_body(call, {"rejection_reason_id"}))
        changed = reason.number != application.reason
        self._simulator.actions.reject(application, reason, user=call.actor)
        return self._done("reason", call, application, effect=changed)

    def _edit_application(self, call: Call) -> Reply:
        application = self._application(call)
        body = _body(call, {"custom_fields"})
        changes = _custom_fields("application", body.get("custom_fields", []))
        effect = any(application.custom_fields.get(k) != v for k, v in changes.items())
        self._simulator.actions.edit_application(application, changes)
        self._done("edit_application", call, application, effect=effect)
        return Reply(200, self._simulator.rows.applications[application.number])

    def _edit_candidate(self, call: Call) -> Reply:
        person = self._person(call.ids["id"])
        body = _body(call, {"custom_fields", *NAMES})
        changes = {name: body[name] for name in NAMES if name in body}
        custom = _custom_fields("candidate", body.get("custom_fields", []))
        effect = any(person.custom_fields.get(k) != v for k, v in custom.items()) or bool(changes)
        self._simulator.actions.edit_person(person, {"custom_fields": custom, **changes})
        self._simulator.wrote("edit_candidate", call, person=person, effect=effect)
        return Reply(200, self._simulator.rows.candidates[person.number])

    def _anonymise(self, call: Call) -> Reply:
        person = self._person(call.ids["id"])
        self._simulator.actions.anonymise(person)
        self._simulator.wrote("anonymize", call, person=person)
        return Reply(NO_CONTENT)

    def _merge(self, call: Call) -> Reply:
        primary = self._person(call.ids["id"])
        duplicate = self._person(_body(call, {"duplicate_candidate_id"})["duplicate_candidate_id"])
        self._simulator.actions.merge(primary, duplicate)
        self._simulator.wrote("merge", call, person=primary)
        return Reply(NO_CONTENT)

    def _delete(self, call: Call) -> Reply:
        person = self._person(call.ids["id"])
        self._simulator.wrote("delete_candidate", call, person=person)
        self._simulator.actions.delete_person(person, user=call.actor)
        return Reply(NO_CONTENT)

    def _note(self, call: Call) -> Reply:
        known = {"candidate_id", "application_id", "user_id", "body", "visibility", "note_type"}
        body = _body(call, known)
        person = self._person(body.get("candidate_id"))
        user = rows.USER_IDS.number(body.get("user_id"))
        if user not in self._simulator.world.users:
            raise Refusal(422, "user_id is no user of this account", rule="note_without_user")
        if body.get("visibility", "public") not in VISIBILITIES:
            raise Refusal(422, "visibility must be admin_only, private or public")
        text = str(body.get("body", ""))
        note = self._simulator.actions.add_note(person, text, user=user or 1)
        self._simulator.wrote("note", call, person=person)
        return Reply.of(self._simulator.rows.note(note), 201)

    def _tag(self, call: Call) -> Reply:
        body = _body(call, {"candidate_id", "candidate_tag_id"})
        person = self._person(body.get("candidate_id"))
        number = rows.TAG_IDS.number(body.get("candidate_tag_id")) or 0
        if not 0 < number <= len(self._simulator.world.tags):
            raise Refusal(422, "candidate_tag_id is no tag of this account")
        tag = self._simulator.world.tags[number - 1]
        effect = tag not in person.tags
        if effect:
            self._simulator.actions.edit_person(person, {"tags": [*person.tags, tag]})
        self._simulator.wrote("tag", call, person=person, effect=effect)
        return Reply(201)

    def _done(
        self, kind: str, call: Call, application: Application, *, effect: bool = True
    ) -> Reply:
        self._simulator.wrote(kind, call, application=application, effect=effect)
        return Reply(NO_CONTENT)

    def _application(self, call: Call) -> Application:
        found = self._simulator.find_application(call.ids["id"])
        if found is None:
            raise Refusal(404, "Resource not found")
        return found

    def _person(self, key: object) -> Person:
        found = self._simulator.find_person(key)
        if found is None:
            raise Refusal(404, "Resource not found")
        return found

    def _reason(self, body: Body) -> Reason:
        if "rejection_reason_id" not in body:
            raise Refusal(422, "rejection_reason_id is required", rule="reject_without_reason")
        number = rows.REASON_IDS.number(body["rejection_reason_id"]) or 0
        if number not in self._simulator.world.reasons:
            raise Refusal(422, "rejection_reason_id is no reason of this account")
        return self._simulator.world.reasons[number]

    def _must_be(self, application: Application, state: str) -> None:
        if application.state != state:
            now = rows.STATUS[application.state]
            raise Refusal(422, f"Application must be '{state}', is currently '{now}'")


def _body(call: Call, allowed: set[str]) -> Body:
    body = call.json_object()
    unknown = sorted(set(body) - allowed)
    if unknown:
        raise Refusal(422, f"Unknown field: {unknown[0]}", rule="unknown_body_field")
    return body


def _custom_fields(kind: str, given: object) -> Body:
    """Values by key from the list form of requests; a field the account lacks is refused."""
    known = {key: number for number, (of, key, _) in enumerate(rows.FIELDS, 1) if of == kind}
    by_id = {rows.FIELD_IDS.of(number): key for key, number in known.items()}
    if not isinstance(given, list):
        raise Refusal(422, "custom_fields must be a list", rule="custom_fields_not_a_list")
    changes: Body = {}
    for entry in given:
        key = entry.get("name_key") or by_id.get(entry.get("id", 0), "")
        if key not in known:
            raise Refusal(422, "There is no such custom field")
        changes[key] = None if entry.get("delete_value") == "true" else entry.get("value")
    return changes
