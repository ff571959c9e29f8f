"""Ashby's writes: stage changes that also archive and hire, notes, tags, custom fields."""

from typing import TYPE_CHECKING

from connectors.simulator import ashby_rows as rows
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Person, Reason, Stage

if TYPE_CHECKING:
    from connectors.simulator.ashby import Ashby

LOGICAL_ERROR = 200
CHANGE = {"archiveReasonId", "archiveEmail"}
NOTE = {"sendNotifications", "isPrivate", "createdAt"}


class AshbyWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "Ashby") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write methods."""
        handlers = {
            "application.changeStage": self._change_stage,
            "candidate.createNote": self._note,
            "candidate.addTag": self._tag,
            "candidate.removeTag": self._tag,
            "candidateTag.create": self._create_tag,
            "customField.setValue": self._set_value,
            "customField.setValues": self._set_values,
            "candidate.anonymize": self._anonymise,
        }
        return [Route("POST", f"/{n}", "write", n, handler) for n, handler in handlers.items()]

    def _change_stage(self, call: Call) -> Reply:
        given = self._simulator.body(call, CHANGE, "applicationId", "interviewStageId")
        application = self._simulator.application(given["applicationId"])
        stage = self._stage(application, given["interviewStageId"])
        reason = self._reason(given, stage)
        self._check(application, stage)
        if "archiveEmail" in given:
            self._send_email(application, stage)
        before = (application.stage, application.state, application.reason)
        self._enter(call, application, stage, reason)
        effect = before != (application.stage, application.state, application.reason)
        name = call.route.name
        self._simulator.wrote(name, call, application=application, effect=effect)
        return _ok(self._simulator.rows.application(application.number))

    def _stage(self, application: Application, key: object) -> Stage:
        number = rows.STAGE_IDS.number(key)
        stages = self._simulator.world.stages_of(application.job)
        found = next((stage for stage in stages if stage.number == number), None)
        if found is None:
            raise _not_found("Interview stage not found", "interview_stage_not_found")
        return found

    def _reason(self, given: Record, stage: Stage) -> Reason | None:
        if stage.kind != "Archived":
            return None
        if given.get("archiveReasonId") is None:
            message = "archiveReasonId is required for a stage of type Archived"
            raise Refusal(LOGICAL_ERROR, message, rule="archive_without_reason")
        number = rows.REASON_IDS.number(given["archiveReasonId"]) or 0
        if number not in self._simulator.world.reasons:
            raise _not_found("Archive reason not found", "archive_reason_not_found")
        return self._simulator.world.reasons[number]

    def _check(self, application: Application, stage: Stage) -> None:
        if stage.number == application.stage and self._simulator.same_stage_refused:
            raise Refusal(LOGICAL_ERROR, "The application is already in this stage")
        if stage.kind == "Hired" and self._simulator.hire_needs_offer:
            raise Refusal(LOGICAL_ERROR, "An accepted offer is required before hiring")

    def _send_email(self, application: Application, stage: Stage) -> None:
        """Send the archive e-mail, or refuse so that the stage stays as it is."""
        if stage.kind != "Archived":
            message = "archiveEmail is only allowed with a stage of type Archived"
            code = "communication_template_not_allowed"
            raise Refusal(LOGICAL_ERROR, message, code=code, rule="email_without_archiving")
        if self._simulator.archive_emails_fail:
            raise _not_found("Template not found", "communication_template_not_found")
        if application.state != "rejected":
            self._simulator.recorder.emails_sent += 1

    def _enter(
        self, call: Call, application: Application, stage: Stage, reason: Reason | None
    ) -> None:
        actions, user = self._simulator.actions, call.actor
        if reason is not None:
            if (application.state, application.reason) != ("rejected", reason.number):
                actions.reject(application, reason, user=user)
        elif stage.kind == "Hired":
            if application.state != "hired":
                actions.hire(application, user=user)
        elif application.state != "active":
            actions.unreject(application, stage=stage, user=user)
        elif stage.number != application.stage:
            actions.move(application, stage, user=user)

    def _note(self, call: Call) -> Reply:
        given = self._simulator.body(call, NOTE, "candidateId", "note")
        person = self._simulator.person(given["candidateId"])
        note = given["note"]
        text = note.get("value") if isinstance(note, dict) else note
        if not isinstance(text, str):
            raise Refusal(LOGICAL_ERROR, "note must be a text or {type, value}", rule="note_shape")
        written = self._simulator.actions.add_note(person, text, user=call.actor)
        self._simulator.wrote(call.route.name, call, person=person)
        return _ok(rows.note_row(self._simulator.world, written))

    def _tag(self, call: Call) -> Reply:
        given = self._simulator.body(call, set(), "candidateId", "tagId")
        person = self._simulator.person(given["candidateId"])
        number = rows.TAG_IDS.number(given["tagId"]) or 0
        if not 0 < number <= len(self._simulator.world.tags):
            raise _not_found("Tag not found", "candidate_tag_not_found")
        tag = self._simulator.world.tags[number - 1]
        kept = [known for known in person.tags if known != tag]
        adding = call.route.name == "candidate.addTag"
        effect = adding != (tag in person.tags)
        if effect:
            tags = [*kept, tag] if adding else kept
            self._simulator.actions.edit_person(person, {"tags": tags})
        self._simulator.wrote(call.route.name, call, person=person, effect=effect)
        return _ok(self._simulator.rows.candidate(person.number))

    def _create_tag(self, call: Call) -> Reply:
        given = self._simulator.body(call, set(), "title")
        title, known = str(given["title"]), self._simulator.world.tags
        effect = title not in known
        if effect:
            known.append(title)
        self._simulator.wrote(call.route.name, call, effect=effect)
        return _ok(rows.tag_row(self._simulator.world, title))

    def _set_value(self, call: Call) -> Reply:
        required = ("objectId", "objectType", "fieldId")
        given = self._simulator.body(call, {"fieldValue"}, *required)
        changes = {self._field(given, given["fieldId"]): given.get("fieldValue")}
        self._write_fields(call, given, changes)
        title, value = next(iter(changes.items()))
        return _ok({"id": given["fieldId"], "title": title, "value": value})

    def _set_values(self, call: Call) -> Reply:
        given = self._simulator.body(call, set(), "objectId", "objectType", "values")
        values = given["values"]
        if not isinstance(values, list):
            raise Refusal(LOGICAL_ERROR, "values must be a list", rule="values_not_a_list")
        changes = {self._field(given, v.get("fieldId")): v.get("fieldValue") for v in values}
        self._write_fields(call, given, changes)
        return _ok([{"title": title, "value": value} for title, value in changes.items()])

    def _field(self, given: Record, key: object) -> str:
        number = rows.FIELD_IDS.number(key) or 0
        if not 0 < number <= len(rows.FIELDS) or rows.FIELDS[number - 1][0] != given["objectType"]:
            raise _not_found("Custom field not found", "custom_field_not_found")
        return rows.FIELDS[number - 1][1]

    def _write_fields(self, call: Call, given: Record, changes: Record) -> None:
        name = call.route.name
        if given["objectType"] == "Application":
            application = self._simulator.application(given["objectId"])
            effect = _differs(application.custom_fields, changes)
            if effect:
                self._simulator.actions.edit_application(application, changes)
            self._simulator.wrote(name, call, application=application, effect=effect)
            return
        person = self._simulator.person(given["objectId"])
        effect = _differs(person.custom_fields, changes)
        if effect:
            self._simulator.actions.edit_person(person, {"custom_fields": changes})
        self._simulator.wrote(name, call, person=person, effect=effect)

    def _anonymise(self, call: Call) -> Reply:
        given = self._simulator.body(call, set(), "candidateId")
        person: Person = self._simulator.person(given["candidateId"])
        if any(a.state == "active" for a in self._simulator.world.applications_of(person)):
            raise Refusal(LOGICAL_ERROR, "Every application must be archived or hired first")
        self._simulator.actions.anonymise(person)
        self._simulator.wrote(call.route.name, call, person=person)
        return _ok(self._simulator.rows.candidate(person.number))


def _ok(results: object) -> Reply:
    return Reply.of({"success": True, "results": results})


def _not_found(message: str, code: str) -> Refusal:
    return Refusal(LOGICAL_ERROR, message, code=code)


def _differs(known: Record, changes: Record) -> bool:
    return any(known.get(name) != value for name, value in changes.items())
