"""Greenhouse's v3 writes: nothing is idempotent, every wrong state is a 422."""

import re
from dataclasses import dataclass
from typing import Literal

from connectors.simulator import greenhouse_rows as rows
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.vendor import differs, numbered
from connectors.simulator.world import Application, Person, Reason, Stage

NO_CONTENT = 204
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
NAMES = {"first_name", "last_name", "company", "title"}
VISIBILITIES = {"admin_only", "private", "public"}
NOTE_TYPES = {"NOTE", "ACTIVITY", "EMAIL"}
EMAIL = {"email_template_id", "send_email_at", "email_from_user_id"}


@dataclass(kw_only=True, eq=False)
class GreenhouseWrites(rows.GreenhouseRows):
    """Handlers of every write; each accepted one is recorded."""

    from_stage_space: Literal["stage", "row"] = "stage"
    """The ids that a move's `from_stage_id` is of: those of job interview stages, or of application
    stage rows (unverified 2026-11-23)."""

    def write_routes(self) -> list[Route]:
        on = "/v3/applications/{id}"
        person = "/v3/candidates/{id}"
        return [
            self.write_route("POST", f"{on}/move", "move", self._move, self.application),
            self.write_route("POST", f"{on}/reject", "reject", self._reject, self.application),
            self.write_route(
                "POST", f"{on}/unreject", "unreject", self._unreject, self.application
            ),
            self.write_route("POST", f"{on}/hire", "hire", self._hire, self.application),
            self.write_route(
                "PATCH", on, "edit_application", self._edit_application, self.application
            ),
            Route("PATCH", "/v3/rejection_details/{id}", "write", "reason", self._change_reason),
            self.write_route("PATCH", person, "edit_candidate", self._edit_candidate, self.person),
            self.write_route(
                "PATCH", f"{person}/anonymize", "anonymize", self._anonymise, self.person
            ),
            self.write_route("POST", f"{person}/merge", "merge", self._merge, self.person),
            self.write_route("DELETE", person, "delete_candidate", self._delete, self.person),
            Route("POST", "/v3/notes", "write", "note", self._note),
            Route("POST", "/v3/applied_candidate_tags", "write", "tag", self._tag),
        ]

    def _move(self, call: Call, application: Application) -> Reply:
        body = self.body(call, {"from_stage_id", "to_stage_id", "to_job_id", "email_from_user_id"})
        self._must_be(application, "active")
        if "from_stage_id" not in body:
            raise self.invalid("from_stage_id is required", "move_without_guard")
        present = rows.STAGE_IDS.of(application.stage)
        if self.from_stage_space == "row":
            present = rows.ENTRY_IDS.of(application.history[-1].number)
        if body["from_stage_id"] != present:
            raise self.invalid("from_stage_id is not the application's current stage")
        if "to_job_id" in body:
            raise self.invalid("Transfers to another job are not open to this integration")
        stage = self._target(application, body)
        if stage.number == application.stage:
            raise self.invalid("The application is already in this stage")
        self.actions.move(application, stage, user=call.actor)
        self.recorder.emails_sent += 1
        return self._done(call, application)

    def _target(self, application: Application, body: Record) -> Stage:
        """The stage asked for, or without one the next: that is how v3 advances."""
        if "to_stage_id" in body:
            found = self.stage_in(application.job, body["to_stage_id"])
        else:
            later = [
                s for s in self.world.stages_of(application.job) if s.number > application.stage
            ]
            found = later[0] if later else None
        if found is None:
            raise self.invalid("There is no such stage in the application's job")
        return found

    def _reject(self, call: Call, application: Application) -> Reply:
        body = self.body(call, {"rejection_reason_id", "notes", "rejection_email"})
        reason = self._given_reason(body)
        self._must_be(application, "active")
        emails = self._emails(body.get("rejection_email"))
        self.actions.reject(application, reason, user=call.actor)
        self.recorder.emails_sent += emails
        if body.get("notes"):
            self.remark(call, application, str(body["notes"]))
        return self._done(call, application)

    def _emails(self, given: object) -> int:
        """The number of e-mails asked for; a wrong form of the question is refused."""
        if given is None:
            return 0
        if not isinstance(given, dict) or set(given) - EMAIL:
            raise self.invalid("rejection_email has unknown fields", "unknown_body_field")
        if not isinstance(given.get("email_template_id"), int):
            raise self.invalid("email_template_id must be a number", "email_without_template")
        if "send_email_at" in given:
            self.moment(given["send_email_at"], "send_email_at")
        return 1

    def _unreject(self, call: Call, application: Application) -> Reply:
        self.body(call)
        self._must_be(application, "rejected")
        self.actions.unreject(application, user=call.actor)
        return self._done(call, application)

    def _hire(self, call: Call, application: Application) -> Reply:
        body = self.body(call, {"start_date", "opening_id", "close_reason_id"})
        self._must_be(application, "active")
        if not DATE.fullmatch(str(body.get("start_date", "2026-01-01"))):
            raise self.invalid("start_date must be a date", "start_date_no_date")
        openings = self.world.jobs[application.job].openings
        given = rows.OPENING_IDS.number(body["opening_id"]) if "opening_id" in body else None
        if len(openings) > 1 and given is None:
            raise self.invalid("opening_id is required: the job has several open openings")
        if given is not None and given not in openings:
            raise self.invalid("opening_id is no opening of this job")
        self.actions.hire(application, user=call.actor)
        return self._done(call, application)

    def _change_reason(self, call: Call) -> Reply:
        number = rows.DETAIL_IDS.number(call.ids["id"]) or 0
        application = self.world.applications.get(number)
        if application is None or application.state != "rejected":
            raise Refusal(404, "Resource not found")
        reason = self._given_reason(self.body(call, {"rejection_reason_id"}))
        changed = reason.number != application.reason
        self.actions.reject(application, reason, user=call.actor)
        return self._done(call, application, effect=changed)

    def _edit_application(self, call: Call, application: Application) -> Reply:
        body = self.body(call, {"custom_fields"})
        changes = self._custom_fields("application", body.get("custom_fields", []))
        effect = differs(application.custom_fields, changes)
        self.actions.edit_application(application, changes)
        self._done(call, application, effect=effect)
        return Reply.of(self.application_rows[application.number])

    def _edit_candidate(self, call: Call, person: Person) -> Reply:
        body = self.body(call, {"custom_fields", *NAMES})
        changes = {name: body[name] for name in NAMES if name in body}
        custom = self._custom_fields("candidate", body.get("custom_fields", []))
        effect = differs(person.custom_fields, custom) or bool(changes)
        self.actions.edit_person(person, {"custom_fields": custom, **changes})
        self.wrote(call, person, effect=effect)
        return Reply.of(self.candidate_rows[person.number])

    def _anonymise(self, call: Call, person: Person) -> Reply:
        self.actions.anonymise(person)
        self.wrote(call, person)
        return Reply(NO_CONTENT)

    def _merge(self, call: Call, primary: Person) -> Reply:
        duplicate = self.person(
            self.body(call, {"duplicate_candidate_id"})["duplicate_candidate_id"]
        )
        self.actions.merge(primary, duplicate)
        self.wrote(call, primary)
        return Reply(NO_CONTENT)

    def _delete(self, call: Call, person: Person) -> Reply:
        self.wrote(call, person)
        self.actions.delete_person(person, user=call.actor)
        return Reply(NO_CONTENT)

    def _note(self, call: Call) -> Reply:
        known = {"candidate_id", "application_id", "user_id", "body", "visibility", "note_type"}
        body = self.body(call, known)
        person = self.person(body.get("candidate_id"))
        user = self.user(body.get("user_id"))
        if user is None:
            raise self.invalid("user_id is no user of this account", "note_without_user")
        if body.get("visibility", "public") not in VISIBILITIES:
            raise self.invalid("visibility must be admin_only, private or public")
        if body.get("note_type", "NOTE") not in NOTE_TYPES:
            raise self.invalid("note_type must be NOTE, ACTIVITY or EMAIL")
        if not isinstance(body.get("body"), str) or not body["body"]:
            raise self.invalid("body is required", "note_without_body")
        application = None
        if body.get("application_id") is not None:
            application = self.application(body["application_id"])
            if application.person != person.number:
                raise self.invalid("application_id is of another candidate")
        note = self.note(call, application or person, str(body["body"]), user=user)
        return Reply.of(self.note_row(note), 201)

    def _tag(self, call: Call) -> Reply:
        body = self.body(call, {"candidate_id", "candidate_tag_id"})
        person = self.person(body.get("candidate_id"))
        tag = numbered(rows.TAG_IDS.number(body.get("candidate_tag_id")), self.world.tags)
        if tag is None:
            raise self.invalid("candidate_tag_id is no tag of this account")
        tags = person.tags if tag in person.tags else [*person.tags, tag]
        self.edit(call, person, {"tags": tags})
        return Reply(201)

    def _done(self, call: Call, application: Application, *, effect: bool = True) -> Reply:
        self.wrote(call, application, effect=effect)
        return Reply(NO_CONTENT)

    def _given_reason(self, body: Record) -> Reason:
        if "rejection_reason_id" not in body:
            raise self.invalid("rejection_reason_id is required", "reject_without_reason")
        reason = self.reason(body["rejection_reason_id"])
        if reason is None:
            raise self.invalid("rejection_reason_id is no reason of this account")
        return reason

    def _must_be(self, application: Application, state: str) -> None:
        if application.state != state:
            now = rows.STATUS[application.state]
            raise self.invalid(f"Application must be '{state}', is currently '{now}'")

    def _custom_fields(self, kind: str, given: object) -> Record:
        """Values by key from the list form of requests; a field the account lacks is refused."""
        known = {key: number for number, (of, key, _) in enumerate(rows.FIELDS, 1) if of == kind}
        by_id = {rows.FIELD_IDS.of(number): key for key, number in known.items()}
        if not isinstance(given, list):
            raise self.invalid("custom_fields must be a list", "custom_fields_not_a_list")
        changes: Record = {}
        for entry in given:
            key = entry.get("name_key") or by_id.get(entry.get("id", 0), "")
            if key not in known:
                raise self.invalid("There is no such custom field")
            changes[key] = None if entry.get("delete_value") == "true" else entry.get("value")
        return changes
